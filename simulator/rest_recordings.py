"""REST: recordings. Start, pause, stop, list, fetch, delete, and the media itself."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator import rest_forms as forms
from simulator.errors import RestError
from simulator.faults import Faults
from simulator.recorder import Recorded
from simulator.recordings import Recording
from simulator.rest import PREFIX, exchange, is_within_dates, not_found, page
from simulator.rest_calls import find as find_call
from simulator.simulated_rest import RECORDING, RECORDING_UPDATE
from simulator.sound import mixed, to_wav

blueprint = Blueprint("rest_recordings", __name__, url_prefix=PREFIX)
API_SOURCE = "StartCallRecordingAPI"


@blueprint.post("/Calls/<sid:call_sid>/Recordings.json")
def start(account: str, call_sid: str) -> tuple[Response, int]:
    """Record a leg that is under way. A second start by REST answers with the recording that runs already."""
    forms.check(RECORDING)
    leg, call = find_call(call_sid)
    terms = forms.recording_terms(API_SOURCE, "do-not-trim")
    if leg.status != "in-progress":
        raise RestError(400, 21220, "Requested resource is not eligible for recording")
    own = [recording for recording in call.recorder.recordings if recording.call_sid == leg.sid]
    running = [recording for recording in own if recording.is_running and recording.terms.source == API_SOURCE]
    recorded = Recorded(leg.sid, exchange().tape_of(leg))
    recording = running[0] if running else call.recorder.start(terms, recorded)
    return jsonify(of_call(recording, shown=recording.status)), 201


@blueprint.post("/Calls/<sid:call_sid>/Recordings/<sid:sid>.json")
def update(account: str, call_sid: str, sid: str) -> Response:
    """Pause, resume or stop. A stopped recording cannot be resumed."""
    find_call(call_sid)
    recording = _running(call_sid) if sid == "Twilio.CURRENT" else find(sid, call_sid)
    return jsonify(of_call(recording, shown=change(recording)))


def change(recording: Recording) -> str:
    """Pause, resume or stop a recording as the request says; returns its new status. Raises RestError.

    A conference's recording is stopped only where the configuration lets it be.
    """
    forms.check(RECORDING_UPDATE)
    recorder = exchange().call_of(recording).recorder
    wanted = request.form.get("Status", "")
    keeps_time = forms.word("PauseBehavior", ("silence", "skip"), "silence") == "silence"
    if not recording.is_running:
        raise RestError(400, 21220, "Recording is not in-progress. Cannot update status.")
    if wanted == "stopped" and recording.conference_sid and not exchange().config.conference_stops:
        raise RestError(400, 21220, "The recording of a conference cannot be stopped")
    if wanted == "stopped":
        recorder.stop(recording)
    elif wanted == "paused":
        recorder.pause(recording, keeps_time=keeps_time)
    elif wanted == "in-progress":
        recorder.resume(recording)
    else:
        raise RestError(400, 20001, "Status is required")
    return wanted


@blueprint.get("/Calls/<sid:call_sid>/Recordings.json")
def list_of_call(account: str, call_sid: str) -> Response:
    find_call(call_sid)
    return page("recordings", listed(call_sid), lambda recording: of_call(recording, is_listed=True))


@blueprint.get("/Recordings.json")
def list_all(account: str) -> Response:
    wanted = request.args.get("ConferenceSid")
    recordings = [r for r in listed(request.args.get("CallSid")) if wanted in (None, "", r.conference_sid)]
    return page("recordings", recordings, lambda recording: to_json(recording, is_listed=True))


@blueprint.get("/Calls/<sid:call_sid>/Recordings/<sid:sid>.json")
def fetch_of_call(account: str, call_sid: str, sid: str) -> Response:
    return jsonify(of_call(find(sid, call_sid)))


@blueprint.get("/Recordings/<sid:sid>.json")
def fetch(account: str, sid: str) -> Response:
    return jsonify(to_json(find(sid)))


@blueprint.delete("/Recordings/<sid:sid>.json", defaults={"call_sid": None})
@blueprint.delete("/Calls/<sid:call_sid>/Recordings/<sid:sid>.json")
def delete(account: str, call_sid: str | None, sid: str) -> tuple[str, int]:
    """The sound is gone at once; `IncludeSoftDeleted` still shows the recording."""
    delete_found(find(sid, call_sid, sees_deleted=False))
    return "", 204


def delete_found(recording: Recording) -> None:
    """Raises RestError for a recording that is not completed."""
    if recording.status not in ("completed", *(() if _faults(recording).recording.keeps_absent else ("absent",))):
        raise RestError(409, 20009, "Recording is not completed. Cannot delete.")
    exchange().erase(recording)


@blueprint.get("/Recordings/<sid:sid>")
@blueprint.get("/Recordings/<sid:sid>.wav")
def media(account: str, sid: str) -> Response:
    """The WAV of a completed recording that is not deleted, unless it went to a bucket of the account's owner."""
    recording = find(sid, sees_deleted=False)
    if exchange().services.external_storage:
        raise not_found()
    if recording.refusals_left > 0 and recording.status == "completed":
        recording.refusals_left -= 1
        raise not_found()
    if recording.status != "completed":
        raise not_found()
    tracks, wanted = recording.sound(), request.args.get("RequestedChannels", "")
    if wanted == "2" and len(tracks) == 1:
        raise RestError(400, 16113, "Cannot download a dual channel presentation of a mono recording")
    if wanted == "1" and len(tracks) == 2:
        tracks = [mixed(tracks)]
    return Response(to_wav(tracks), content_type="audio/x-wav")


