"""The addresses at which agents take calls, in one spelling for the telephone company and for the staff's accounts."""

import re

from policies.jurisdiction.places import is_e164

LENGTH_MAX = 256
_CLIENT = re.compile(r"client:[!-~]+", re.ASCII)
_SIP = re.compile(r"(sips?):([!-?A-~]+)@([A-Za-z0-9.\[\]:-]+)(?:[;?].*)?", re.ASCII)


def agent_address(text: str) -> str:
    """`+14155550123`, `client:alice`, or `sip:desk@example.com` without its parameters; empty where it is none."""
    if len(text) > LENGTH_MAX:
        return ""
    if is_e164(text) or _CLIENT.fullmatch(text):
        return text
    sip = _SIP.fullmatch(text)
    return f"{sip[1]}:{sip[2]}@{sip[3].lower()}" if sip else ""
