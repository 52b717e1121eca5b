"""Faults on request: what the network and Twilio can do to a call, for one call or for all."""

from dataclasses import dataclass, field
from typing import Any

from simulator.given import a_list, an_object, made

KINDS = ("call", "dial", "recording", "conference")


@dataclass
class VoiceFaults:
    """Faults of the voice steps whose URL contains `only`. The counts are used up.

    `duplicate` sends each step that many times more, after the first or, with `concurrent`, together with it.
    """

    only: str = ""
    duplicate: int = 0
    concurrent: bool = False
    connect_failures: int = 0
    lost_answers: int = 0


@dataclass(frozen=True)
class CallbackFaults:
    """Faults of one kind of callback. `lose` is true, or the statuses that never arrive.

    `reorder` holds a callback back until the next of its kind has been sent.
    """

    duplicate: int = 0
    delay_s: float = 0.0
    reorder: bool = False
    lose: bool | tuple[str, ...] = False

    def loses(self, status: str) -> bool:
        return self.lose if isinstance(self.lose, bool) else status in self.lose


@dataclass
class RestFaults:
    """The next `next` REST requests are answered `status`."""

    next: int = 0
    status: int = 503

    def __post_init__(self) -> None:
        """Raises ValueError for a status that is no failure."""
        if not 400 <= self.status <= 599:
            raise ValueError(f"status is to be from 400 to 599, not {self.status}")


@dataclass(frozen=True)
class OddRows:
    """How REST shows the rows of one kind, `call` or `recording`.

    `fields` replaces values, null included; `lacks` leaves fields out. A `status` or `source` limits this to rows with
    it, and `in_lists` to rows of a list, not of a single resource.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    status: str = ""
    source: str = ""
    in_lists: bool = False

    def show(self, row: dict[str, Any], *, is_listed: bool) -> dict[str, Any]:
        fits = self.status in ("", row["status"]) and self.source in ("", row.get("source"))
        if not fits or (self.in_lists and not is_listed):
            return row
        return {name: value for name, value in (row | self.fields).items() if name not in self.lacks}


@dataclass(frozen=True)
class RecordingFaults:
    """Faults of a recording after its end.

    `off_s` is added to the duration reported first; `corrected_after_s` later the right duration is reported, by REST
    and by another `completed`. `ends_absent` ends it without audio although it was listed, and `keeps_absent` refuses
    the deletion of such a recording, as of one that is not completed.
    """

    off_s: int = 0
    corrected_after_s: float = 5.0
    ends_absent: bool = False
    keeps_absent: bool = False


@dataclass
class Faults:
    """The faults of a call, or of all calls that have none of their own.

    `extra_params` are sent with every webhook, more than once where a name has a list of values; `chunked` sends the
    bodies without their length. `clock_ahead_s` holds for the whole exchange, from the call that brings it.
    """

    voice: VoiceFaults = field(default_factory=VoiceFaults)
    callbacks: dict[str, CallbackFaults] = field(default_factory=dict)
    media_404: int = 0
    rest: RestFaults = field(default_factory=RestFaults)
    wrong_signature: bool = False
    extra_params: dict[str, str | list[str]] = field(default_factory=dict)
    chunked: bool = False
    rows: dict[str, OddRows] = field(default_factory=dict)
    recording: RecordingFaults = field(default_factory=RecordingFaults)
    clock_ahead_s: float | None = None

    @classmethod
    def of(cls, given: dict[str, Any]) -> "Faults":
        """From JSON. Raises ValueError for a fault that does not exist, or is of a wrong kind."""
        given = an_object("faults", given)
        for name, value in an_object("extra_params", given.get("extra_params", {})).items():
            values = value if isinstance(value, list) else [value]
            if not all(isinstance(each, str) for each in values):
                raise ValueError(f"extra_params: {name} is to be text, or a list of texts, not {value!r}")
        callbacks = an_object("callbacks", given.pop("callbacks", {}))
        if unknown := set(callbacks) - set(KINDS):
            raise ValueError(f"no such callbacks: {sorted(unknown)}")
        return made(
            cls,
            "faults",
            given,
            voice=made(VoiceFaults, "voice", given.pop("voice", {})),
            callbacks={kind: _callback(about) for kind, about in callbacks.items()},
            rest=made(RestFaults, "rest", given.pop("rest", {})),
            rows={kind: _rows(kind, about) for kind, about in an_object("rows", given.pop("rows", {})).items()},
            recording=made(RecordingFaults, "recording", given.pop("recording", {})),
        )

    def show(self, kind: str, row: dict[str, Any], *, is_listed: bool = False) -> dict[str, Any]:
        """A row of REST's as it is shown."""
        odd = self.rows.get(kind)
        return odd.show(row, is_listed=is_listed) if odd else row

    def of_callback(self, kind: str) -> CallbackFaults:
        return self.callbacks.get(kind, CallbackFaults())


def _callback(given: dict[str, Any]) -> CallbackFaults:
    given = an_object("callbacks", given)
    lose = given.pop("lose", False)
    lost = lose if isinstance(lose, bool) else tuple(a_list("lose", lose))
    return made(CallbackFaults, "callbacks", given, lose=lost)


def _rows(kind: str, given: dict[str, Any]) -> OddRows:
    if kind not in ("call", "recording"):
        raise ValueError(f"no such rows: {kind!r}")
    given = an_object("rows", given)
    return made(OddRows, "rows", given, lacks=tuple(a_list("lacks", given.pop("lacks", None))))
