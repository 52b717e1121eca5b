"""The control API: recordings that come back, and recordings that begin after their call."""

from flask import Blueprint, Response, jsonify

from simulator.control import body
from simulator.errors import RestError
from simulator.recorder import to_json
from simulator.rest import exchange, not_found

blueprint = Blueprint("control_recordings", __name__, url_prefix="/simulator")
LASTS_MAX_S = 3600.0


@blueprint.post("/recordings")
def record_late() -> tuple[Response, int]:
    """Make a recording now on behalf of a call or a leg that is over: `call_sid`, `source`, `lasts_s`."""
    given = {"source": "StartCallRecordingAPI", "lasts_s": 3.0, **body()}
    try:
        lasts_s = float(given.pop("lasts_s"))
        if not 0 < lasts_s <= LASTS_MAX_S:
            raise ValueError(f"a recording lasts no {lasts_s} s")
        recording = exchange().record_late(**given, lasts_s=lasts_s)
    except KeyError as error:
        raise not_found() from error
    except (ValueError, TypeError) as error:
        raise RestError(400, 20001, f"not a recording that can be made: {error}") from error
    return jsonify(to_json(recording)), 201


@blueprint.post("/recordings/<sid:sid>/restore")
def restore(sid: str) -> Response:
    """Undo a deletion, sound included."""
    recording = exchange().recordings.get(sid)
    if recording is None:
        raise not_found()
    if not recording.deleted:
        raise RestError(409, 20009, "the recording is not deleted")
    exchange().restore(recording)
    return jsonify(to_json(recording))
