"""Places in a recording as people write and read them: 0:07, 12:05.3, 1:02:03."""

import math
import re
from dataclasses import dataclass

from console.language import gettext

_WRITTEN = re.compile(r"(?:(?:(\d{1,2}):)?(\d{1,4}):)?(\d{1,6}(?:[.,]\d{1,3})?)", re.ASCII)
_TENTH_MS = 100


def position(ms: int, *, tenths: bool = False) -> str:
    """Before the beginning of the recording with a minus."""
    step = _TENTH_MS if tenths else 1000
    minus, rest = ("−", -ms) if ms <= -step else ("", abs(ms))
    minutes, second = divmod(rest // 1000, 60)
    hours, minute = divmod(minutes, 60)
    whole = f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
    return f"{minus}{whole}.{rest % 1000 // _TENTH_MS}" if tenths else f"{minus}{whole}"


def read_position(text: str) -> int | None:
    """In ms; None for what is no place."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return None
    hours, minutes, seconds = found.groups()
    return (int(hours or 0) * 3600 + int(minutes or 0) * 60) * 1000 + round(float(seconds.replace(",", ".")) * 1000)


@dataclass(frozen=True, slots=True)
class Start:
    """Where the page begins. `said` is empty where it begins where its address says."""

    at_ms: int
    said: str = ""


def start_of(text: str | None, length_ms: int) -> Start:
    """From the `t` of an address, in seconds. The nearest place is taken of what cannot be, and that is said."""
    if text is None:
        return Start(0)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if math.isnan(seconds):
        return Start(0, gettext("The address of this page names no second of the recording, so it begins at 0:00."))
    if seconds < 0:
        return Start(0, gettext("The address of this page names a second before the recording, so it begins at 0:00."))
    if seconds * 1000 > length_ms:
        said = gettext("The address of this page names a second after the recording, so it is at its end, %(end)s.")
        return Start(length_ms, said % {"end": position(length_ms)})
    return Start(round(seconds * 1000))
