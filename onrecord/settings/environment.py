"""The settings of one installation, read from the environment and reported all together when they are wrong.

No secret has a default. It stands in the variable itself or in a file named by NAME_FILE, never in both.
"""

import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from onrecord.settings.private_files import OTHERS, Fault, read_private
from onrecord.settings.table import SETTINGS, TOGETHER, Part, Setting
from outbound.twilio_hosts import Hosts
from storage.errors import Refused

Need = Literal["all", "places", "database", "rulebook"]
"""The settings that a command works with: all; all but the telephone's; the database's alone; the rulebook's alone."""

_READ: Mapping[Need, Collection[Part]] = {
    "all": frozenset(Part),
    "places": frozenset(Part) - {Part.PHONE},
    "database": {Part.DATABASE},
    "rulebook": {Part.RULEBOOK},
}


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
    console_base_url: str = SETTINGS["CONSOLE_BASE_URL"].default
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
    # A command that only reads stored data must not need, or open, the telephone's secrets.
    found = _Environment(environ, _READ[need])
    account_sid, token = found.text("TWILIO_ACCOUNT_SID"), found.text("TWILIO_AUTH_TOKEN")
    api_key, api_secret = found.text("TWILIO_API_KEY"), found.text("TWILIO_API_SECRET")
    has_key = bool(api_key and api_secret)
    settings = Settings(
        public_base_url=found.text("PUBLIC_BASE_URL").rstrip("/").lower(),
        account_sid=account_sid,
        webhook_secrets=tuple(
            dict.fromkeys(secret for secret in (token, found.text("TWILIO_AUTH_TOKEN_SECONDARY")) if secret)
        ),
        rest_user=api_key if has_key else account_sid,
        rest_password=api_secret if has_key else token,
        api_base_url=found.text("TWILIO_API_BASE_URL").rstrip("/") or None,
        hosts=Hosts(
            voice=found.text("TWILIO_VOICE_BASE_URL").rstrip("/"),
            intelligence=found.text("TWILIO_INTELLIGENCE_BASE_URL").rstrip("/"),
            conversations=found.text("TWILIO_CONVERSATIONS_BASE_URL").rstrip("/"),
            memory=found.text("TWILIO_MEMORY_BASE_URL").rstrip("/"),
            trunking=found.text("TWILIO_TRUNKING_BASE_URL").rstrip("/"),
            marketplace=found.text("TWILIO_MARKETPLACE_BASE_URL").rstrip("/"),
        ),
        database_url=found.text("DATABASE_URL"),
        audio_store=found.text("AUDIO_STORE"),
        rulebook=Path(found.text("ONRECORD_RULEBOOK")),
        key_file=Path(found.text("ONRECORD_KEY_FILE")),
        spool=Path(found.text("ONRECORD_SPOOL")),
        journal=Path(found.text("ONRECORD_JOURNAL")),
        vcon_key=Path(found.text("ONRECORD_VCON_KEY")),
        anchor_file=found.text("ONRECORD_ANCHOR_FILE"),
        anchor_s3=found.text("ONRECORD_ANCHOR_S3"),
        witness=found.text("ONRECORD_WITNESS"),
        time_stamp=found.text("ONRECORD_TSA"),
        time_stamp_ca=Path(found.text("ONRECORD_TSA_CA")),
        corroborate_after=timedelta(seconds=int(found.text("ONRECORD_CORROBORATE_AFTER_S"))),
        erasures=Path(found.text("ONRECORD_ERASURES")),
        console_api_token=found.text("CONSOLE_API_TOKEN"),
        console_base_url=found.text("CONSOLE_BASE_URL").rstrip("/").lower(),
        oidc_issuer=found.text("OIDC_ISSUER"),
        oidc_client_id=found.text("OIDC_CLIENT_ID"),
        oidc_client_secret=found.text("OIDC_CLIENT_SECRET"),
        webhook_secret=found.text("ONRECORD_WEBHOOK_SECRET"),
        smtp=found.text("ONRECORD_SMTP").lower(),
        smtp_user=found.text("ONRECORD_SMTP_USER"),
        smtp_password=found.text("ONRECORD_SMTP_PASSWORD"),
        mail_from=found.text("ONRECORD_MAIL_FROM"),
        asked_web_processes=int(found.text("ONRECORD_WEB_PROCESSES") or 0),
    )
    for names in TOGETHER:
        found.check_together(names)
    if found.problems:
        raise SettingsRejected(*found.problems)
    return settings


class _Environment:
    """Reads variables of `parts` and remembers what is wrong with them. A faulty value reads as the default, and so
    does a setting of another part.
    """

    def __init__(self, environ: Mapping[str, str], parts: Collection[Part]) -> None:
        self._environ, self._parts = environ, parts
        self.problems: list[Problem] = []

    def text(self, name: str) -> str:
        """Empty where it is not set and has no default. An empty variable is not set."""
        setting = SETTINGS[name]
        if setting.part not in self._parts:
            return setting.default
        if setting.is_required and not self._has(name):
            self._report(name, Fault("is not set", f"set it to {setting.meaning}"))
        value = self._secret(setting) if setting.is_secret else self._variable(setting)
        return value or setting.default

    def check_together(self, names: tuple[str, ...]) -> None:
        if SETTINGS[names[0]].part in self._parts and len({self._has(name) for name in names}) > 1:
            how_many = {2: "both or neither", 3: "all three or none"}[len(names)]
            self._report(names[0], Fault(f"and {' and '.join(names[1:])} come together", f"set {how_many}"))

    def _has(self, name: str) -> bool:
        """Whether it is set at all, right or wrong."""
        return bool(self._environ.get(name) or self._environ.get(f"{name}_FILE"))

    def _report(self, name: str, fault: Fault) -> None:
        self.problems.append(Problem(name, *fault))

    def _variable(self, setting: Setting) -> str:
        return self._checked(setting, setting.name, self._environ.get(setting.name, ""))

    def _secret(self, setting: Setting) -> str:
        """The secret from the variable, or from the file in NAME_FILE (a trailing newline is not part of it)."""
        name = setting.name
        path = self._environ.get(f"{name}_FILE")
        if not path:
            return self._variable(setting)
        if self._environ.get(name):
            self._report(name, Fault(f"and {name}_FILE are both set", "keep one of them"))
            return ""
        # A group may read it: that is how container platforms hand a secret to a service that is not root.
        content = read_private(Path(path), closed_to=OTHERS | stat.S_IWGRP)
        if isinstance(content, Fault):
            self._report(f"{name}_FILE", content)
            return ""
        text = content.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            self._report(f"{name}_FILE", Fault("names an empty file", "write it again"))
        return self._checked(setting, f"{name}_FILE", text)

    def _checked(self, setting: Setting, name: str, value: str) -> str:
        fault = setting.check(value) if value else None
        if fault:
            self._report(name, fault)
            return ""
        return value
