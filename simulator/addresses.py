"""Addresses: of people, as numbers, clients and SIP addresses, and of services, as URLs."""

import re
from urllib.parse import urlsplit

from simulator.errors import NotSimulated

E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
NAMED = re.compile(r"(client|sips?):\S+")


def e164_of(text: str, where: str) -> str | None:
    """The number in E.164, or None for a text that is no number.

    Twilio reads national spellings by the country of the account, which the simulator does not know. Raises
    NotSimulated for one; `where` says where it stands.
    """
    plain = re.sub(r"[\s().-]", "", text)
    if re.fullmatch(r"\d{3,15}", plain, re.ASCII):
        raise NotSimulated(f"{where} in national spelling")
    return plain if E164.fullmatch(plain) else None


def is_url(text: str) -> bool:
    """Whether a text is a whole URL, with its host; none at all takes a URL away, and is one too."""
    try:
        host, _ = urlsplit(text).hostname, urlsplit(text).port
    except ValueError:  # brackets without an address in them, or a port that is none
        return False
    return not text or (bool(host) and re.fullmatch(r"https?://[^\s/?#]+([/?#]\S*)?", text) is not None)
