"""The words that a caller heard, in the order of the call, each with the wording whose hash the log names.

The words are those that the decisions in the log lead to. Where a step failed, or could only be settled later, the
caller was connected and heard none. Menus are no part of a wording: they are told as this program says them today.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from compliance.call_log import Entry
from compliance.call_page.course import Now, course_of
from compliance.call_page.happenings import Happening, happenings
from compliance.call_page.no_recording import Fate, WhyNone, why_none
from policies.consent import RECORDING_OUTCOMES, WITHDRAWN_BY_KEY, Answer, Mode, Outcome
from policies.lifecycle import CallState
from policies.wording import NoWording, Wording
from policies.wording_pack import menu_line, nearest, texts_of
from policies.words_after import parting_text, refusal_text, unrecorded_text

_ASK = frozenset({Mode.OPT_OUT, Mode.OPT_IN, Mode.MUST_RECORD})
_SAYS_SO = frozenset({WhyNone.NEVER_LINE, WhyNone.FORBIDDEN})
"""Reasons for which nobody is asked, and is told that nothing is recorded."""
_MENU_KEYS_MAX = 9


class Text(StrEnum):
    LANGUAGE_MENU = "language_menu"
    DISCLOSURE = "disclosure"
    QUESTION = "question"
    TAG = "tag"
    CONFIRMATION = "confirmation"
    WITHDRAWAL = "withdrawal"
    PARTING = "parting"


TEXTS: Mapping[Text, str] = {
    Text.LANGUAGE_MENU: "Languages offered",
    Text.DISCLOSURE: "Disclosure",
    Text.QUESTION: "Question",
    Text.TAG: "Said inside the recording",
    Text.CONFIRMATION: "Confirmation",
    Text.WITHDRAWAL: "After the consent was withdrawn by key",
    Text.PARTING: "End of the call",
}


@dataclass(frozen=True, slots=True)
class Said:
    """A text that came with an event. `sha256` is of its wording, empty for a text that is kept under no hash; `words`
    are empty where the wording is not kept. `audio` is the SHA-256 of the recording that was played, empty where a
    voice spoke. `round` counts from 1.
    """

    event: int
    what: Text
    words: str
    sha256: str
    language: str
    audio: str = ""
    round: int = 1


_Told = Iterator[tuple[Text, Callable[[Wording], str]]]


def words_heard(entries: Sequence[Entry], wordings: Mapping[str, Wording], first: str) -> list[Said]:
    """`wordings` are those that are kept, by their hash. `first` is the hash of the wording that the call came in with,
    which no event names on a line that records nobody.
    """
    course = course_of(happenings(entries), Now(sha256=first))
    return [said for now, one in course if not one.is_late for said in _said(now, one, wordings)]


def _said(now: Now, one: Happening, wordings: Mapping[str, Wording]) -> Iterator[Said]:
    if one.type == "language.asked":
        yield from _menu(now, one)
    elif one.type == "consent.withdrawn" and _is_by_key(one) and one.fields.get("ends_call") is not True:
        yield from _done(now, one)
    sha256 = one.text("prompt_sha256") if one.type == "disclosure.served" else now.sha256
    language, wording = one.text("language") or now.language, wordings.get(sha256)
    for what, of in _texts(now, one):
        words = of(wording) if wording else ""
        if words or wording is None:
            audio = _audio(what, wording) if wording else ""
            yield Said(one.index, what, words, sha256, language, audio, now.round)


def _texts(now: Now, one: Happening) -> _Told:
    """The texts of the wording that come with an event."""
    match one.type:
        case "disclosure.served":
            yield Text.DISCLOSURE, lambda wording: wording.disclosure
        case "disclosure.completed" if now.mode in _ASK:
            yield Text.QUESTION, lambda wording: wording.question
        case "disclosure.completed" if now.outcome in RECORDING_OUTCOMES:
            yield from _agreed_again(now)
        case "consent.choice":
            yield from _after_answer(now, one)
        case "recording.permitted":
            yield Text.TAG, lambda wording: wording.recorded_tag
        case "recording.suppressed":
            yield from _suppressed(now, one)
        case "call.refused":
            yield from _refused(now)
        case "consent.withdrawn" if one.fields.get("ends_call") is True:
            yield from _refused(now)
        case "consent.withdrawn" if now.answer:
            yield Text.CONFIRMATION, lambda wording: wording.declined
        case "call.sent_back":
            yield from _sent_back(now, one)
        case "conversation.ended":
            yield from _parting(one)


def _after_answer(now: Now, one: Happening) -> _Told:
    """A question that is asked again, or a consent that is given again; the other answers have events of their own."""
    if one.text("action") == "ask":
        if one.text("answer") == Answer.REPEAT:
            yield Text.DISCLOSURE, lambda wording: wording.disclosure
        yield Text.QUESTION, lambda wording: wording.question
    elif one.text("action") == "record" and now.outcome in RECORDING_OUTCOMES:
        yield from _agreed_again(now)


def _agreed_again(now: Now) -> _Told:
    """Of the recording of an earlier round nothing is said that is not certain."""
    if now.is_running is True and not now.is_paused:
        yield Text.TAG, lambda wording: wording.recorded_tag
    elif now.is_running is False and not now.is_paused:
        yield Text.CONFIRMATION, lambda wording: wording.not_recorded


def _suppressed(now: Now, one: Happening) -> _Told:
    outcome = one.text("outcome")
    is_told = now.answer or outcome == Outcome.DISCLOSURE_CUT_SHORT or now.before == "disclosure.completed"
    if is_told:
        yield Text.CONFIRMATION, lambda wording: unrecorded_text(wording, Outcome(outcome))
    elif now.before == "call.received" and why_none(Fate(outcome, one.text("reason"))) in _SAYS_SO:
        yield Text.DISCLOSURE, lambda wording: wording.disclosure


def _refused(now: Now) -> _Told:
    yield Text.PARTING, lambda wording: refusal_text(wording, now.on_refusal)
    yield Text.PARTING, lambda wording: wording.goodbye


def _sent_back(now: Now, one: Happening) -> _Told:
    match one.text("state"):
        case CallState.SUPPRESSED:
            yield Text.CONFIRMATION, lambda wording: unrecorded_text(wording, Outcome(now.outcome))
        case CallState.ENDED:
            yield Text.CONFIRMATION, lambda wording: wording.not_recorded
        case CallState.ENDING:
            yield from _refused(now)


def _parting(one: Happening) -> _Told:
    """Nothing after a conversation, nor where it is unknown whether there was one: then the caller was put through."""
    status, is_bridged = one.text("status"), one.fields.get("bridged") is True
    if is_bridged or status in ("", "completed", "answered"):
        return
    yield Text.PARTING, lambda wording: parting_text(wording, status)
    yield Text.PARTING, lambda wording: wording.goodbye


def _audio(what: Text, wording: Wording) -> str:
    return {Text.DISCLOSURE: wording.disclosure_audio, Text.QUESTION: wording.question_audio}.get(what, "")


def _menu(now: Now, one: Happening) -> Iterator[Said]:
    offered = one.fields.get("languages")
    for key, language in enumerate(offered[:_MENU_KEYS_MAX] if isinstance(offered, list) else [], start=1):
        try:
            words = menu_line(str(language), str(key))
        except NoWording:  # a language that this program no longer speaks
            words = ""
        yield Said(one.index, Text.LANGUAGE_MENU, words, "", str(language), round=now.round)


def _done(now: Now, one: Happening) -> Iterator[Said]:
    try:
        words = texts_of(nearest(now.language)).withdrawal_key.done(keeps=one.fields.get("keeps") is True)
    except NoWording:
        words = ""
    yield Said(one.index, Text.WITHDRAWAL, words, "", now.language, round=now.round)


def _is_by_key(one: Happening) -> bool:
    return one.text("reason") == WITHDRAWN_BY_KEY
