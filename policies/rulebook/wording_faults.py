"""The faults of the operator's own wordings as disclosures, independently of their approval."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from policies.consent import Mode
from policies.own_texts import Audio, OwnWording, own_wording_of
from policies.rulebook.mistakes import Findings
from policies.rules import Line
from policies.wording import spoken_length_s
from policies.wording_pack import KEYS_OF, texts_of

DISCLOSURE_LENGTH_S_MAX = 30
QUESTION_LENGTH_S_MAX = 20

_DIGITS = re.compile(r"\d+")


class Fault(NamedTuple):
    """`key` is the key of the wording's table that the fault is in."""

    key: str
    problem: str
    expected: str


def check_own_wordings(
    own: Sequence[OwnWording], business_name: str, lines: Sequence[Line], findings: Findings
) -> None:
    """Report every fault where it stands; `own` are all the rulebook's wordings, in its order."""
    for index, wording in enumerate(own):
        if not wording.variant:
            continue  # it could not be read, and the reason has been reported
        among_others = (*_faults_among(own, index), *_unused(wording, lines))
        for fault in (*wording_faults(wording, business_name), *among_others):
            findings.report(("wording", index, fault.key), fault.problem, fault.expected)
    for at, line in enumerate(lines):
        for wording, purposes in uncovered(own, line):
            problem = f"line[{at + 1}] has the purpose {', '.join(purposes)} too"
            path = ("wording", own.index(wording), "purposes")
            findings.report(path, problem, "every purpose of a line that it applies to, or {purposes} in the text")
        for wording in silent_about_key(own, line):
            problem = f"does not say that the star key stops the recording, as it does on line[{at + 1}]"
            expected = f"a sentence that names the key: {', '.join(_names_of_key(wording))}"
            findings.report(("wording", own.index(wording), "disclosure"), problem, expected)


def wording_faults(own: OwnWording, business_name: str) -> Iterator[Fault]:
    """The faults of one wording that has been read without a mistake, for the business that it speaks for."""
    yield from _disclosure_faults(own, business_name)
    yield from _purpose_faults(own)
    yield from _question_faults(own, business_name)
    yield from _audio_faults("disclosure_audio", own.disclosure_audio, own.disclosure)
    yield from _audio_faults("question_audio", own.question_audio, own.question)
    yield from _length_faults(own, business_name)


def uncovered(own: Sequence[OwnWording], line: Line) -> Iterator[tuple[OwnWording, tuple[str, ...]]]:
    """The wordings that a line's callers may hear and that name purposes themselves, but not these of the line."""
    for language in line.languages:
        for variant in KEYS_OF:
            wording = own_wording_of(own, variant, language, line.number)
            left = [purpose for purpose in line.purposes if wording and purpose not in wording.purposes]
            if wording and wording.purposes and left:
                yield wording, tuple(left)


def silent_about_key(own: Sequence[OwnWording], line: Line) -> Iterator[OwnWording]:
    """The disclosures that a line's callers may hear and that do not name the key by which they can withdraw."""
    for language in line.languages if line.withdrawal_key else ():
        for variant in KEYS_OF:
            wording = own_wording_of(own, variant, language, line.number) if variant != Mode.NEVER else None
            if wording and not any(name in wording.disclosure.casefold() for name in _names_of_key(wording)):
                yield wording


def _names_of_key(own: OwnWording) -> tuple[str, ...]:
    return texts_of(own.language).withdrawal_key.named


def _disclosure_faults(own: OwnWording, business_name: str) -> Iterator[Fault]:
    if "{business}" not in own.disclosure and not _named(business_name).search(own.disclosure):
        yield Fault("disclosure", "does not say who is called", "{business} or the business's name")
    if _digits(own.disclosure, business_name):
        yield Fault("disclosure", "names a key or number, and no key is heard yet", "keys in the question only")


def _purpose_faults(own: OwnWording) -> Iterator[Fault]:
    if own.variant == "never":
        if own.purposes:
            yield Fault("purposes", "means nothing where nothing is recorded", "no purposes")
        return
    by_placeholder = "{purposes}" in own.disclosure
    if not by_placeholder and not own.purposes:
        yield Fault("disclosure", "does not say why", '{purposes}, or purposes = ["…"] that its words name')
    if by_placeholder and own.purposes:
        yield Fault("purposes", "the disclosure has {purposes} already", "one or the other")


def _question_faults(own: OwnWording, business_name: str) -> Iterator[Fault]:
    expected, named = KEYS_OF[own.variant], _digits(own.question, business_name)
    if not expected:
        if own.question:
            yield Fault("question", f"{own.variant} asks nothing", "no question")
        return
    if named != expected:
        *others, last = sorted(expected)
        keys = f"the keys {', '.join(others)} and {last}, in digits, and no other"
        yield Fault("question", "names other keys than are heard" if own.question else "missing", keys)


def _audio_faults(key: str, audio: Audio | None, text: str) -> Iterator[Fault]:
    if audio is None:
        return
    if not text:
        yield Fault(key, "there is no question to be spoken", "no audio")
    if "{" in text:
        said = key.removesuffix("_audio")
        yield Fault(said, "a recording does not change with the rulebook", "the words that are spoken, without braces")


def _length_faults(own: OwnWording, business_name: str) -> Iterator[Fault]:
    """Where the words are timed, the longest of the purposes stands for {purposes}."""
    longest = max(texts_of(own.language).purposes.values(), key=spoken_length_s)
    for key, text, audio, length_s_max in (
        ("disclosure", own.disclosure, own.disclosure_audio, DISCLOSURE_LENGTH_S_MAX),
        ("question", own.question, own.question_audio, QUESTION_LENGTH_S_MAX),
    ):
        words = text.replace("{purposes}", longest).replace("{business}", business_name)
        length_s = audio.length_ms / 1000 if audio else spoken_length_s(words)
        if length_s > length_s_max:
            where = f"{key}_audio" if audio else key
            yield Fault(where, f"takes {length_s:.0f} s to say", f"{length_s_max} s at most")


def _faults_among(own: Sequence[OwnWording], index: int) -> Iterator[Fault]:
    first = [_place(wording) for wording in own].index(_place(own[index]))
    if first != index:
        yield Fault("variant", f"the same as wording[{first + 1}]", "each line, variant and language once")


def _unused(own: OwnWording, lines: Iterable[Line]) -> Iterator[Fault]:
    """A wording for a line that can never be heard there."""
    if own.line:
        there = next((line for line in lines if line.number == own.line), None)
        if there is None:
            yield Fault("line", "not a line of this rulebook", "the number of a [[line]], or none for every line")
        elif own.language not in there.languages:
            yield Fault("language", "not one that its line speaks", f"one of {', '.join(there.languages)}")


def _place(own: OwnWording) -> tuple[str, str, str]:
    return own.line, own.variant, own.language


def _digits(text: str, business_name: str) -> set[str]:
    """The numbers in a text, but for those in the business's name, in the digits that are on a telephone."""
    without_name = _named(business_name).sub(" ", text)
    return {"".join(str(int(digit)) for digit in number) for number in _DIGITS.findall(without_name)}


def _named(business_name: str) -> re.Pattern[str]:
    """The name as a word or the beginning of one, as in "Acme's"."""
    return re.compile(rf"(?<!\w){re.escape(business_name)}", re.IGNORECASE)
