"""How consent went on one call, in the terms of the Data Privacy Vocabulary (DPV 2): asked, given or not, taken back.

Express consent is a key that was pressed for it, and implied consent is staying on. Where silence does not count as
consent it is no refusal either: what the caller wanted is then not known.
"""

from collections.abc import Iterator
from datetime import datetime

from evidence.call_record import CallRecord, instant
from evidence.lawful_basis import said_of

State = dict[str, object]
_Happened = tuple[datetime, tuple[str, ...], dict[str, object]]
_CALLER, _CONTROLLER = {"@id": "dpv:DataSubject"}, {"@id": "dpv:DataController"}


def history(told: CallRecord, now: datetime) -> list[State]:
    """Each state that consent was in, in the order of time."""
    states = [*_asked(told), *_answered(told), *_ended(told, now)]
    return [_written(*state) for state in sorted(states, key=lambda state: state[0])]


def _written(at: datetime, types: tuple[str, ...], more: dict[str, object]) -> State:
    return {"@type": list(types), "dpv:isIndicatedAtTime": instant(at), **more}


def _asked(told: CallRecord) -> Iterator[_Happened]:
    for notice in told.notices[:1]:
        yield notice.at, ("dpv:ConsentRequested",), _by(_CONTROLLER, f"disclosure {notice.prompt}, played on the call")


def _answered(told: CallRecord) -> Iterator[_Happened]:
    if told.is_open or told.decided_at is None:
        return
    at = told.decided_at
    match told.basis, told.outcome:
        case "express", _:
            yield at, ("dpv:ConsentGiven", "dpv:ExpressedConsent"), _by_key(told, "accepted")
        case "implied", _:
            stayed = "stayed on the line after the disclosure; no key was pressed for it"
            yield at, ("dpv:ConsentGiven", "dpv:ImpliedConsent"), _by(_CALLER, stayed)
        case _, "declined":
            yield at, ("dpv:ConsentRefused",), _by_key(told, "declined")
        case _, "withdrawn":
            return  # it was taken back before anything was given
        case _:
            yield at, ("dpv:ConsentUnknown",), {"dct:description": said_of(told)}


def _ended(told: CallRecord, now: datetime) -> Iterator[_Happened]:
    if told.withdrawn_at:
        yield told.withdrawn_at, ("dpv:ConsentWithdrawn",), {"dpv:isIndicatedBy": _CALLER}
        return
    ends = [grant.until for grant in told.grants if grant.until]
    if told.basis and ends and max(ends) <= now:
        yield max(ends), ("dpv:ConsentExpired",), {"dct:description": "the time that was agreed to is over"}
    elif told.basis and told.erased_at:
        yield told.erased_at, ("dpv:ConsentExpired",), {"dct:description": "what is personal about the call was erased"}


def _by_key(told: CallRecord, answer: str) -> dict[str, object]:
    digit = next((press.digit for press in reversed(told.presses) if press.answer == answer), "")
    return _by(_CALLER, f"DTMF digit {digit}" if digit else "DTMF key")


def _by(whom: dict[str, str], how: str) -> dict[str, object]:
    return {"dpv:isIndicatedBy": whom, "dpv:hasIndicationMethod": how}
