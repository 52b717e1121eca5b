"""The settings of one installation, read from the environment and reported all together when they are wrong.

No secret has a default. It stands in the variable itself or in a file named by NAME_FILE, never in both.
"""

import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from onrecord.settings.private_files import OTHERS, Fault, read_private
from onrecord.settings.values import (
    audio_store_fault,
    base_url_fault,
    console_url_fault,
    database_fault,
    issuer_fault,
    mail_address_fault,
    reached_url_fault,
    s3_fault,
    smtp_fault,
    webhook_secret_fault,
    witness_fault,
)
from outbound.twilio_hosts import Hosts
from policies.corroboration import CORROBORATED_AFTER
from storage.errors import Refused

Need = Literal["all", "places", "database", "rulebook"]
"""The settings that a command works with: all; all but the telephone's; the database's alone; the rulebook's alone."""

CONSOLE_BASE_URL = "http://localhost:8001"
"""Where `serve` listens unless it is told otherwise, by the name that browsers make passkeys for."""
SECRET_LENGTH_MIN = 16
WEB_PROCESSES_MAX = 64
SECRET = re.compile(rf"[!-~]{{{SECRET_LENGTH_MIN},}}")


@dataclass(frozen=True, slots=True)
class Problem:
    setting: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.setting} {self.problem}: {self.remedy}"


class SettingsRejected(Refused):
    """Every problem found, so that one attempt to start shows all of them."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings. Settings that `need` leaves out are not read: the telephone's fields are then empty, and the
    places have their defaults.
    """

    public_base_url: str
    account_sid: str
    webhook_secrets: tuple[str, ...] = field(repr=False)
    """The auth token, and after it the secondary one while they are being rotated."""
    rest_user: str
    rest_password: str = field(repr=False)
    api_base_url: str | None
    """None is Twilio itself."""
    hosts: Hosts
    """Twilio's other hosts."""
    database_url: str = field(repr=False)
    """May carry a password."""
    audio_store: str
    rulebook: Path
    key_file: Path
    spool: Path
    journal: Path
    """Where requests wait that were answered while the database was away."""
    vcon_key: Path
    """Of what signs vCons, which need not be there."""
    anchor_file: str
    """A path, or - for standard output."""
    anchor_s3: str
    """Empty where there is none, as with the next two."""
    witness: str
    """The witness's vkey, a space, and its URL."""
    time_stamp: str
    time_stamp_ca: Path
    corroborate_after: timedelta
    """How long after a call Twilio is first asked what it saw of it."""
    erasures: Path
    """What was erased, to be kept where the database is not restored."""
    console_api_token: str = field(default="", repr=False)
    """Opens the endpoint of the agent's page; empty: there is none."""
    console_base_url: str = CONSOLE_BASE_URL
    """How browsers reach the console: a scheme, a host and perhaps a port."""
    oidc_issuer: str = ""
    """The identity provider by which staff sign on; empty, as are the next two: there is none."""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    """Signs the messages to webhooks; empty: there is none, as with the next four."""
    smtp: str = ""
    """The mail server, as a URL."""
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)
    mail_from: str = ""
    asked_web_processes: int = 0
    """How many processes are to answer the webhooks; 0: as many as suit the database."""

    @property
    def web_processes(self) -> int:
        """At least 1. SQLite has a single writer, which is faster within a process than between two."""
        return self.asked_web_processes or (1 if self.database_url.startswith("sqlite") else 2)


