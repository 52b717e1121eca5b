"""A call by the telephone's side alone: its requests and our answers, the keys pressed, the agents rung.

None of our rows are read. Where that side is uncertain, for example whether a request reached us, several outcomes of a
call may be right; else only one.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from compliance import twiml_reading
from compliance.twiml_reading import Twiml, Unreadable, Verb
from onrecord.demo.control_api import Fetched, SeenCall
from policies.consent import RECORDING_OUTCOMES, Outcome

Outcomes = frozenset[Outcome | None]  # None: the service knows nothing of the call
_STEPS = frozenset({"answer", "language", "choice", "consent", "ended", "star", "withdraw", "alone", "fallback"})
# Twilio's errors for a connection that never came about: nothing was sent.
_NEVER_SENT = frozenset({11100, 11201, 11202, 11210, 11220})
_HUNG_UP = frozenset({Outcome.HUNG_UP_IN_DISCLOSURE, Outcome.HUNG_UP_IN_CHOICE})
_UNDECIDED: Outcomes = _HUNG_UP | {None}
_REFUSALS = {("consent", "2"), ("withdraw", "1")}
_REFUSED = frozenset({Outcome.DECLINED, Outcome.WITHDRAWN})


@dataclass(frozen=True, slots=True)
class Asked:
    """A voice request about the caller's leg. `document` is None where no answer came that can be read."""

    step: str
    digits: str
    document: Twiml | None
    is_known: bool
    """Whether the service had it for certain: there was an answer, though it may have been lost on its way."""

    @property
    def asks(self) -> bool:
        return any(verb.asks_for_consent for verb in self._verbs)

    @property
    def records(self) -> bool:
        return any(verb.records for verb in self._verbs)

    @property
    def stops(self) -> bool:
        return "Stop" in self._names

    @property
    def goes_on(self) -> bool:
        """Whether it discloses, asks in which language, or asks for consent: nothing is decided by it."""
        return bool({"Gather", "Redirect"} & self._names)

    @property
    def only_connects(self) -> bool:
        """Whether it connects without a word, as where a step of ours failed: the decision may have been settled or
        not.
        """
        return "Dial" in self._names and not any(verb.is_spoken for verb in self._verbs)

    @property
    def _verbs(self) -> tuple[Verb, ...]:
        return self.document.verbs if self.document else ()

    @property
    def _names(self) -> set[str]:
        return {verb.name for verb in self._verbs}


@dataclass(frozen=True, slots=True)
class PhoneSide:
    asked: tuple[Asked, ...]
    outcomes: frozenset[Outcome]
    """What the call may be on record as."""

    @classmethod
    def of(cls, seen: SeenCall) -> "PhoneSide":
        """From a call that is over."""
        requests = list(_requests(seen))
        found: Outcomes = frozenset({None})
        for asked in requests:
            after = frozenset[Outcome | None]().union(*(_after(before, asked) for before in found))
            found = after if asked.is_known else found | after
        return cls(tuple(requests), frozenset[Outcome]().union(*(_ended(outcome, seen, requests) for outcome in found)))

    @property
    def was_agreed(self) -> bool:
        """Whether a document of ours told the caller, and rightly, that the call is recorded."""
        return any(asked.records and _agrees(asked) for asked in self.asked)

    @property
    def has_withdrawn_by_key(self) -> bool:
        """Whether the caller withdrew during the conversation: the line's rules say what becomes of the recording."""
        return any((asked.step, asked.digits) == ("withdraw", "1") for asked in self.asked)

    def is_consented(self, outcome: str) -> bool:
        """Whether the recording is to be kept. Our own outcome counts only where the telephone's side is uncertain."""
        return self.outcomes <= RECORDING_OUTCOMES or outcome in self.outcomes & RECORDING_OUTCOMES

    def wrongs(self) -> Iterable[tuple[str, str]]:
        """The wrongs of our documents themselves, each with the promise that it broke."""
        for asked in self.asked:
            if asked.records and not _agrees(asked):
                yield "P1", f"a recording was started after {asked.step} with {asked.digits or 'no key'}"
            if asked.step == "consent" and asked.digits == "2" and asked.asks:
                yield "P2", "the caller said no and was asked again"


def _requests(seen: SeenCall) -> Iterable[Asked]:
    """The requests that reached the service, and those that may have: Twilio cannot see whether only the answer was
    lost. A refusal that was never sent may be on record too, since Twilio reports it afterwards.
    """
    for fetched in seen.fetched:
        folder, _, path = urlsplit(fetched.url).path.removeprefix("/").partition("/")
        step = path.partition("/")[0]
        if fetched.kind != "voice" or folder != "voice" or step not in _STEPS:
            continue
        if fetched.params.get("CallSid") != seen.call_sid:
            continue
        digits, is_known = fetched.params.get("Digits", ""), fetched.status == HTTPStatus.OK
        if is_known or _may_be_known(fetched, step, digits):
            yield Asked(step, digits, _document(fetched.twiml) if is_known else None, is_known)


