"""How each single value of the rulebook is read: `object` from TOML in, our value out, or `Wrong` raised.

A message never quotes a phone number: messages printed at start end up in logs.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import cast, get_args

import phonenumbers

from policies.consent import Mode
from policies.demands import REFUSALS
from policies.durations import Duration, NotADuration, parse_duration, parse_time
from policies.jurisdiction.pack import UNKNOWN_PLACE, Law, Regime
from policies.jurisdiction.places import valid_number
from policies.pausing import LIMIT_MAX, AtLimit
from policies.permissions import Role
from policies.rulebook.mistakes import Wrong, described, one_of
from policies.rules import AUTO, Destination, LanguageBy, OnWithdrawal, Setting
from policies.sessions import IDLE_MIN, WHOLE_MAX
from policies.wording import languages, purposes_in

NAME_LENGTH_MAX = 100
PARTICULARS_LENGTH_MAX = 300
BECAUSE_LENGTH_MAX = 500
PROMPTS_MOST = 5

_CLIENT = re.compile(r"[A-Za-z0-9_.@+-]{1,121}")
_SIP = re.compile(r"sip:[A-Za-z0-9._~!$&'()*+,=%-]+@[A-Za-z0-9.-]+(:\d{1,5})?(;[!-~]*)?", re.ASCII)
_SIP_LENGTH_MAX = 255
_UNIONS = ("EU", "EEA")
_FIRST_YEAR, _LAST_YEAR = 2000, 2200
_PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_A_LIMIT = "an ISO 8601 duration of at most an hour, such as PT5M"
_A_SESSION = "an ISO 8601 duration from PT5M to PT24H"
_A_NUMBER = "an E.164 number such as +14155550100"


def text(value: object) -> str:
    if not isinstance(value, str):
        raise Wrong(f"{described(value)} is not a text", 'a text in quotes, "like this"')
    return value


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"{described(value)} is not a yes or no", "true or false")
    return value


def known(value: object, names: Sequence[str], wrong: str) -> str:
    """A value that must be in `names`; `wrong` is the message for any other."""
    name = text(value)
    if name not in names:
        raise Wrong(f"{described(name)} {wrong}", one_of(names, name))
    return name


def one_line(value: object, length_max: int, wrong: str) -> str:
    """A text that can be spoken, printed and logged: no control characters, and at most `length_max` long."""
    said = text(value)
    if not said.strip() or not said.isprintable() or len(said) > length_max:
        raise Wrong(f"{described(said)} {wrong}", f"1 to {length_max} printable characters on one line")
    return said


def business_name(value: object) -> str:
    return one_line(value, NAME_LENGTH_MAX, "is not a name")


def particulars(value: object) -> str:
    """An address, or a way to reach somebody."""
    return one_line(value, PARTICULARS_LENGTH_MAX, "says nothing")


def recipients(value: object) -> tuple[str, ...]:
    """Different names, or none: an empty list says that nobody gets recordings."""
    if not isinstance(value, list):
        raise Wrong(f"{described(value)} is not a list", 'a list such as ["Example Ltd"], or [] for nobody')
    names = tuple(particulars(name) for name in value)
    if len(set(names)) != len(names):
        raise Wrong("a name is there twice", "each of them once")
    return names


def rule_name(value: object) -> str:
    name = text(value)
    if not name:
        raise Wrong("no name", "the name of a table [retention.NAME]")
    return name


def place(value: object, under: Law | None = None) -> str:
    """An ISO 3166 code. Under a law, a part of a country must have a record: a typing error must not pass for a place.
    A part that the law counts as another place is refused too, because no caller would ever be in it.
    """
    code = text(value)
    country = code.partition("-")[0]
    if not _PLACE.fullmatch(code) or country not in phonenumbers.SUPPORTED_REGIONS:
        raise Wrong(f"{described(code)} is not a place", "an ISO 3166 code such as US-CA or DE")
    if under is None:
        return code
    parts = under.parts(country)
    if parts and code != country:
        known(code, parts, f"is not a part of {country}")
    if counts_as := under.aliases.get(code):
        raise Wrong(f"{described(code)} counts as {counts_as} here", counts_as)
    return code


def place_or_union(value: object, under: Law | None = None) -> str:
    """A place, `EU`, `EEA`, or `ZZ` for an unknown place."""
    if value in (*_UNIONS, UNKNOWN_PLACE):
        return text(value)
    return place(value, under)


def places(value: object, under: Law | None = None) -> tuple[str, ...]:
    """A single place, or several different ones."""
    codes = tuple(place(code, under) for code in value) if isinstance(value, list) else (place(value, under),)
    if not codes or len(set(codes)) != len(codes):
        raise Wrong("not a place or a list of different ones", 'an ISO 3166 code such as "US-CA", or a list of them')
    return codes


def sector(value: object, under: Law | None = None) -> str:
    return text(value) if under is None else known(value, under.sectors, "is not a regulated sector")


def regime(value: object) -> Regime:
    return Regime(known(value, list(Regime), "is not a regime"))


def refusal(value: object) -> str:
    return known(value, REFUSALS, "is no answer to a refusal")


def day(value: object) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise Wrong(f"{described(value)} is not a day", "a date without quotes, such as 2027-01-31")
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise Wrong("a day that nobody means", f"a year from {_FIRST_YEAR} to {_LAST_YEAR}; for ever is no day at all")
    return value


def sentence(value: object) -> str:
    return one_line(value, BECAUSE_LENGTH_MAX, "says nothing")


def language_by(value: object) -> LanguageBy:
    return cast(LanguageBy, known(value, get_args(LanguageBy), "is no way to choose a language"))


def on_withdrawal(value: object) -> OnWithdrawal:
    return OnWithdrawal(known(value, [*OnWithdrawal], "is no effect of a withdrawal"))


def at_limit(value: object) -> AtLimit:
    return AtLimit(known(value, [*AtLimit], "is no end of a pause"))


def pause_limit(value: object) -> timedelta:
    """How long a recording may be paused."""
    try:
        limit = parse_time(text(value))
    except NotADuration as error:
        raise Wrong(f"{described(value)}: {error}", _A_LIMIT) from error
    if limit > LIMIT_MAX:
        raise Wrong(f"{described(value)}: longer than an hour", _A_LIMIT)
    return limit


def session_time(value: object) -> timedelta:
    """A limit on the time of a session in the console."""
    try:
        limit = parse_time(text(value))
    except NotADuration as error:
        raise Wrong(f"{described(value)}: {error}", _A_SESSION) from error
    if not IDLE_MIN <= limit <= WHOLE_MAX:
        raise Wrong(f"{described(value)}: out of range", _A_SESSION)
    return limit


def role(value: object) -> Role:
    return Role(known(value, [*Role], "is not a role of the staff"))


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
    return known(value, languages(), "has no wording")


def purpose(value: object) -> str:
    return known(value, purposes_in(languages()[0]), "has no wording")


def consent(value: object) -> Setting:
    setting = known(value, [AUTO, *Mode], "is not a consent mode")
    return AUTO if setting == AUTO else Mode(setting)


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


def memory(value: object) -> Duration | None:
    """How long a decline is remembered; `never` is None."""
    return None if value == "never" else duration(value)
