"""Whose a recording on the provider's account is: of a call of ours, or a stranger's; or the question to ask first.

A recording names a leg, a conference, both or neither. It is ours where that leg, a leg from which it was dialled, or
any leg in the conference is of a call of ours.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

GENERATIONS_MAX = 4
"""How many legs one behind the other are asked about: a leg dialled from a leg, and so on."""


class Arrival(StrEnum):
    """Of a leg that is no call of ours in our rows: how it stands to our lines."""

    ELSEWHERE = "elsewhere"  # it came to no line of ours, or long before there was this installation
    AWAITED = "awaited"  # it came to a line of ours, and its row may still be written
    PASSED_BY = "passed_by"  # it came to a line of ours, and no row will be written of it any more


@dataclass(frozen=True, slots=True)
class LegSeen:
    """The provider's account of a leg. `parent_sid` is of the leg from which it was dialled, or empty.

    `is_called_out`: a program calls somebody by it, maybe into a conference.
    """

    parent_sid: str = ""
    arrival: Arrival = Arrival.ELSEWHERE
    is_called_out: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """About a recording without a row. `ours` has our id of the call by the sid of each call, leg and conference that
    is noted. `legs`, `participants` and `met` are the provider's answers so far: None for a leg that it does not know;
    `met` has the other legs in the conferences that a leg is in. `unanswered` are the sids that it could not be asked
    about; `was_fetched`: the recording was asked for by itself.
    """

    call_sid: str
    conference_sid: str
    ours: Mapping[str, str] = field(default_factory=dict)
    legs: Mapping[str, LegSeen | None] = field(default_factory=dict)
    participants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    met: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unanswered: Collection[str] = ()
    was_fetched: bool = False


@dataclass(frozen=True, slots=True)
class Tied:
    """It belongs to a call of ours; `legs` and the conference, if it has any, belong to that call too."""

    call_id: str
    legs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stranger:
    """It is left alone. Where it is not certain that it is of no call of ours, a person has to look at it."""

    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class AskRecording:
    """The list does not say what it is of: ask for it by itself."""


@dataclass(frozen=True, slots=True)
class AskCall:
    sid: str


@dataclass(frozen=True, slots=True)
class AskConference:
    """Ask who is in it: the provider says so only as long as they are."""

    sid: str


@dataclass(frozen=True, slots=True)
class AskMeetings:
    """Ask which legs are in a conference with this leg."""

    sid: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Neither can be said yet; it is decided again at the next look."""


Found = Tied | Stranger | AskRecording | AskCall | AskConference | AskMeetings | Undecided


def decide(facts: Facts) -> Found:
    if facts.conference_sid in facts.ours:
        return Tied(facts.ours[facts.conference_sid])
    if not facts.call_sid and not facts.conference_sid:
        return Stranger(is_certain=False) if facts.was_fetched else AskRecording()
    found = [_trace(facts.call_sid, facts)] if facts.call_sid else []
    if facts.conference_sid and not any(isinstance(one_leg, Tied) for one_leg in found):
        found += _in_conference(facts)
    return min(found, key=_weight, default=Stranger(is_certain=False))


def _in_conference(facts: Facts) -> Iterator[Found]:
    sid = facts.conference_sid
    if sid in facts.unanswered:
        yield Undecided()
    elif sid not in facts.participants:
        yield AskConference(sid)
    else:
        for leg_sid in facts.participants[sid]:
            yield _trace(leg_sid, facts)


def _trace(leg_sid: str, facts: Facts, *, follows_meetings: bool = True) -> Found:
    """Goes from a leg to the leg from which it was dialled, until one of them is ours; then to those that it met."""
    legs: list[str] = []
    while leg_sid:
        if leg_sid in facts.ours:
            return Tied(facts.ours[leg_sid], tuple(legs))
        if len(legs) == GENERATIONS_MAX:
            return Stranger(is_certain=False)
        if leg_sid not in facts.legs:
            return Undecided() if leg_sid in facts.unanswered else AskCall(leg_sid)
        leg = facts.legs[leg_sid] or LegSeen()
        if leg.arrival is not Arrival.ELSEWHERE:
            return Undecided() if leg.arrival is Arrival.AWAITED else Stranger(is_certain=False)
        legs.append(leg_sid)
        if leg.is_called_out and follows_meetings:
            return _met(leg_sid, facts)
        leg_sid = leg.parent_sid
    return Stranger()


def _met(leg_sid: str, facts: Facts) -> Found:
    if leg_sid not in facts.met:
        return Undecided() if leg_sid in facts.unanswered else AskMeetings(leg_sid)
    found = [_trace(other_sid, facts, follows_meetings=False) for other_sid in facts.met[leg_sid]]
    first = min(found, key=_weight, default=Stranger())
    return Tied(first.call_id, (leg_sid, *first.legs)) if isinstance(first, Tied) else first


def _weight(found: Found) -> int:
    """A leg that is ours decides; then come questions and doubts; it is a stranger's where neither is left."""
    match found:
        case Tied():
            return 0
        case AskRecording() | AskCall() | AskConference() | AskMeetings():
            return 1
        case Undecided():
            return 2
        case Stranger(is_certain):
            return 4 if is_certain else 3
