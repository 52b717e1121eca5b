"""Addresses of people: numbers, clients and SIP addresses."""

import re

from simulator.errors import NotSimulated

NAMED = re.compile(r"(client|sips?):\S+")


def e164_of(text: str, where: str) -> str | None:
    """The number in E.164, or None for a text that is no number.

    Twilio reads national spellings by the country of the account, which the simulator does not know. Raises
    NotSimulated for one; `where` says where it stands.
    """
    plain = re.sub(r"[\s().-]", "", text)
    if re.fullmatch(r"\d{3,15}", plain, re.ASCII):
        raise NotSimulated(f"{where} in national spelling")
    return plain if re.fullmatch(r"\+[1-9]\d{6,14}", plain, re.ASCII) else None
