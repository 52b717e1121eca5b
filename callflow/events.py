"""The events of a call in the consent log. Public fields hold nothing personal; private fields can be erased."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from callflow.forms import CallEnded, FallbackAsked, IncomingCall
from callflow.incoming_call import Arrival
from evidence.events import Event, Value, timestamp
from policies.consent import Answer, Ask, Decision, EndCall, Record, Suppress, Withdraw
from policies.wording import Wording
from storage.rows.calls import Call
from storage.rows.permits import Permit
from storage.rows.withdrawing import under


def call_received(received: Call, arrival: Arrival, heard: IncomingCall, request_sha256: str) -> Event:
    """`ruling` holds the whole chain of reasons; `onrecord explain` prints the same."""
    private: dict[str, Value] = {
        "caller": heard.from_,
        "callee": heard.to,
        "provider_call_id": heard.call_sid,
        "request_sha256": request_sha256,
        "caller_hash": received.caller_hash,
    }
    if arrival.declined:
        # An earlier call and its time would tie two calls of one person together, so they can be erased.
        private["declined_on_call"] = arrival.declined.call_id
        private["declined_at"] = timestamp(arrival.declined.declined_at)
    return Event(
        "call.received",
        {
            "provider": "twilio",
            "direction": "inbound",
            "mode": received.mode,
            "language": received.language,
            "caller_place_by": arrival.known_by,
            **({"synthetic": True} if received.synthetic else {}),
            **({} if received.line else {"line": False}),
            **under(received),
            "ruling": arrival.ruling.told(),
        },
        private,
    )


def call_sent_back(call: Call) -> Event:
    """`round` is the round that begins now, `state` the state that the call was in."""
    return Event("call.sent_back", {"round": call.round + 1, "state": call.state})


def language_asked(languages: Sequence[str]) -> Event:
    return Event("language.asked", {"languages": list(languages)})


def language_chosen(language: str, *, by_key: bool) -> Event:
    return Event("language.chosen", {"language": language, "input": "dtmf" if by_key else "none"})


def disclosure_served(wording: Wording) -> Event:
    return Event(
        "disclosure.served",
        {
            "prompt": f"{wording.id}@{wording.version}",
            "prompt_sha256": wording.sha256,
            "language": wording.language,
            "mode": "audio" if wording.disclosure_audio else "tts",
        },
    )


def disclosure_completed(elapsed: timedelta) -> Event:
    public: dict[str, Value] = {"evidence": "next-verb-callback", "elapsed_ms": elapsed // timedelta(milliseconds=1)}
    return Event("disclosure.completed", public)


def consent_choice(
    call: Call, prompt: int, digits: str, answer: Answer, decision: Decision, request_sha256: str
) -> Event:
    """The log shows the key only if a single key was pressed: several could be anything, even a card number."""
    public: dict[str, Value] = {
        "attempt": prompt,
        "input": "none" if answer is Answer.SILENT else "dtmf",
        "digit": digits if len(digits) == 1 else "",
        "answer": answer,
        "action": _action(decision),
        "rule": call.mode,
        **under(call),
    }
    return Event("consent.choice", public, {"request_sha256": request_sha256})


def recording_permitted(call: Call, permit: Permit, conflicts: Sequence[str]) -> Event:
    return Event(
        "recording.permitted",
        {
            "outcome": permit.outcome,
            "basis": "express" if permit.outcome == "consented" else "implied",
            "purposes": [grant.purpose for grant in permit.purposes],
            "usable_until": {grant.purpose: grant.until.isoformat() for grant in permit.purposes},
            "retention": permit.retention,
            "retain_until": permit.retain_until.isoformat(),
            "policy_conflicts": list(conflicts),
            **under(call),
        },
    )


def call_refused(call: Call, why: EndCall) -> Event:
    public = {"outcome": why.outcome, "reason": why.reason, "on_refusal": call.on_refusal, **under(call)}
    return Event("call.refused", public)


def decline_forgotten() -> Event:
    return Event("decline.forgotten", {"because": "the caller asked to be recorded, by key"})


def conversation_ended(heard: CallEnded) -> Event:
    return Event("conversation.ended", {"status": heard.dial_call_status, "bridged": heard.bridged})


def call_hung_up(call: Call) -> Event:
    """Known from a request that Twilio sent after the call was over; `state` is the state that the call was in."""
    return Event("call.hung_up", {"state": call.state})


def step_settled_late(step: str, received_at: datetime, *, was_connected: bool) -> Event:
    """The step came and was answered at `received_at`, and is settled only now."""
    public: dict[str, Value] = {"step": step, "received_at": timestamp(received_at), "was_connected": was_connected}
    return Event("step.settled_late", public)


def call_fell_back(heard: FallbackAsked) -> Event:
    return Event("call.fallback", {"error_code": heard.error_code, "parting": heard.was_parting})


def call_unread(reason: str) -> Event:
    """A request that could not be acted on while its caller waited."""
    return Event("call.unread", {"reason": reason})


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
        case Withdraw():
            return "withdraw"
