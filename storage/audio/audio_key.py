"""The name under which one piece of a recording's audio is kept.

`rec/<retention class>/<yyyy>/<mm>/<dd>/<recording id>/<name>`, for example
`rec/quality-90d/2026/11/22/9f…32 hex…/master.wav.sealed`. Everything derived from a recording shares its
folder. A key carries no phone number and no SID: keys outlive the audio in access logs, inventories and
delete markers.
"""

import re
from dataclasses import dataclass
from datetime import date

from storage.errors import Refused

# Lower case only, so that a file system that ignores case can't fold two keys into one; no leading dot,
# which is how a store names its own files; no empty part, so no key climbs out of its folder.
_WORD = "[a-z0-9]+(?:-[a-z0-9]+)*"
_RETENTION_CLASS = re.compile(f"(?=.{{1,63}}$){_WORD}")
_RECORDING_ID = re.compile("[0-9a-f]{32}")
_NAME = re.compile(rf"(?=.{{1,64}}$){_WORD}(?:\.{_WORD})*")
_PART = "[a-z0-9][a-z0-9.-]*"
_PREFIX = re.compile(f"(?:{_PART}/)*(?:{_PART})?")


@dataclass(frozen=True, order=True)
class AudioKey:
    """Only a well-formed key can be made: anything else is Refused."""

    retention_class: str
    recorded_on: date
    recording_id: str
    name: str

    def __post_init__(self) -> None:
        _require(_RETENTION_CLASS, self.retention_class, "retention class")
        _require(_RECORDING_ID, self.recording_id, "recording id")
        _require(_NAME, self.name, "name")

    @classmethod
    def parse(cls, text: str) -> "AudioKey":
        """The key whose text this is, and no other spelling of it."""
        parts = text.split("/")
        if len(parts) != 7 or parts[0] != "rec":
            raise Refused(f"audio key: {text!r} has another shape")
        key = cls(parts[1], _day(*parts[2:5]), parts[5], parts[6])
        if str(key) != text:
            raise Refused(f"audio key: {text!r} has another shape")
        return key

    @classmethod
    def read(cls, text: str) -> "AudioKey | None":
        """The key, or None where this is the name of something else."""
        try:
            return cls.parse(text)
        except Refused:
            return None

    def __str__(self) -> str:
        return f"rec/{self.retention_class}/{self.recorded_on:%Y/%m/%d}/{self.recording_id}/{self.name}"

    @property
    def folder(self) -> str:
        """The prefix, with its slash, that everything of this recording shares."""
        return str(self).removesuffix(self.name)

    def sibling(self, name: str) -> "AudioKey":
        """The key of another piece of the same recording."""
        return AudioKey(self.retention_class, self.recorded_on, self.recording_id, name)


def checked_prefix(prefix: str) -> str:
    """The beginning of some keys, or nothing for all of them. Refused where no key could begin so."""
    _require(_PREFIX, prefix, "prefix")
    return prefix


def _require(pattern: re.Pattern[str], text: str, what: str) -> None:
    if not pattern.fullmatch(text):
        raise Refused(f"audio key: {text!r} is not a {what}")


def _day(year: str, month: str, day: str) -> date:
    try:
        return date(int(year), int(month), int(day))
    except ValueError as error:
        raise Refused(f"audio key: {year}/{month}/{day} is not a day") from error
