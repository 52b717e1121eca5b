"""The tables [[tell]] of a rulebook: by which ways people are told of incidents."""

import re
from collections.abc import Mapping

from policies.incidents import IncidentKind, Severity
from policies.rulebook import values
from policies.rulebook.mistakes import Findings, Wrong, described
from policies.rulebook.toml_positions import Path
from policies.telling import Command, Mail, Way, Webhook

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<user>[^/?#@]*@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])"
    r"(:(?P<port>\d{1,5}))?([/?][!-~]*)?",
    re.ASCII,
)
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_URL_LENGTH_MAX = 2000
_BY = ("webhook", "mail", "command")
_A_LIST = "a table [[tell]] for each way"


def ways(value: object, findings: Findings) -> tuple[Way, ...]:
    if not isinstance(value, list):
        findings.report(("tell",), f"{described(value)} is not a list of ways", _A_LIST)
        return ()
    found = tuple(_way(table, ("tell", index), findings) for index, table in enumerate(value))
    for index, way in enumerate(found):
        if way.name and way.name in {other.name for other in found[:index]}:
            findings.report(("tell", index, "name"), f"{described(way.name)} is named twice", "each name once")
    return found


def _way(value: object, path: Path, findings: Findings) -> Way:
    table = findings.table(value, path, required=["name"], optional=[*_BY, "kinds", "severity", "all_well"])
    return Way(
        name=findings.read(table, path, "name", _name, ""),
        by=_by(table, path, findings),
        kinds=frozenset(findings.read_each(table, path, "kinds", _kind)),
        severity=findings.read(table, path, "severity", _severity, Severity.INFO),
        all_well=findings.read(table, path, "all_well", values.flag, False),
    )


def _by(table: Mapping[str, object], path: Path, findings: Findings) -> Webhook | Mail | Command:
    named = [key for key in _BY if key in table]
    if len(named) != 1:
        problem = f"{' and '.join(named)} at once" if named else "nothing says how"
        findings.report(path, problem, "one of webhook, mail and command")
    if named[:1] == ["mail"]:
        return Mail(findings.read_each(table, path, "mail", _address))
    if named[:1] == ["command"]:
        return Command(findings.read(table, path, "command", _words, ()))
    return Webhook(findings.read(table, path, "webhook", _url, ""))


def _name(value: object) -> str:
    name = values.text(value)
    if not _NAME.fullmatch(name):
        raise Wrong(f"{described(name)} is not a name for a way", "1 to 20 of a-z, 0-9 and -, such as on-call")
    return name


def _kind(value: object) -> IncidentKind:
    return IncidentKind(values.known(value, [*IncidentKind], "is not a kind of incident"))


def _severity(value: object) -> Severity:
    return Severity(values.known(value, [*Severity], "is not a severity"))


def _words(value: object) -> tuple[str, ...]:
    words = tuple(map(values.text, value)) if isinstance(value, list) else ()
    if not words or not words[0].startswith("/") or any("\0" in word for word in words):
        raise Wrong("not a program with its arguments", 'its whole path first, such as ["/usr/bin/logger", "-t", "x"]')
    return words


def _address(value: object) -> str:
    address = values.text(value)
    if not _ADDRESS.fullmatch(address):
        raise Wrong("not a mail address", "such as on-call@example.com")
    return address


def _url(value: object) -> str:
    """An address that messages are posted to. It holds no password, since the rulebook's text is handed out."""
    url, expected = values.text(value), "https://HOST/PATH (plain http is for loopback only)"
    found = _URL.fullmatch(url) if len(url) <= _URL_LENGTH_MAX else None
    if found is None or int(found["port"] or 443) not in range(1, 65536):
        raise Wrong("not a URL", expected)
    if found["user"]:
        raise Wrong("holds a user name or password", "the URL without them: a message is signed instead")
    if found["scheme"] == "http" and found["host"] not in _LOOPBACK:
        raise Wrong("not https", expected)
    return url