def _may_be_known(fetched: Fetched, step: str, digits: str) -> bool:
    if fetched.status is None and fetched.code not in _NEVER_SENT:
        return True
    return (fetched.status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR or (step, digits) in _REFUSALS


def _document(twiml: str) -> Twiml | None:
    try:
        return twiml_reading.read(twiml.encode())
    except Unreadable:
        return None


def _after(before: Outcome | None, asked: Asked) -> Collection[Outcome | None]:
    """The outcomes that the call may be on record with when a request has reached the service."""
    if before in _UNDECIDED:
        return _DECIDES[asked.step](before, asked)
    if asked.step == "consent" and asked.digits == "2":
        return {Outcome.WITHDRAWN, Outcome.DECLINED} if before in RECORDING_OUTCOMES else _also_declined(before)
    if asked.step == "withdraw" and asked.digits == "1":
        return {Outcome.WITHDRAWN} if before in RECORDING_OUTCOMES else {before}
    if before in RECORDING_OUTCOMES and asked.step in ("choice", "consent"):
        return _asked_again(before, asked)
    return {before}


def _also_declined(before: Outcome | None) -> Collection[Outcome | None]:
    """A refusal after another outcome without consent changes the outcome's name, and nothing else."""
    return {before} if before in _REFUSED else {before, Outcome.DECLINED}


def _asked_again(before: Outcome | None, asked: Asked) -> Collection[Outcome | None]:
    """A recorded call that was sent back: nothing but a renewed consent lets the recording go on."""
    if asked.stops:
        return {Outcome.WITHDRAWN}
    if asked.step == "choice" or asked.asks or asked.records:
        return {before}
    if asked.digits == "1":
        return {before, Outcome.CONSENTED}
    is_refused = asked.digits and asked.document and not asked.only_connects
    return {Outcome.WITHDRAWN} if is_refused else {before, Outcome.WITHDRAWN}


def _of_greeting(_: Outcome | None, asked: Asked) -> Collection[Outcome | None]:
    if not asked.is_known:
        return {Outcome.HUNG_UP_IN_DISCLOSURE, Outcome.NOT_ASKED}
    return {Outcome.HUNG_UP_IN_DISCLOSURE} if asked.goes_on else {Outcome.NOT_ASKED}


def _of_choice(_: Outcome | None, asked: Asked) -> Collection[Outcome | None]:
    if asked.asks:
        return {Outcome.HUNG_UP_IN_CHOICE}
    if asked.records:
        return {Outcome.CONSENTED_BY_STAYING}
    unasked = {Outcome.DISCLOSURE_CUT_SHORT, Outcome.NOT_ASKED}
    if asked.is_known and not asked.only_connects:
        return unasked
    return {*unasked, Outcome.HUNG_UP_IN_CHOICE, Outcome.CONSENTED_BY_STAYING}


def _of_consent(_: Outcome | None, asked: Asked) -> Collection[Outcome | None]:
    if asked.digits == "2":
        return {Outcome.DECLINED}
    if asked.asks:
        return {Outcome.HUNG_UP_IN_CHOICE}
    if asked.records:
        return {Outcome.CONSENTED if asked.digits else Outcome.CONSENTED_BY_STAYING}
    refused = {Outcome.NOT_ASKED, Outcome.UNCLEAR if asked.digits else Outcome.SILENT}
    if asked.digits == "1":
        refused = {Outcome.NOT_ASKED}
    if asked.is_known and not asked.only_connects:
        return refused
    permitted = {"1": {Outcome.CONSENTED}, "": {Outcome.CONSENTED_BY_STAYING}}.get(asked.digits, set())
    return {*refused, *permitted, Outcome.HUNG_UP_IN_CHOICE}


def _of_fallback(before: Outcome | None, _: Asked) -> Collection[Outcome | None]:
    if before is Outcome.HUNG_UP_IN_CHOICE:
        return {Outcome.NOT_ASKED}
    return {Outcome.DISCLOSURE_FAILED, Outcome.NOT_ASKED}


def _of_end(_: Outcome | None, __: Asked) -> Collection[Outcome | None]:
    return {Outcome.NOT_ASKED}


_DECIDES = {
    "answer": _of_greeting,
    "language": _of_greeting,
    "choice": _of_choice,
    "consent": _of_consent,
    "fallback": _of_fallback,
    "ended": _of_end,
    "star": _of_end,
    "withdraw": _of_end,
    "alone": _of_end,
}


def _ended(found: Outcome | None, seen: SeenCall, requests: Sequence[Asked]) -> Collection[Outcome]:
    """The outcome at the call's end. A caller for whom agents were rung did not hang up on a question before."""
    if found is None:
        return {Outcome.NOT_ASKED}
    if found not in _HUNG_UP:
        return {found}
    if seen.legs:
        return {Outcome.NOT_ASKED}
    is_all_known = all(asked.is_known for asked in requests) and not any(fetched.failure for fetched in seen.fetched)
    was_told = any(callback.kind == "call" and callback.status in range(200, 300) for callback in seen.callbacks)
    is_clear = seen.has_hung_up and is_all_known and was_told
    return {found} if is_clear else {found, Outcome.NOT_ASKED}


def _agrees(asked: Asked) -> bool:
    """Whether a request is an act of consent: the accept key, or staying on where that counts as consent."""
    return asked.step == "choice" or (asked.step == "consent" and asked.digits in ("1", ""))
