"""REST: the participants of a conference. Call somebody into it, list, hold, mute, coach, send away."""

from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from flask import Blueprint, Response, jsonify, request

from simulator import rest_forms as forms
from simulator.conference import Conference, Participant
from simulator.documents import Step
from simulator.phone_call import CALL_MAX_S, Outgoing
from simulator.rest import PREFIX, exchange, not_found, page
from simulator.rest_calls import check_twiml
from simulator.rest_outgoing import TIMEOUT_S, called, caller_id, status_events
from simulator.ringing import TIMEOUT_MAX_S
from simulator.simulated_rest import PARTICIPANT, PARTICIPANT_UPDATE

blueprint = Blueprint("rest_participants", __name__, url_prefix=PREFIX)

# The parameters of a participant, and the attributes of <Conference> that say the same.
ATTRIBUTES = {
    "StartConferenceOnEnter": "startConferenceOnEnter",
    "EndConferenceOnExit": "endConferenceOnExit",
    "Muted": "muted",
    "Label": "participantLabel",
    "WaitUrl": "waitUrl",
    "WaitMethod": "waitMethod",
    "ConferenceTrim": "trim",
    "ConferenceStatusCallback": "statusCallback",
    "ConferenceStatusCallbackMethod": "statusCallbackMethod",
    "ConferenceRecordingStatusCallback": "recordingStatusCallback",
    "ConferenceRecordingStatusCallbackMethod": "recordingStatusCallbackMethod",
}
RECORD = ("true", "false", "record-from-start", "do-not-record")
LISTS = {
    "ConferenceStatusCallbackEvent": "statusCallbackEvent",
    "ConferenceRecordingStatusCallbackEvent": "recordingStatusCallbackEvent",
}


@blueprint.post("/Conferences/<conference>/Participants.json")
def create(account: str, conference: str) -> tuple[Response, int]:
    """Call somebody into a conference, by its sid or its name. `Record` records the participant's own leg."""
    forms.check(PARTICIPANT)
    form = request.form
    to_address, number = called(), caller_id()
    check_twiml(_document("Room"))
    outgoing = Outgoing(
        number.e164,
        to_address,
        Step(None),
        forms.recording_terms("StartConferenceRecordingAPI", "trim-silence") if forms.flag("Record") else None,
        timeout_s=forms.number("Timeout", TIMEOUT_S, TIMEOUT_MAX_S, 21208),
        time_limit_s=forms.number("TimeLimit", CALL_MAX_S, CALL_MAX_S),
        events=status_events(),
        is_agent=True,
    )
    callback, method = forms.url("StatusCallback"), forms.method("StatusCallbackMethod")
    joined = _open(conference)
    number = replace(number, voice_url="", voice_fallback_url="", status_callback=callback,
                     status_callback_method=method)  # fmt: skip
    outgoing = replace(outgoing, first=Step(None, twiml=_document(joined.name)))
    call = exchange().call_out(outgoing, number)
    coming = Participant(
        call,
        call.leg,
        call.line,
        label=form.get("Label", ""),
        starts_conference=forms.flag("StartConferenceOnEnter", default=True),
        ends_conference=forms.flag("EndConferenceOnExit"),
        is_muted=forms.flag("Muted"),
        coaches=form.get("CallSidToCoach", "") if forms.flag("Coaching") else "",
    )
    return jsonify(to_json(joined, coming, "queued")), 201


@blueprint.get("/Conferences/<sid:conference>/Participants.json")
def list_participants(account: str, conference: str) -> Response:
    """The participants who are in it now."""
    found = _find(conference)
    participants = list(found.participants)
    for parameter, attribute in {"Muted": "is_muted", "Hold": "is_held", "Coaching": "coaches"}.items():
        if value := request.args.get(parameter):
            participants = [p for p in participants if bool(getattr(p, attribute)) == (value == "true")]
    return page("participants", participants, lambda participant: to_json(found, participant))


