"""The course of consent on a call, in terms of the Data Privacy Vocabulary (DPV 2): asked, given or not, taken back.

Express consent is a key that was pressed for it, and implied consent is staying on. Where silence does not count as
consent it is no refusal either: the caller's wish is then unknown.
"""

from collections.abc import Iterator
from datetime import datetime

from evidence.call_record import CallRecord, instant
from evidence.lawful_basis import said_of

State = dict[str, object]
_Happened = tuple[datetime, tuple[str, ...], dict[str, object]]
_CALLER, _CONTROLLER = {"@id": "dpv:DataSubject"}, {"@id": "dpv:DataController"}


def history(call: CallRecord, now: datetime) -> list[State]:
    """The states of consent, in the order of time."""
    states = [*_asked(call), *_answered(call), *_ended(call, now)]
    return [_written(*state) for state in sorted(states, key=lambda state: state[0])]


def _written(at: datetime, types: tuple[str, ...], more: dict[str, object]) -> State:
    return {"@type": list(types), "dpv:isIndicatedAtTime": instant(at), **more}


def _asked(call: CallRecord) -> Iterator[_Happened]:
    for notice in call.notices[:1]:
        yield notice.at, ("dpv:ConsentRequested",), _by(_CONTROLLER, f"disclosure {notice.prompt}, played on the call")


def _answered(call: CallRecord) -> Iterator[_Happened]:
    if call.is_open or call.decided_at is None:
        return
    at = call.decided_at
    match call.basis, call.outcome:
        case "express", _:
            yield at, ("dpv:ConsentGiven", "dpv:ExpressedConsent"), _by_key(call, "accepted")
        case "implied", _:
            stayed = "stayed on the line after the disclosure; no key was pressed for it"
            yield at, ("dpv:ConsentGiven", "dpv:ImpliedConsent"), _by(_CALLER, stayed)
        case _, "declined":
            yield at, ("dpv:ConsentRefused",), _by_key(call, "declined")
        case _, "withdrawn":
            return  # it was taken back before anything was given
        case _:
            yield at, ("dpv:ConsentUnknown",), {"dct:description": said_of(call)}


def _ended(call: CallRecord, now: datetime) -> Iterator[_Happened]:
    if call.withdrawn_at:
        yield call.withdrawn_at, ("dpv:ConsentWithdrawn",), {"dpv:isIndicatedBy": _CALLER}
        return
    ends = [grant.until for grant in call.grants if grant.until]
    if call.basis and ends and max(ends) <= now:
        yield max(ends), ("dpv:ConsentExpired",), {"dct:description": "the time that was agreed to is over"}
    elif call.basis and call.erased_at:
        yield call.erased_at, ("dpv:ConsentExpired",), {"dct:description": "what is personal about the call was erased"}


def _by_key(call: CallRecord, answer: str) -> dict[str, object]:
    digit = next((press.digit for press in reversed(call.presses) if press.answer == answer), "")
    return _by(_CALLER, f"DTMF digit {digit}" if digit else "DTMF key")


def _by(whom: dict[str, str], how: str) -> dict[str, object]:
    return {"dpv:isIndicatedBy": whom, "dpv:hasIndicationMethod": how}
