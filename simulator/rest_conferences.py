"""REST: conferences and their recordings. Their participants have a module of their own."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator import rest_forms as forms
from simulator.conference import Conference
from simulator.recordings import Recording
from simulator.rest import PREFIX, exchange, is_within_dates, not_found, page
from simulator.rest_recordings import change, delete_found, listed, of_conference
from simulator.rest_recordings import find as find_recording
from simulator.simulated_rest import CONFERENCE_UPDATE

blueprint = Blueprint("rest_conferences", __name__, url_prefix=PREFIX)
IN_PROGRESS = ("processing", "in-progress", "paused")


@blueprint.get("/Conferences.json")
def list_conferences(account: str) -> Response:
    conferences = list(reversed(list(exchange().conferences.values())))
    for parameter, attribute in {"FriendlyName": "name", "Status": "status"}.items():
        if value := request.args.get(parameter):
            conferences = [conference for conference in conferences if getattr(conference, attribute) == value]
    conferences = [c for c in conferences if is_within_dates("DateCreated", c.created)]
    return page("conferences", conferences, to_json)


@blueprint.get("/Conferences/<sid:sid>.json")
def fetch_conference(account: str, sid: str) -> Response:
    return jsonify(to_json(find(sid)))


@blueprint.post("/Conferences/<sid:sid>.json")
def update_conference(account: str, sid: str) -> Response:
    """End the conference. Its participants go on to their next verbs."""
    forms.check(CONFERENCE_UPDATE)
    conference = find(sid)
    if forms.word("Status", ("", "completed"), "") == "completed":
        conference.end()
    return jsonify(to_json(conference))


@blueprint.get("/Conferences/<sid:sid>/Recordings.json")
def list_recordings(account: str, sid: str) -> Response:
    """Only the recordings in progress, unless the request names a status."""
    wanted = (request.args["Status"],) if request.args.get("Status") else IN_PROGRESS
    find(sid)
    rows = [of_conference(recording, is_listed=True) for recording in listed(None) if recording.conference_sid == sid]
    return page("recordings", [row for row in rows if row["status"] in wanted], lambda row: row)


@blueprint.get("/Conferences/<sid:conference_sid>/Recordings/<sid:sid>.json")
def fetch_recording(account: str, conference_sid: str, sid: str) -> Response:
    return jsonify(of_conference(_recording(conference_sid, sid)))


@blueprint.post("/Conferences/<sid:conference_sid>/Recordings/<sid:sid>.json")
def update_recording(account: str, conference_sid: str, sid: str) -> Response:
    """Pause, resume or stop."""
    recording = _recording(conference_sid, sid)
    return jsonify(of_conference(recording, shown=change(recording)))


@blueprint.delete("/Conferences/<sid:conference_sid>/Recordings/<sid:sid>.json")
def delete_recording(account: str, conference_sid: str, sid: str) -> tuple[str, int]:
    delete_found(_recording(conference_sid, sid, sees_deleted=False))
    return "", 204


def find(sid: str) -> Conference:
    conference = exchange().conferences.get(sid)
    if conference is None:
        raise not_found()
    return conference


def to_json(conference: Conference) -> dict[str, Any]:
    date_text, account_sid = exchange().date_text, exchange().config.account_sid
    path = f"/2010-04-01/Accounts/{account_sid}/Conferences/{conference.sid}"
    return {
        "account_sid": account_sid,
        "api_version": "2010-04-01",
        "call_sid_ending_conference": conference.ended_by,
        "date_created": date_text(conference.created),
        "date_updated": date_text(conference.updated),
        "friendly_name": conference.name,
        "reason_conference_ended": conference.reason,
        "region": "us1",
        "sid": conference.sid,
        "status": conference.status,
        "subresource_uris": {part: f"{path}/{part.title()}.json" for part in ("participants", "recordings")},
        "uri": f"{path}.json",
    }


def _recording(conference_sid: str, sid: str, *, sees_deleted: bool | None = None) -> Recording:
    if sid == "Twilio.CURRENT":
        running = [r for r in find(conference_sid).recordings if r.is_running]
        sid = running[0].sid if running else ""
    recording = find_recording(sid, sees_deleted=sees_deleted)
    if recording.conference_sid != conference_sid:
        raise not_found()
    return recording
