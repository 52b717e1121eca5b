"""What must become of a call, from what went over the wire and design §3 alone; `policies` has no say in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.calls.random_calls import RandomCall

Json = dict[str, Any]

OUTCOMES = frozenset(
    {
        "consented",
        "consented_by_staying",
        "declined",
        "silent",
        "unclear",
        "hung_up_in_disclosure",
        "hung_up_in_choice",
        "disclosure_cut_short",
        "disclosure_failed",
        "not_asked",
        "withdrawn",
    }
)
YES = frozenset({"consented", "consented_by_staying"})
QUESTIONS_MAX = 4
_APOLOGY = "We are sorry. An application error"
_NETWORK = "as was asked for"
_LOST = "the answer was lost"


@dataclass(frozen=True)
class Step:
    """A voice request that reached the service: the first delivery of it."""

    kind: str
    at_s: float
    digits: str
    asks: bool
    """Whether the answer to it asks a question."""


def steps_of(seen: Json) -> list[Step]:
    """Each once, but for the first: every new request there is a new round."""
    found: dict[tuple[str, int], Step] = {}
    round_ = 0
    for one in seen["documents"]:
        path = urlsplit(one["url"]).path
        if one["kind"] == "voice" and one["status"] == 200 and path.startswith("/voice/"):
            round_ += path.endswith("/answer") and not one["repeat"]
            step = Step(path.split("/")[2], one["at_s"], one["params"].get("Digits", ""), "<Gather" in one["twiml"])
            found.setdefault((path, round_), step)
    return list(found.values())


def allowed_outcomes(call: RandomCall, seen: Json) -> set[str]:
    """More than one only where the service can't tell a caller who hangs up from a line that is cut."""
    heard = _heard_outcomes(call, seen)
    if not is_refusal_unheard(call, seen):
        return heard
    return {"withdrawn"} if heard <= YES else {"declined"}


def is_refusal_unheard(call: RandomCall, seen: Json) -> bool:
    """Whether the caller refused, and not one delivery of it reached the service, which has no other refusal.

    Twilio's account of the call tells of it, and only there it differs from the log.
    """
    reached, refused = set[str](), set[str]()
    for one in seen["documents"]:
        path = urlsplit(one["url"]).path
        if one["kind"] == "voice" and path.startswith("/voice/consent/"):
            if one["status"] == 200 or _LOST in one["error"]:
                reached.add(path)
            elif one["params"].get("Digits") == "2":
                refused.add(path)
    return bool(refused - reached) and _heard_outcomes(call, seen).isdisjoint({"declined", "withdrawn"})


def _heard_outcomes(call: RandomCall, seen: Json) -> set[str]:
    is_told, outcome = False, ""
    for step in steps_of(seen):
        match step.kind:
            case "answer" if call.line == "never":
                return {"not_asked"}
            case "answer":
                is_told = False
            case "choice" if call.line == "notice" and call.is_lax and not call.has_declined:
                outcome = outcome or "consented_by_staying"
            case "choice":
                is_told = True
            case "consent" if not step.asks:
                decided = _decided(call, step.digits)
                if outcome in YES and decided not in YES:
                    return {"withdrawn"}
                outcome = outcome or decided
            case "fallback" if not outcome:
                return {"not_asked"} if is_told else {"disclosure_failed", "not_asked"}
    if outcome or not steps_of(seen):
        return {outcome or "not_asked"}
    return {"hung_up_in_choice"} if is_told else {"hung_up_in_disclosure"}


def _decided(call: RandomCall, digits: str) -> str:
    if call.has_declined and call.line != "must_record":
        return {"1": "consented", "2": "declined"}.get(digits, "not_asked")
    if digits:
        return {"1": "consented", "2": "declined"}.get(digits, "unclear")
    return "consented_by_staying" if call.line == "silence_is_consent" and call.is_lax else "silent"


def owed_nobody(call: RandomCall, seen: Json) -> bool:
    """Whether it is nobody's fault but the caller's, the network's or the rule's that no agent was rung."""
    is_refused = call.line == "must_record" and allowed_outcomes(call, seen).isdisjoint(
        {*YES, "not_asked", "withdrawn"}
    )
    return call.wrong_signature or is_refused or _hung_up(call, seen) or _was_cut_off(seen)


def _hung_up(call: RandomCall, seen: Json) -> bool:
    """The caller did it: at the moment that was planned, or after as many seconds, if the call lasted that long."""
    if isinstance(call.hangs_up, float):
        return bool(seen["duration_s"] >= call.hangs_up)
    return call.hangs_up in {"in_disclosure", "at_question"} and any(
        stage["stage"] == call.hangs_up for stage in seen["stages"]
    )


def _was_cut_off(seen: Json) -> bool:
    """Twilio apologised: the network kept step and fallback from us, or their answers from Twilio, to the last try."""
    apologised = any(heard["text"].startswith(_APOLOGY) for heard in seen["heard"])
    tries = [one for one in seen["documents"] if one["kind"] == "voice" and not one["repeat"]]
    return apologised and bool(tries) and _NETWORK in tries[-1]["error"] and "/fallback" in tries[-1]["url"]


def is_ours(recorded: Json) -> bool:
    return bool(recorded["source"] == "StartCallRecordingTwiML")


def untruths(call: RandomCall, seen: Json) -> Iterator[str]:
    """What was done or said on the line that §3 does not allow."""
    steps, ours = steps_of(seen), [one for one in seen["recordings"] if is_ours(one)]
    outcomes = allowed_outcomes(call, seen)
    if len(ours) > 1 or (ours and not outcomes <= {*YES, "withdrawn"}):
        yield f"{len(ours)} recordings of ours on a call that was {outcomes}"
    if any(step.asks and step.digits in {"1", "2"} for step in steps):
        yield "a clear answer was asked about again"
    if sum(step.kind == "consent" for step in steps) > QUESTIONS_MAX * sum(step.kind == "answer" for step in steps):
        yield "the caller is asked without end"
    said = {heard["text"] for heard in (*seen["heard"], *seen["whispered"])}
    if not ours and said & {"This call is now being recorded.", "This call is recorded."}:
        yield "somebody was told of a recording that there is not"
    if ours and outcomes <= YES and said & {"This call is not recorded.", "This call is not being recorded."}:
        yield "somebody was told that a recorded call is not recorded"
