"""The caller as most of the staff see it: the country's code and the last two digits, and nothing of any other address.

The mask has one form for all numbers, so that it shows neither their length nor how a country groups them.
"""

import phonenumbers
from phonenumbers import NumberParseException

from policies.jurisdiction.places import DISGUISES, is_e164

WITHHELD = "withheld"
SIP = "SIP •••"
CLIENT = "client •••"
UNREADABLE = "no number"
WORDS = (WITHHELD, SIP, CLIENT, UNREADABLE)
"""Everything that `masked` gives for an address that is no number."""

# Words that stand in the place of a number that was withheld, in small letters.
_WITHHELD = frozenset({"", "anonymous", "blocked", "private", "restricted", "unavailable", "unknown"})
_SCHEMES = {"sip": SIP, "sips": SIP, "client": CLIENT}
_SHOWN = 2
# Of a shorter number the last two digits would tell too much.
_HIDDEN_MIN = 4


def masked(address: str) -> str:
    """The address a call came from, or went to, as `+1 ••• ••• ••11`."""
    if address in DISGUISES or address.strip().lower() in _WITHHELD:
        return WITHHELD
    scheme, colon, _ = address.partition(":")
    if colon:
        return _SCHEMES.get(scheme.strip().lower(), UNREADABLE)
    code = _country_code(address)
    if not code:
        return UNREADABLE
    hidden = len(address) - len(f"+{code}") - _SHOWN
    last = address[-_SHOWN:] if hidden >= _HIDDEN_MIN else "•" * _SHOWN
    return f"+{code} ••• ••• ••{last}"


def _country_code(address: str) -> str:
    """Empty for what is no number in E.164 form, or belongs to no country."""
    if not is_e164(address):
        return ""
    try:
        return str(phonenumbers.parse(address).country_code)
    except NumberParseException:
        return ""
