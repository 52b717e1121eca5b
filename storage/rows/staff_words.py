"""Words that staff write: a reason, a name, where a request is filed. Read once where they come in, they can be printed
and kept for good.
"""

from evidence.events import names_somebody
from evidence.printable import escaped
from storage.errors import Refused

WORDS_MAX, NAME_MAX = 1000, 100


def reason(what: str, text: str) -> str:
    """Why something is done, which stays when the caller's data goes. `what` names it in a message.

    Raises Refused where it is empty, does not print on one line, is too long, or names somebody.
    """
    return _naming_nobody(what, _one_line(what, text, WORDS_MAX))


def reference(what: str, text: str) -> str:
    """As `reason`, of words that may be left out."""
    return reason(what, text) if text.strip() else ""


def name(what: str, text: str) -> str:
    """The name of a person or an account. Raises Refused where it is empty, too long or does not print on one line."""
    return _one_line(what, text, NAME_MAX)


def _one_line(what: str, text: str, length_max: int) -> str:
    words = text.strip(" ")
    if not words.strip():
        raise Refused(f"{what}: it is empty; expected 1 to {length_max} characters on one line")
    if escaped(words) != words:
        raise Refused(
            f"{what}: {escaped(words)[:80]} holds characters that do not print; expected plain text on a line"
        )
    if len(words) > length_max:
        raise Refused(f"{what}: it has {len(words)} characters; expected {length_max} at most")
    return words


def _naming_nobody(what: str, words: str) -> str:
    if names_somebody(words):
        raise Refused(f"{what}: it stays for good, so it must hold no number, address or sid; name a file of yours")
    return words
