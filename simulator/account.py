"""The settings of the account that make recordings without any document of the service."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from simulator.given import check_names, made
from simulator.recordings import Terms

TRUNK_MODES = (
    "do-not-record",
    "record-from-ringing",
    "record-from-answer",
    "record-from-ringing-dual",
    "record-from-answer-dual",
)
TRACKS, TRIMS = ("both", "inbound", "outbound"), ("trim-silence", "do-not-trim")
CHANNELS = {"mono": 1, "dual": 2, 1: 1, 2: 2}


@dataclass
class Account:
    """Changed while the exchange runs; each setting is read when a call or a leg begins to be recordable.

    `default_recording` is null, or has `channels`, `track`, `trim` and `features`, each of which may be left out: every
    call is then recorded from its answer. `trunk_recording` is the mode of the trunk that every dialled leg goes
    through.
    """

    default_recording: dict[str, Any] | None = None
    trunk_recording: str = "do-not-record"

    def __post_init__(self) -> None:
        """Raises ValueError for a setting that does not exist."""
        about = self.default_recording or {}
        check_names("default_recording", about, ("channels", "track", "trim", "features"))
        for name, allowed in (("channels", CHANNELS), ("track", TRACKS), ("trim", TRIMS)):
            if name in about and about[name] not in tuple(allowed):
                raise ValueError(f"default_recording: {name} is {about[name]!r}, which is none of {_words(allowed)}")
        if self.trunk_recording not in TRUNK_MODES:
            raise ValueError(f"trunk_recording is {self.trunk_recording!r}, which is none of {_words(TRUNK_MODES)}")

    def change(self, given: dict[str, Any]) -> None:
        """Take over the settings that are given. Raises ValueError, and then changes nothing."""
        changed = made(Account, "the account", {**asdict(self), **given})
        self.default_recording, self.trunk_recording = changed.default_recording, changed.trunk_recording

    def default_terms(self) -> Terms | None:
        """The terms on which a call is recorded from its answer, if it is."""
        if self.default_recording is None:
            return None
        about = self.default_recording
        return Terms(
            source="RecordingConfiguration",
            channels=CHANNELS[about.get("channels", "dual")],
            track=about.get("track", "both"),
            trim=about.get("trim", "do-not-trim"),
        )

    def trunk_terms(self, moment: str) -> Terms | None:
        """The terms on which a dialled leg is recorded from `ringing` or `answer` on, if it is."""
        mode = self.trunk_recording
        if mode.removesuffix("-dual") != f"record-from-{moment}":
            return None
        return Terms(source="Trunking", channels=2 if mode.endswith("-dual") else 1)


def _words(allowed: Iterable[object]) -> str:
    return ", ".join(str(each) for each in allowed)
