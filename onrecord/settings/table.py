"""Every setting: its name, its meaning, its form, and its default. `docs/settings.md` is made from this table.

Meanings, remarks and `unset` are Markdown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from onrecord.settings.private_files import Fault
from onrecord.settings.values import (
    WAIT_S_MAX,
    WEB_PROCESSES_MAX,
    audio_store_fault,
    base_url_fault,
    client_id_fault,
    console_url_fault,
    database_fault,
    issuer_fault,
    mail_address_fault,
    processes_fault,
    reached_url_fault,
    s3_fault,
    secret_fault,
    sid_fault,
    sign_in_fault,
    smtp_fault,
    wait_fault,
    webhook_secret_fault,
    witness_fault,
)


class Part(StrEnum):
    """Settings that are read together, and left alone by commands that do without them."""

    PHONE = "phone"
    PLACES = "places"
    DATABASE = "database"
    RULEBOOK = "rulebook"


def _any(value: str) -> Fault | None:
    return None


@dataclass(frozen=True, slots=True)
class Setting:
    """`check` gives the fault of a value, None where it is fine. A required setting has no default, and its meaning
    completes the sentence "set it to …". `unset` says what follows where it is not set and has no default.
    """

    name: str
    part: Part
    meaning: str
    check: Callable[[str], Fault | None] = _any
    default: str = ""
    unset: str = "none"
    is_secret: bool = False
    is_required: bool = False


SECTIONS: Mapping[str, tuple[Setting, ...]] = {
    "Twilio": (
        Setting(
            "PUBLIC_BASE_URL",
            Part.PHONE,
            "the https URL by which Twilio reaches this service",
            base_url_fault,
            is_required=True,
        ),
        Setting(
            "TWILIO_ACCOUNT_SID",
            Part.PHONE,
            "the account's SID from Twilio's console",
            sid_fault("AC"),
            is_required=True,
        ),
        Setting(
            "TWILIO_AUTH_TOKEN",
            Part.PHONE,
            "the token Twilio signs webhooks with",
            secret_fault,
            is_secret=True,
            is_required=True,
        ),
        Setting(
            "TWILIO_AUTH_TOKEN_SECONDARY",
            Part.PHONE,
            "the other token that webhooks may be signed with while the two are exchanged",
            secret_fault,
            is_secret=True,
        ),
        Setting(
            "TWILIO_API_KEY",
            Part.PHONE,
            "the key of Twilio's REST API, with which recordings are fetched and deleted; with its secret",
            sid_fault("SK"),
            unset="the account's SID",
        ),
        Setting(
            "TWILIO_API_SECRET",
            Part.PHONE,
            "the secret of that key",
            secret_fault,
            unset="the auth token",
            is_secret=True,
        ),
        Setting(
            "TWILIO_API_BASE_URL",
            Part.PHONE,
            "another REST API, such as the simulator's",
            base_url_fault,
            unset="Twilio's",
        ),
        *(
            Setting(
                f"TWILIO_{host}_BASE_URL",
                Part.PHONE,
                f"the host that stands for `{host.lower()}.twilio.com`, which is asked for {asked_for}",
                base_url_fault,
                unset="`TWILIO_API_BASE_URL` where it is set, else Twilio's",
            )
            for host, asked_for in {
                "VOICE": "batch transcriptions, and the account's default for recordings",
                "INTELLIGENCE": "transcripts, and what was made of them",
                "CONVERSATIONS": "conversations that wrote a call down",
                "MEMORY": "memories that were made of a call",
                "TRUNKING": "trunks that record",
                "MARKETPLACE": "add-ons that get recordings",
            }.items()
        ),
        Setting(
            "ONRECORD_CORROBORATE_AFTER_S",
            Part.PLACES,
            "how soon after a call Twilio is asked what it saw, in seconds; shorter only against the simulator",
            wait_fault,
            default=str(WAIT_S_MAX),
        ),
    ),
    "Rules, data and processes": (
        Setting(
            "ONRECORD_RULEBOOK",
            Part.RULEBOOK,
            "the rules: lines, languages, purposes, consent, retention ([rules.md](rules.md))",
            default="onrecord.toml",
        ),
        Setting(
            "DATABASE_URL",
            Part.DATABASE,
            "`sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`",
            database_fault,
            default="sqlite:///var/onrecord.db",
            is_secret=True,
        ),
        Setting(
            "AUDIO_STORE",
            Part.PLACES,
            "`dir:PATH` or `s3://BUCKET/PREFIX` (AWS's own variables for credentials, region, endpoint)",
            audio_store_fault,
            default="dir:var/audio",
        ),
        Setting(
            "ONRECORD_KEY_FILE",
            Part.PLACES,
            "the keys that seal the audio, sign the log and make the URLs ours, mode 0600",
            default="var/keys",
        ),
        Setting("ONRECORD_SPOOL", Part.PLACES, "where a recording lies while it is taken in", default="var/spool"),
        Setting(
            "ONRECORD_JOURNAL",
            Part.PLACES,
            "where a web process keeps, sealed, the requests that it answered while the database was away; on its own "
            "disk, mode 0700",
            default="var/journal",
        ),
        Setting(
            "ONRECORD_ERASURES",
            Part.PLACES,
            "what was erased, by random ids, outside the database",
            default="var/erasures.txt",
        ),
        Setting(
            "ONRECORD_WEB_PROCESSES",
            Part.PHONE,
            f"how many processes answer the webhooks, 1 to {WEB_PROCESSES_MAX} ([capacity.md](capacity.md))",
            processes_fault,
            unset="1 on SQLite, 2 on Postgres",
        ),
    ),
    "Evidence": (
        Setting(
            "ONRECORD_ANCHOR_FILE",
            Part.DATABASE,
            "the file outside the database that checkpoints of the log are appended to; `-` is standard output",
            default="var/anchors.txt",
        ),
        Setting("ONRECORD_ANCHOR_S3", Part.PLACES, "`s3://BUCKET/PREFIX` with Object Lock, for checkpoints", s3_fault),
        Setting("ONRECORD_WITNESS", Part.PLACES, "a witness's vkey, a space, and its URL", witness_fault),
        Setting("ONRECORD_TSA", Part.PLACES, "the URL of a time stamp authority", reached_url_fault),
        Setting("ONRECORD_TSA_CA", Part.PLACES, "the authority's certificates (PEM)", default="var/tsa-ca.pem"),
        Setting(
            "ONRECORD_VCON_KEY",
            Part.DATABASE,
            "the key that signs vCons: an RSA key and its certificates (PEM)",
            default="var/vcon.pem",
        ),
    ),
    "The console and its people": (
        Setting(
            "CONSOLE_BASE_URL",
            Part.PHONE,
            "the URL by which browsers reach the console: `https://HOST`, or `http://localhost:PORT` on one machine; a "
            "name, since passkeys are bound to it and none can be for an address",
            console_url_fault,
            default="http://localhost:8001",
        ),
        Setting(
            "CONSOLE_API_TOKEN",
            Part.PHONE,
            "opens the endpoint by which an agent's page withdraws, pauses and resumes",
            secret_fault,
            unset="there is no endpoint",
            is_secret=True,
        ),
        Setting(
            "OIDC_ISSUER",
            Part.PHONE,
            "the OpenID Connect provider by which staff sign on, written exactly as its discovery document has it; "
            "with the next two",
            issuer_fault,
            unset="staff sign on here alone",
        ),
        Setting(
            "OIDC_CLIENT_ID",
            Part.PHONE,
            "our client there, whose redirect URI is `CONSOLE_BASE_URL/enter/sign-on/back`",
            client_id_fault,
        ),
        Setting("OIDC_CLIENT_SECRET", Part.PHONE, "the client's secret", secret_fault, is_secret=True),
    ),
    "Telling people of incidents": (
        Setting(
            "ONRECORD_WEBHOOK_SECRET",
            Part.PHONE,
            "signs the messages to webhooks of `[[tell]]`: `whsec_` and 24 to 64 random bytes in base64 "
            "([operating.md](operating.md#telling-people-of-incidents))",
            webhook_secret_fault,
            is_secret=True,
        ),
        Setting(
            "ONRECORD_SMTP",
            Part.PHONE,
            "the mail server for mails of `[[tell]]`: `smtps://HOST`, or `smtp://HOST:587` for STARTTLS (without TLS "
            "only on this machine)",
            smtp_fault,
        ),
        Setting("ONRECORD_MAIL_FROM", Part.PHONE, "the sender of those mails", mail_address_fault),
        Setting("ONRECORD_SMTP_USER", Part.PHONE, "the account at the mail server; with its password", sign_in_fault),
        Setting("ONRECORD_SMTP_PASSWORD", Part.PHONE, "the account's password", sign_in_fault, is_secret=True),
    ),
}

SETTINGS: Mapping[str, Setting] = {one.name: one for section in SECTIONS.values() for one in section}

TOGETHER = (
    ("TWILIO_API_KEY", "TWILIO_API_SECRET"),
    ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"),
    ("ONRECORD_SMTP_USER", "ONRECORD_SMTP_PASSWORD"),
)
"""Settings of which all are set or none."""
