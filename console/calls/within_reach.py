"""The call, or the recording of a call, that a route names: found only within the viewer's reach."""

from collections.abc import Mapping

from sqlalchemy import Connection

from console.viewer import Viewer
from storage.rows import agents, calls, recordings
from storage.rows.calls import Call
from storage.rows.recordings import Recording


def call_of(connection: Connection, viewer: Viewer, arguments: Mapping[str, str]) -> Call | None:
    call = calls.peek(connection, arguments["call_id"])
    if call is None or not viewer.reach.covers(call.line, agents.addresses(connection, call.id)):
        return None
    return call


def recording_of(connection: Connection, viewer: Viewer, arguments: Mapping[str, str]) -> Recording | None:
    """Of a call within reach, named with it."""
    call = call_of(connection, viewer, arguments)
    found = recordings.peek(connection, arguments["recording_id"]) if call else None
    return found if found and call and found.call_id == call.id else None