def read_settings(environ: Mapping[str, str], *, need: Need = "all") -> Settings:
    """Raises SettingsRejected with every problem at once."""
    found, unread = _Environment(environ), _Environment({})
    # A command that only reads what is kept must not need, or open, the telephone's secrets.
    phone = found if need == "all" else unread
    places = found if need in {"all", "places"} else unread
    database = found if need != "rulebook" else unread
    rules = found if need != "database" else unread
    account_sid = phone.required("TWILIO_ACCOUNT_SID", "the account's SID from Twilio's console", _sid_fault("AC"))
    token = phone.required_secret("TWILIO_AUTH_TOKEN", "the token Twilio signs webhooks with")
    secondary = phone.secret("TWILIO_AUTH_TOKEN_SECONDARY", _secret_fault)
    rest_user, rest_password = _rest_credentials(phone) or (account_sid, token)
    oidc_issuer, oidc_client_id, oidc_client_secret = _single_sign_on(phone)
    settings = Settings(
        public_base_url=phone.required(
            "PUBLIC_BASE_URL", "the https URL by which Twilio reaches this service", base_url_fault
        )
        .rstrip("/")
        .lower(),
        account_sid=account_sid,
        webhook_secrets=tuple(dict.fromkeys(secret for secret in (token, secondary) if secret)),
        rest_user=rest_user,
        rest_password=rest_password,
        api_base_url=phone.text("TWILIO_API_BASE_URL", base_url_fault).rstrip("/") or None,
        hosts=_hosts(phone),
        database_url=database.secret("DATABASE_URL", database_fault) or "sqlite:///var/onrecord.db",
        audio_store=places.text("AUDIO_STORE", audio_store_fault) or "dir:var/audio",
        rulebook=Path(rules.text("ONRECORD_RULEBOOK") or "onrecord.toml"),
        key_file=Path(places.text("ONRECORD_KEY_FILE") or "var/keys"),
        spool=Path(places.text("ONRECORD_SPOOL") or "var/spool"),
        journal=Path(places.text("ONRECORD_JOURNAL") or "var/journal"),
        vcon_key=Path(database.text("ONRECORD_VCON_KEY") or "var/vcon.pem"),
        anchor_file=database.text("ONRECORD_ANCHOR_FILE") or "var/anchors.txt",
        anchor_s3=places.text("ONRECORD_ANCHOR_S3", s3_fault),
        witness=places.text("ONRECORD_WITNESS", witness_fault),
        time_stamp=places.text("ONRECORD_TSA", reached_url_fault),
        time_stamp_ca=Path(places.text("ONRECORD_TSA_CA") or "var/tsa-ca.pem"),
        corroborate_after=_seconds(places.text("ONRECORD_CORROBORATE_AFTER_S", _wait_fault)) or CORROBORATED_AFTER,
        erasures=Path(places.text("ONRECORD_ERASURES") or "var/erasures.txt"),
        console_api_token=phone.secret("CONSOLE_API_TOKEN", _secret_fault),
        console_base_url=phone.text("CONSOLE_BASE_URL", console_url_fault).rstrip("/").lower() or CONSOLE_BASE_URL,
        oidc_issuer=oidc_issuer,
        oidc_client_id=oidc_client_id,
        oidc_client_secret=oidc_client_secret,
        webhook_secret=phone.secret("ONRECORD_WEBHOOK_SECRET", webhook_secret_fault),
        smtp=phone.text("ONRECORD_SMTP", smtp_fault).lower(),
        smtp_user=phone.text("ONRECORD_SMTP_USER"),
        smtp_password=phone.secret("ONRECORD_SMTP_PASSWORD", lambda _: None),
        mail_from=phone.text("ONRECORD_MAIL_FROM", mail_address_fault),
        asked_web_processes=int(phone.text("ONRECORD_WEB_PROCESSES", _processes_fault) or 0),
    )
    if phone.has("ONRECORD_SMTP_USER") != phone.has("ONRECORD_SMTP_PASSWORD"):
        phone.report("ONRECORD_SMTP_USER", Fault("and ONRECORD_SMTP_PASSWORD come together", "set both or neither"))
    if found.problems:
        raise SettingsRejected(*found.problems)
    return settings


def _hosts(phone: "_Environment") -> Hosts:
    return Hosts(
        voice=phone.text("TWILIO_VOICE_BASE_URL", base_url_fault).rstrip("/"),
        intelligence=phone.text("TWILIO_INTELLIGENCE_BASE_URL", base_url_fault).rstrip("/"),
        conversations=phone.text("TWILIO_CONVERSATIONS_BASE_URL", base_url_fault).rstrip("/"),
        memory=phone.text("TWILIO_MEMORY_BASE_URL", base_url_fault).rstrip("/"),
        trunking=phone.text("TWILIO_TRUNKING_BASE_URL", base_url_fault).rstrip("/"),
        marketplace=phone.text("TWILIO_MARKETPLACE_BASE_URL", base_url_fault).rstrip("/"),
    )


def _rest_credentials(phone: "_Environment") -> tuple[str, str] | None:
    """The API key and its secret; None where neither is set. Only one of the two is a problem."""
    key = phone.text("TWILIO_API_KEY", _sid_fault("SK"))
    secret = phone.secret("TWILIO_API_SECRET", _secret_fault)
    if phone.has("TWILIO_API_KEY") != phone.has("TWILIO_API_SECRET"):
        phone.report("TWILIO_API_KEY", Fault("and TWILIO_API_SECRET come together", "set both or neither"))
    return (key, secret) if key and secret else None


