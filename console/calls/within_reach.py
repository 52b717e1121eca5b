"""The call, or the recording of a call, that a route names: found only within the viewer's reach.

The same is looked up whether there is such an object or not, so that the time of an answer says no more than its bytes.
"""

from collections.abc import Mapping

from sqlalchemy import Connection

from console.viewer import Viewer
from storage.rows import agents, calls, recordings
from storage.rows.calls import Call
from storage.rows.recordings import Recording


def call_of(connection: Connection, viewer: Viewer, arguments: Mapping[str, str]) -> Call | None:
    call_id = arguments["call_id"]
    call, addresses = calls.peek(connection, call_id), agents.addresses(connection, call_id)
    return call if call and viewer.reach.covers(call.line, addresses) else None


def recording_of(connection: Connection, viewer: Viewer, arguments: Mapping[str, str]) -> Recording | None:
    """Of a call within reach, named with it."""
    call, found = call_of(connection, viewer, arguments), recordings.peek(connection, arguments["recording_id"])
    return found if found and call and found.call_id == call.id else None