@blueprint.get("/Conferences/<sid:conference>/Participants/<participant>.json")
def fetch(account: str, conference: str, participant: str) -> Response:
    found = _find(conference)
    return jsonify(to_json(found, _in(found, participant)))


@blueprint.post("/Conferences/<sid:conference>/Participants/<participant>.json")
def update(account: str, conference: str, participant: str) -> Response:
    forms.check(PARTICIPANT_UPDATE)
    found = _find(conference)
    changed, form = _in(found, participant), request.form
    asked = {name: forms.flag(name) for name in ("Hold", "Muted", "EndConferenceOnExit", "Coaching") if name in form}
    if "Hold" in asked:
        changed.is_held = asked["Hold"]
        found.note("participant-hold" if changed.is_held else "participant-unhold", changed)
    if "Muted" in asked:
        changed.is_muted = asked["Muted"]
        found.note("participant-mute" if changed.is_muted else "participant-unmute", changed)
    if "EndConferenceOnExit" in asked:
        changed.ends_conference = asked["EndConferenceOnExit"]
        found.note("participant-modify", changed)
    if "Coaching" in asked:
        changed.coaches = form.get("CallSidToCoach", changed.coaches) if asked["Coaching"] else ""
        found.note("participant-modify", changed)
    return jsonify(to_json(found, changed))


@blueprint.delete("/Conferences/<sid:conference>/Participants/<participant>.json")
def remove(account: str, conference: str, participant: str) -> tuple[str, int]:
    """Send a participant on to its next verb, which ends a leg that has none."""
    found = _find(conference)
    found.remove(_in(found, participant))
    return "", 204


def to_json(conference: Conference, participant: Participant, status: str = "connected") -> dict[str, Any]:
    account_sid, date_text, leg = exchange().config.account_sid, exchange().date_text, participant.leg
    path = f"/2010-04-01/Accounts/{account_sid}/Conferences/{conference.sid}/Participants/{leg.sid}.json"
    return {
        "account_sid": account_sid,
        "call_sid": leg.sid,
        "call_sid_to_coach": participant.coaches or None,
        "coaching": bool(participant.coaches),
        "conference_sid": conference.sid,
        "date_created": date_text(leg.created),
        "date_updated": date_text(leg.answered or leg.created),
        "end_conference_on_exit": participant.ends_conference,
        "hold": participant.is_held,
        "label": participant.label or None,
        "muted": participant.is_muted,
        "queue_time": "0",
        "start_conference_on_enter": participant.starts_conference,
        "status": status,
        "uri": path,
    }


def _find(sid: str) -> Conference:
    conference = exchange().conferences.get(sid)
    if conference is None:
        raise not_found()
    return conference


def _open(sid_or_name: str) -> Conference:
    """The conference to call somebody into. A name that no open conference has makes a conference."""
    found = exchange().conferences.get(sid_or_name)
    if found and found.is_over:
        raise not_found()
    return found or exchange().conference(sid_or_name)


def _in(conference: Conference, call_sid_or_label: str) -> Participant:
    participant = conference.find(call_sid_or_label)
    if participant is None:
        raise not_found()
    return participant


def _document(name: str) -> str:
    """The document that the called person is put through: nothing but the conference."""
    form = request.form
    attributes = {attribute: form[name] for name, attribute in ATTRIBUTES.items() if name in form}
    attributes |= {attribute: " ".join(form.getlist(name)) for name, attribute in LISTS.items() if name in form}
    if forms.word("ConferenceRecord", RECORD, "false") in ("true", "record-from-start"):
        attributes["record"] = "record-from-start"
    if form.get("Coaching") == "true":
        attributes["coach"] = form.get("CallSidToCoach", "")
    written = " ".join(f"{attribute}={quoteattr(value)}" for attribute, value in attributes.items())
    return f"<Response><Dial><Conference {written}>{escape(name)}</Conference></Dial></Response>"
