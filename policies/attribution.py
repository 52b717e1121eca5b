"""Which recording of a call its permit covers, by evidence that only our own recording can have.

A recording that reports to the address which only our document names is ours for certain. About any other the provider
says what started it, its form and, by its own clock, when it began. Times of two clocks are never grounds for a
destruction: they only add a doubt, and a recording in doubt is neither kept nor destroyed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# What Twilio calls a recording that somebody else's request, setting or verb started: never the one of our record.xml.
# The list is Twilio's documented set; `<Start><Recording>` is not in it, and the name of ours is only known from having
# been seen. So a recording under a name of neither kind can be ours too, where no other is likelier.
FOREIGN_SOURCES = frozenset(
    {
        "Conference",
        "DialVerb",
        "OutboundAPI",
        "RecordVerb",
        "StartCallRecordingAPI",
        "StartConferenceRecordingAPI",
        "Trunking",
    }
)
SEEN_FOR_OURS = "StartCallRecordingTwiML"
# How the document orders it (`record.xml`).
_CHANNELS, _TRACK = 2, "both"
# `<Start>` is the first verb of the document, and the provider's times are whole seconds: ours begins in these bounds
# about the moment at which the provider asked for the document.
_BEFORE_ASKED_MAX, _AFTER_ASKED_MAX = timedelta(seconds=1), timedelta(seconds=5)


class Verdict(StrEnum):
    OURS = "ours"
    FOREIGN = "foreign"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Attributed:
    """A verdict, and its grounds in words."""

    verdict: Verdict
    why: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A recording of a consented call, as far as the provider has reported it. Empty and None: not reported.

    `reports_to_us`: it was reported to the address that only our document names. `is_permitted`: so far it counts as
    ours; `is_quarantined`: it has been in doubt. `started_at` is by the provider's clock.
    """

    name: str
    source: str = ""
    reports_to_us: bool = False
    is_permitted: bool = False
    is_quarantined: bool = False
    channels: int | None = None
    track: str | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """When our recording was ordered, by the provider's clock.

    `asked_at`: when the provider says that it asked for the document that orders it. `not_before`: the earliest time at
    which ours can have begun, as far as the two clocks can be compared. None: unknown. `never_ordered`: the provider
    says that it asked for that document and got none. `withdrawn_by`: by when the consent was withdrawn, where it was.
    """

    asked_at: datetime | None = None
    not_before: datetime | None = None
    never_ordered: bool = False
    withdrawn_by: datetime | None = None


UNTIMED = Times()
REPORTS = "it reports to our own address"
AT_ITS_TIME = "it began when the provider asked for the document that orders it"
ALONE = "no other recording of the call can be the one that was ordered"
_ANOTHER = "another recording of the call is the one that was ordered"
_BY_OTHERS = "it was not started by a document of ours"
_NEVER_ORDERED = "no document that orders a recording has reached the provider"
_TWICE = "more than one recording of the call reports to our own address"
_SEVERAL = "more than one recording of the call can be the one that was ordered"
_EARLY = "it seems to have begun before it was ordered"
_OTHER_FORM = "it has not the form of the recording that was ordered"


def attribute(candidates: Sequence[Candidate], times: Times = UNTIMED) -> dict[str, Attributed]:
    """A verdict on each recording of a consented call, by name."""
    certain = [candidate for candidate in candidates if candidate.reports_to_us]
    if certain:
        return _beside_the_certain(candidates, certain)
    possible = [candidate for candidate in candidates if candidate.source not in FOREIGN_SOURCES]
    verdicts = {
        candidate.name: Attributed(Verdict.FOREIGN, _BY_OTHERS) for candidate in candidates if candidate not in possible
    }
    if times.never_ordered:
        return {candidate.name: Attributed(Verdict.FOREIGN, _NEVER_ORDERED) for candidate in candidates}
    if times.asked_at is not None:
        return verdicts | _by_their_order(possible, times.asked_at)
    return verdicts | _by_their_form(possible, times.not_before)


def _beside_the_certain(candidates: Sequence[Candidate], certain: Sequence[Candidate]) -> dict[str, Attributed]:
    """A permit covers a single recording; a second one that reports to us is for a person to look at."""
    ours = next((candidate for candidate in certain if candidate.is_permitted), certain[0])
    verdicts = {candidate.name: Attributed(Verdict.FOREIGN, _ANOTHER) for candidate in candidates}
    verdicts |= {candidate.name: Attributed(Verdict.UNCLEAR, _TWICE) for candidate in certain}
    return verdicts | {ours.name: Attributed(Verdict.OURS, REPORTS)}


def _by_their_order(possible: Sequence[Candidate], asked_at: datetime) -> dict[str, Attributed]:
    """Times are the provider's. The other recordings are foreign only beside the only recording that began then."""
    begin, end = asked_at - _BEFORE_ASKED_MAX, asked_at + _AFTER_ASKED_MAX
    timed = [candidate for candidate in possible if candidate.started_at is not None]
    at_its_time = [candidate for candidate in timed if candidate.started_at and begin <= candidate.started_at <= end]
    if len(at_its_time) == 1 and len(timed) == len(possible) and _fits(at_its_time[0]):
        verdicts = {candidate.name: Attributed(Verdict.FOREIGN, _ANOTHER) for candidate in possible}
        return verdicts | {at_its_time[0].name: Attributed(Verdict.OURS, AT_ITS_TIME)}
    return _by_their_form(possible, begin)


def _by_their_form(possible: Sequence[Candidate], not_before: datetime | None) -> dict[str, Attributed]:
    """The only recording that can be ours is ours, unless there is something against it.

    A recording that counted as ours so far gives way only to a certain one.
    """
    taken = [candidate for candidate in possible if candidate.is_permitted]
    likely = list(dict.fromkeys([*taken, *_likely([candidate for candidate in possible if _fits(candidate)])]))
    verdicts = {
        candidate.name: Attributed(Verdict.UNCLEAR, _SEVERAL if _fits(candidate) else _OTHER_FORM)
        for candidate in possible
    }
    if len(likely) == 1:
        verdicts[likely[0].name] = _alone(likely[0], not_before)
    return verdicts


def _alone(candidate: Candidate, not_before: datetime | None) -> Attributed:
    if not _fits(candidate):
        return Attributed(Verdict.UNCLEAR, _OTHER_FORM)
    return Attributed(Verdict.UNCLEAR, _EARLY) if _doubted(candidate, not_before) else Attributed(Verdict.OURS, ALONE)


def _doubted(alone: Candidate, not_before: datetime | None) -> bool:
    """A doubt that was raised by a comparison of clocks does not go because they can't be compared any more."""
    if not_before is None:
        return alone.is_quarantined
    return alone.started_at is not None and alone.started_at < not_before


def _likely(fitting: list[Candidate]) -> list[Candidate]:
    """The recordings with the source that ours has, or with none; where there are none, those with unknown sources."""
    return [candidate for candidate in fitting if candidate.source in ("", SEEN_FOR_OURS)] or fitting


def _fits(candidate: Candidate) -> bool:
    return candidate.channels in (None, _CHANNELS) and candidate.track in (None, "", _TRACK)