def _single_sign_on(phone: "_Environment") -> tuple[str, str, str]:
    """The issuer, the client's name there and its secret; each empty where there is no single sign-on."""
    issuer = phone.text("OIDC_ISSUER", issuer_fault)
    client_id = phone.text("OIDC_CLIENT_ID", _client_id_fault)
    secret = phone.secret("OIDC_CLIENT_SECRET", _secret_fault)
    if len({phone.has(name) for name in ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")}) > 1:
        together = Fault("and OIDC_CLIENT_ID and OIDC_CLIENT_SECRET come together", "set all three or none")
        phone.report("OIDC_ISSUER", together)
    return issuer, client_id, secret


def _seconds(text: str) -> timedelta | None:
    return timedelta(seconds=int(text)) if text else None


Check = Callable[[str], Fault | None]


class _Environment:
    """Reads variables and remembers what is wrong with them. A faulty value reads as empty."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[Problem] = []

    def has(self, name: str) -> bool:
        """Whether it is set at all, right or wrong. An empty variable is not set."""
        return bool(self._environ.get(name) or self._environ.get(f"{name}_FILE"))

    def report(self, name: str, fault: Fault) -> None:
        self.problems.append(Problem(name, *fault))

    def text(self, name: str, check: Check = lambda _: None) -> str:
        return self._checked(name, self._environ.get(name, ""), check)

    def secret(self, name: str, check: Check) -> str:
        """The secret from the variable, or from the file in NAME_FILE (a trailing newline is not part of it)."""
        path = self._environ.get(f"{name}_FILE")
        if not path:
            return self.text(name, check)
        if self._environ.get(name):
            self.report(name, Fault(f"and {name}_FILE are both set", "keep one of them"))
            return ""
        # A group may read it: that is how container platforms hand a secret to a service that is not root.
        content = read_private(Path(path), closed_to=OTHERS | stat.S_IWGRP)
        if isinstance(content, Fault):
            self.report(f"{name}_FILE", content)
            return ""
        text = content.decode("utf-8", "replace").rstrip("\r\n")
        return self._checked(f"{name}_FILE", text, check, empty=Fault("names an empty file", "write it again"))

    def required(self, name: str, meaning: str, check: Check) -> str:
        return self._present(name, meaning, self.text(name, check))

    def required_secret(self, name: str, meaning: str) -> str:
        return self._present(name, meaning, self.secret(name, _secret_fault))

    def _present(self, name: str, meaning: str, value: str) -> str:
        if not self.has(name):
            self.report(name, Fault("is not set", f"set it to {meaning}"))
        return value

    def _checked(self, name: str, value: str, check: Check, *, empty: Fault | None = None) -> str:
        fault = check(value) if value else empty
        if fault:
            self.report(name, fault)
            return ""
        return value


def _secret_fault(value: str) -> Fault | None:
    if SECRET.fullmatch(value):
        return None
    return Fault("does not look like a secret", f"it has at least {SECRET_LENGTH_MIN} characters and no space")


def _client_id_fault(value: str) -> Fault | None:
    if re.fullmatch("[!-~]{1,255}", value):
        return None
    return Fault("is no client id", "expected the one that the identity provider gave, without spaces")


def _wait_fault(value: str) -> Fault | None:
    """The wait may be shorter than the usual one, for a stand-in for Twilio that reports sooner, and not longer."""
    longest_s = int(CORROBORATED_AFTER.total_seconds())
    if value.isascii() and value.isdigit() and 1 <= int(value) <= longest_s:
        return None
    return Fault("is no number of seconds", f"expected 1 to {longest_s}, or leave it unset")


def _processes_fault(value: str) -> Fault | None:
    if value.isascii() and value.isdigit() and 1 <= int(value) <= WEB_PROCESSES_MAX:
        return None
    return Fault("is no number of processes", f"expected 1 to {WEB_PROCESSES_MAX}, or leave it unset")


def _sid_fault(prefix: str) -> Check:
    expected = Fault("is malformed", f"expected {prefix} and 32 hex digits")
    return lambda value: None if re.fullmatch(prefix + "[0-9a-f]{32}", value) else expected
