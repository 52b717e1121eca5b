"""How each single value of the rulebook is read: `object` from TOML in, our value out, or `Wrong` raised.

A message never quotes a phone number: what is printed at start ends up in logs.
"""

import re

import phonenumbers

from policies.consent import Mode
from policies.mistakes import Wrong, described, one_of
from policies.places import jurisdictions, valid_number
from policies.retention import Duration, NotADuration, parse_duration
from policies.rules import AUTO, Destination, Setting
from policies.wording import languages, purposes_in

NAME_LENGTH_MAX = 100
PROMPTS_MOST = 5

_CLIENT = re.compile(r"[A-Za-z0-9_.@+-]{1,121}")
_SIP = re.compile(r"sip:[A-Za-z0-9._~!$&'()*+,=%-]+@[A-Za-z0-9.-]+(:\d{1,5})?(;[!-~]*)?", re.ASCII)
_SIP_LENGTH_MAX = 255
_PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_A_NUMBER = "an E.164 number such as +14155550100"


def text(value: object) -> str:
    if not isinstance(value, str):
        raise Wrong(f"{described(value)} is not a text", 'a text in quotes, "like this"')
    return value


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"{described(value)} is not a yes or no", "true or false")
    return value


def business_name(value: object) -> str:
    """What a voice says and XML can carry: no control characters, and an end to it."""
    name = text(value)
    if not name.strip() or not name.isprintable() or len(name) > NAME_LENGTH_MAX:
        raise Wrong(f"{described(name)} is not a name", f"1 to {NAME_LENGTH_MAX} printable characters on one line")
    return name


def rule_name(value: object) -> str:
    name = text(value)
    if not name:
        raise Wrong("no name", "the name of a table [retention.NAME]")
    return name


def place(value: object) -> str:
    """An ISO 3166 code. A US state must be one we have a record of: a typing error must not pass for a place."""
    code = text(value)
    country = code.partition("-")[0]
    if not _PLACE.fullmatch(code) or country not in phonenumbers.SUPPORTED_REGIONS:
        raise Wrong(f"{described(code)} is not a place", "an ISO 3166 code such as US-CA or DE")
    known = [place for place in jurisdictions() if place.startswith(f"{country}-")]
    if known and code != country and code not in known:
        raise Wrong(f"{described(code)} is not a part of {country}", one_of(known, code))
    return code


def e164(value: object) -> str:
    number = text(value)
    if valid_number(number) is None:
        raise Wrong("not a valid phone number", _A_NUMBER)
    return number


def destination(value: object) -> Destination:
    address = text(value)
    scheme, _, rest = address.partition(":")
    if scheme == "client" and _CLIENT.fullmatch(rest):
        return Destination("client", rest)
    if scheme == "sip" and len(address) <= _SIP_LENGTH_MAX and _SIP.fullmatch(address):
        return Destination("sip", address)
    if address.startswith("+"):
        return Destination("number", e164(address))
    raise Wrong("not a place to connect to", f"{_A_NUMBER}, client:NAME or sip:USER@HOST")


def language(value: object) -> str:
    locale = text(value)
    if locale not in languages():
        raise Wrong(f"{described(locale)} has no wording", one_of(languages(), locale))
    return locale


def purpose(value: object) -> str:
    name, known = text(value), purposes_in(languages()[0])
    if name not in known:
        raise Wrong(f"{described(name)} has no wording", one_of(known, name))
    return name


def consent(value: object) -> Setting:
    setting = text(value)
    if setting == AUTO:
        return AUTO
    if setting not in list(Mode):
        raise Wrong(f"{described(setting)} is not a consent mode", one_of([AUTO, *Mode], setting))
    return Mode(setting)


def prompts(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong(f"{described(value)} is not a whole number", f"1 to {PROMPTS_MOST}")
    if not 1 <= value <= PROMPTS_MOST:
        raise Wrong("out of range", f"1 to {PROMPTS_MOST}")
    return value


def duration(value: object) -> Duration:
    try:
        return parse_duration(text(value))
    except NotADuration as error:
        raise Wrong(f"{described(value)}: {error}", "an ISO 8601 duration such as P90D or P1Y6M") from error
