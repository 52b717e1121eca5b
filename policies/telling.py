"""Telling people of incidents: by which ways, of which incidents, and the content of a message.

A message holds ids of ours, kinds, times and the advice about each kind. It holds no number, no name, and none of the
words with which an incident was raised, since those may quote the provider.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from policies.incidents import ADVICE, SEVERITY, IncidentKind, Severity, is_as_severe

_SUBJECT_MAX = 150
TURNS_MAX = 100
"""The turns of incidents that a message lists, the worst. Of more it says how many there are of each kind."""


class Turn(StrEnum):
    """A change of an incident."""

    OPENED = "opened"
    OPENED_AGAIN = "opened_again"
    CLOSED = "closed"


class MessageType(StrEnum):
    INCIDENTS = "incidents"
    ALL_WELL = "all_well"
    NOT_WELL = "not_well"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str


@dataclass(frozen=True, slots=True)
class Mail:
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """`words` are the program's absolute path and its arguments, which no shell reads."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to tell people. It is told of the `kinds` (none named: of every kind) that are at least `severity`, and
    that another way does not work.

    `all_well`: a message a day says that all is well, or what is not.
    """

    name: str
    by: Webhook | Mail | Command
    kinds: frozenset[IncidentKind] = frozenset()
    severity: Severity = Severity.INFO
    all_well: bool = False

    def wants(self, kind: IncidentKind, about: str) -> bool:
        """A way that does not work is told of by all other ways, since nobody would know otherwise, and not by itself,
        since it would be told of without end.
        """
        if kind is IncidentKind.NOT_TOLD:
            return about != self.name
        return (not self.kinds or kind in self.kinds) and is_as_severe(SEVERITY[kind], self.severity)


@dataclass(frozen=True, slots=True)
class Notice:
    """A turn of an incident that people are to be told of. `call_id` is our id of the call that it is about."""

    incident: int
    kind: IncidentKind
    call_id: str | None
    turn: Turn
    at: datetime


@dataclass(frozen=True, slots=True)
class Wellness:
    """The result of a look at the whole service: how many incidents of each kind are open, and checks that failed."""

    open: Mapping[IncidentKind, int]
    unchecked: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        return not self.open and not self.unchecked


def of_incidents(at: datetime, installation: str, notices: Sequence[Notice], *, still_open: int) -> str:
    """The message about turns of incidents, the oldest first. `still_open` is how many are open in all."""
    listed, others = _worst(notices)
    turns = [
        {
            "incident": notice.incident,
            "kind": notice.kind,
            "severity": SEVERITY[notice.kind],
            "turn": notice.turn,
            "at": notice.at.isoformat(),
            "call": notice.call_id,
            "meaning": ADVICE[notice.kind].meaning,
            "remedy": ADVICE[notice.kind].remedy,
        }
        for notice in listed
    ]
    others_of = Counter(notice.kind for notice in others)
    return _message(
        MessageType.INCIDENTS, at, installation, turns=turns, not_listed=_sorted(others_of), still_open=still_open
    )


def _worst(notices: Sequence[Notice]) -> tuple[list[Notice], list[Notice]]:
    """The turns to list and the others: a storm of small things hides nothing that is worse."""
    order = [*Severity]

    def weight(place: int) -> tuple[bool, int]:
        return notices[place].turn is Turn.CLOSED, -order.index(SEVERITY[notices[place].kind])

    places = sorted(range(len(notices)), key=weight)
    listed, others = sorted(places[:TURNS_MAX]), places[TURNS_MAX:]
    return [notices[place] for place in listed], [notices[place] for place in others]


def of_the_day(at: datetime, installation: str, found: Wellness) -> str:
    kind = MessageType.ALL_WELL if found.is_well else MessageType.NOT_WELL
    return _message(kind, at, installation, open=_sorted(found.open), unchecked=list(found.unchecked))


def of_a_test(at: datetime, installation: str) -> str:
    return _message(MessageType.TEST, at, installation)


def subject(body: str) -> str:
    """The subject of a mail, for the JSON text of a message."""
    message = json.loads(body)
    data, place = message["data"], message["data"]["installation"]
    match MessageType(message["type"]):
        case MessageType.INCIDENTS:
            opened = [turn for turn in data["turns"] if turn["turn"] != Turn.CLOSED]
            severities = [severity for severity in reversed(Severity) if severity in {t["severity"] for t in opened}]
            kinds = ", ".join(dict.fromkeys(turn["kind"] for turn in opened or data["turns"]))
            said = f"{severities[0]}: {kinds}" if opened else f"closed: {kinds}"
        case MessageType.ALL_WELL:
            said = "all is well"
        case MessageType.NOT_WELL:
            said = f"not well: {', '.join([*data['open'], *data['unchecked']])}"
        case MessageType.TEST:
            said = "a test"
    return f"onrecord {place}: {said}"[:_SUBJECT_MAX]


def in_words(body: str) -> str:
    """The text of a mail, for the JSON text of a message."""
    message = json.loads(body)
    return "\n".join([*_lines(MessageType(message["type"]), message["data"]), "", f"at {message['timestamp']}"])


def _lines(kind: MessageType, data: Mapping[str, Any]) -> Iterable[str]:
    match kind:
        case MessageType.INCIDENTS:
            for turn in data["turns"]:
                about = f" (call {turn['call']})" if turn["call"] else ""
                yield f"{turn['at']}  incident {turn['incident']} {_TURN[turn['turn']]}: {turn['kind']}{about}"
                if turn["turn"] != Turn.CLOSED:
                    yield f"  {turn['severity']}. {turn['meaning']} {turn['remedy']}"
            yield from (f"and {count} more of {name}" for name, count in data["not_listed"].items())
            yield f"{data['still_open']} incidents are open: `onrecord incidents` lists them."
        case MessageType.ALL_WELL:
            yield "No incident is open, and the checks of the day passed."
        case MessageType.NOT_WELL:
            yield from (f"open: {count} of {name}" for name, count in data["open"].items())
            yield from (f"not checked: {what}" for what in data["unchecked"])
            yield "`onrecord incidents` lists what a person must look at."
        case MessageType.TEST:
            yield "A test by `onrecord tell`. Nothing is to be done."


_TURN = {Turn.OPENED: "opened", Turn.OPENED_AGAIN: "opened again", Turn.CLOSED: "closed"}


def _message(kind: MessageType, at: datetime, installation: str, **data: Any) -> str:
    whole = {"type": kind, "timestamp": at.isoformat(), "data": {"installation": installation, **data}}
    return json.dumps(whole, separators=(",", ":"))


def _sorted(counts: Mapping[IncidentKind, int]) -> dict[str, int]:
    return {kind.value: counts[kind] for kind in sorted(counts)}
