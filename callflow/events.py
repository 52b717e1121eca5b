"""What the phone side writes into the consent log. Public fields hold nothing personal; private ones can be erased."""

from datetime import timedelta

from callflow.forms import CallEnded, FallbackAsked, IncomingCall
from evidence.events import Event, Value
from policies.consent import Answer, Ask, Decision, EndCall, Record, Suppress
from policies.jurisdictions import Demand
from policies.wording import Wording
from storage.calls import Call, Permit


def call_received(received: Call, demand: Demand, heard: IncomingCall, request_sha256: str) -> Event:
    return Event(
        "call.received",
        {
            "provider": "twilio",
            "direction": "inbound",
            "line": received.line,
            "mode": received.mode,
            "language": received.language,
            "rules_sha256": received.rules_sha256,
            "because": demand.reason,
        },
        {
            "caller": heard.from_,
            "provider_call_id": heard.call_sid,
            "request_sha256": request_sha256,
        },
    )


def disclosure_served(wording: Wording) -> Event:
    return Event(
        "disclosure.served",
        {
            "prompt": f"{wording.id}@{wording.version}",
            "prompt_sha256": wording.sha256,
            "language": wording.language,
            "mode": "tts",
        },
    )


def disclosure_completed(elapsed: timedelta) -> Event:
    public: dict[str, Value] = {"evidence": "next-verb-callback", "elapsed_ms": elapsed // timedelta(milliseconds=1)}
    return Event("disclosure.completed", public)


def consent_choice(
    prompt: int, digits: str, answer: Answer, decision: Decision, mode: str, request_sha256: str
) -> Event:
    """The key itself stands in the log only where it is a single one: more could be anything, a card number even."""
    public: dict[str, Value] = {
        "attempt": prompt,
        "input": "none" if answer is Answer.SILENT else "dtmf",
        "digit": digits if len(digits) == 1 else "",
        "answer": answer,
        "action": _action(decision),
        "rule": mode,
    }
    return Event("consent.choice", public, {"request_sha256": request_sha256})


def recording_permitted(permit: Permit) -> Event:
    return Event(
        "recording.permitted",
        {
            "outcome": permit.outcome,
            "basis": "express" if permit.outcome == "consented" else "implied",
            "purposes": [one.purpose for one in permit.purposes],
            "usable_until": {one.purpose: one.until.isoformat() for one in permit.purposes},
            "retention": permit.retention,
            "retain_until": permit.retain_until.isoformat(),
        },
    )


def recording_suppressed(why: Suppress) -> Event:
    return Event("recording.suppressed", {"outcome": why.outcome, "reason": why.reason})


def call_refused(why: EndCall) -> Event:
    return Event("call.refused", {"outcome": why.outcome, "reason": why.reason})


def conversation_ended(heard: CallEnded) -> Event:
    return Event("conversation.ended", {"status": heard.dial_call_status, "bridged": heard.bridged})


def call_fell_back(heard: FallbackAsked) -> Event:
    return Event("call.fallback", {"error_code": heard.error_code, "parting": heard.was_parting})


def _action(decision: Decision) -> str:
    match decision:
        case Ask():
            return "ask"
        case Record():
            return "record"
        case Suppress():
            return "suppress"
        case EndCall():
            return "end"
