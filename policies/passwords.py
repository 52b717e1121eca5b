"""The rule on passwords: long, of any characters, and not one that is guessed first. There is no rule on their kinds of
characters, which only makes people write Password1! (NIST SP 800-63B, 3.1.1.2).
"""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from unicodedata import normalize

LENGTH_MIN, LENGTH_MAX = 12, 128
_LEFT_MIN = 6
"""The different characters that must be left without the parts that are guessed first."""


class PasswordFault(StrEnum):
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    GUESSABLE = "guessable"


# Written by hand: the words that people take in the languages of the console's users, and those of this program.
_WORDS = frozenset(
    """
    abc access account admin administrator agent alice angel apple april august autumn baby bailey banana baseball
    basketball batman beautiful berlin blink butterfly callcenter calling caller center cheese chelsea chocolate
    christmas compliance computer confidential consent console contrasena cookie customer daniel december default
    diamond dragon email family february flower football forever freedom friday friend galaxy geheim ginger
    google guest hallo hello hockey holiday hunter iloveyou india internet iphone january jessica jesus jordan
    july june justin killer letmein liverpool login london lonely love lovely loveme madrid manager march master matrix
    melissa mercedes merlin michael microsoft monday money monkey mustang natasha nicole november october office
    onrecord orange pass passwd password passwort pepper phone pokemon porsche princess private purple qualität quality
    rainbow ranger reviewer root samsung saturday scorecard secret secure security senha september service shadow
    soccer sommer spring starwars startrek summer sunday sunflower sunshine superman supervisor support sweet sydney
    system tequiero test thomas thunder thursday tigger toor trustno tuesday twilio user vodafone voice wednesday
    welcome whatever willkommen winter wizard
    """.split()  # noqa: SIM905 - a word a line would fill the page
)
_ROWS = (
    "1234567890",
    "!@#$%^&*()",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm,./",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
)
_RUN_LENGTH = 4
_LOOKS_LIKE = str.maketrans("013457@$!|", "oieastasii")
_YEAR = re.compile(r"(?:19|20)\d\d")
_REPEATED = re.compile(r"(.{1,8}?)\1+")


def fault_of_password(password: str, *names: str) -> PasswordFault | None:
    """`names` are those of the account and its person, which are guessed as well."""
    if len(password) > LENGTH_MAX:
        return PasswordFault.TOO_LONG
    spelled = normalised(password)
    if not LENGTH_MIN <= len(spelled) <= LENGTH_MAX:
        return PasswordFault.TOO_SHORT if len(spelled) < LENGTH_MIN else PasswordFault.TOO_LONG
    return PasswordFault.GUESSABLE if _left(spelled.casefold(), _parts(names)) < _LEFT_MIN else None


def normalised(password: str) -> str:
    """The same text for each way in which a keyboard may have put it together (Unicode's NFKC)."""
    return normalize("NFKC", password)


def _left(spelled: str, guessed: Iterable[str]) -> int:
    """How many different characters are left without the parts that are guessed first, years, and repetitions."""
    readings = (spelled, spelled.translate(_LOOKS_LIKE))
    covered = {at for part in guessed for reading in readings for at in _places(reading, part)}
    left = "".join(" " if at in covered else character for at, character in enumerate(spelled))
    once = _REPEATED.sub(r"\1", _YEAR.sub(" ", left))
    return len({character for character in once if not character.isspace()})


def _places(text: str, part: str) -> Iterator[int]:
    """The places in a text that the part covers, wherever it stands."""
    start = text.find(part)
    while start >= 0:
        yield from range(start, start + len(part))
        start = text.find(part, start + 1)


def _parts(names: Iterable[str]) -> set[str]:
    """The parts that are guessed first, those of the names among them."""
    of_names = {part for name in names for part in re.findall(r"\w{3,}", normalised(name).casefold())}
    return {*_WORDS, *_RUNS, *of_names}


def _runs(row: str) -> Iterator[str]:
    both_ways = (row * 2, (row * 2)[::-1])
    return (way[start : start + _RUN_LENGTH] for way in both_ways for start in range(len(row)))


_RUNS = frozenset(run for row in _ROWS for run in _runs(row))