def find(sid: str, call_sid: str | None = None, *, sees_deleted: bool | None = None) -> Recording:
    """A recording, of the named call if one is named. Raises RestError where no such recording is visible."""
    recording = exchange().recordings.get(sid)
    if recording is None or (call_sid and exchange().shown_call_sid(recording) != call_sid):
        raise not_found()
    may_see = _includes_deleted() if sees_deleted is None else sees_deleted
    if recording.deleted and not may_see:
        raise not_found()
    return recording


def to_json(recording: Recording, shown: str = "", *, is_listed: bool = False) -> dict[str, Any]:
    """The resource under its account."""
    return _faults(recording).show("recording", _row(recording, shown), is_listed=is_listed)


def of_call(recording: Recording, shown: str = "", *, is_listed: bool = False) -> dict[str, Any]:
    """The resource under its call: with its track, and without the media."""
    row = _row(recording, shown)
    del row["media_url"], row["subresource_uris"]
    row["uri"] = row["uri"].replace("/Recordings/", f"/Calls/{row['call_sid']}/Recordings/")
    row["track"] = recording.terms.track
    return _faults(recording).show("recording", row, is_listed=is_listed)


def of_conference(recording: Recording, shown: str = "", *, is_listed: bool = False) -> dict[str, Any]:
    """The resource under its conference: without the media."""
    row = _row(recording, shown)
    del row["media_url"], row["subresource_uris"]
    row["uri"] = row["uri"].replace("/Recordings/", f"/Conferences/{recording.conference_sid}/Recordings/")
    return _faults(recording).show("recording", row, is_listed=is_listed)


def _faults(recording: Recording) -> Faults:
    return exchange().call_of(recording).faults


def _row(recording: Recording, shown: str) -> dict[str, Any]:
    """A running or paused recording is shown as `processing`, unless `shown` says otherwise."""
    config, date_text = exchange().config, exchange().date_text
    path = f"/2010-04-01/Accounts/{config.account_sid}/Recordings/{recording.sid}"
    settled = recording.status in ("completed", "absent", "deleted")
    parts = ("add_on_results", "transcriptions")
    return {
        "account_sid": config.account_sid,
        "api_version": "2010-04-01",
        "call_sid": exchange().shown_call_sid(recording),
        "channels": recording.channels,
        "conference_sid": recording.conference_sid,
        "date_created": date_text(recording.started),
        "date_updated": date_text(recording.updated),
        "duration": None if recording.duration_s is None else str(recording.duration_s),
        "encryption_details": exchange().services.encryption_of(recording.sid),
        "error_code": recording.error_code or None,
        "media_url": exchange().services.media_url(recording.sid) or config.api_url + path,
        "price": None,
        "price_unit": "USD",
        "sid": recording.sid,
        "source": recording.terms.source,
        "start_time": date_text(recording.started),
        "status": shown or (recording.status if settled else "processing"),
        "subresource_uris": {part: f"{path}/{part.title().replace('_', '')}.json" for part in parts},
        "uri": f"{path}.json",
    }


def _running(call_sid: str) -> Recording:
    """The only running recording under a call."""
    running = [recording for recording in listed(call_sid) if recording.is_running]
    if not running:
        raise not_found()
    if len(running) > 1:
        raise RestError(400, 16108, "Several recordings are in progress. Use the SID of one.")
    return running[0]


def listed(call_sid: str | None) -> list[Recording]:
    """The recordings that the request's filters let through, newest first."""
    return [
        recording
        for recording in reversed(list(exchange().recordings.values()))
        if (not call_sid or exchange().shown_call_sid(recording) == call_sid)
        and (not recording.deleted or _includes_deleted())
        and is_within_dates("DateCreated", recording.started)
    ]


def _includes_deleted() -> bool:
    return request.args.get("IncludeSoftDeleted", "").lower() == "true"
