"""The form that a setting's value must have to be accepted: URLs, places, secrets, names and numbers."""

import re
from base64 import b64decode
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from onrecord.settings.private_files import Fault
from policies.corroboration import CORROBORATED_AFTER

SECRET_LENGTH_MIN = 16
WEB_PROCESSES_MAX = 64
WAIT_S_MAX = int(CORROBORATED_AFTER.total_seconds())
"""How long after a call Twilio is asked what it saw of it, unless a stand-in for Twilio reports sooner."""
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_S3_PLACE = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()/-]*)?")
_SECRET = re.compile(rf"[!-~]{{{SECRET_LENGTH_MIN},}}")
_DIRECTORY_PLACE = re.compile(r"dir:[^\x00]+")


def base_url_fault(url: str) -> Fault | None:
    """A base URL is a scheme, a host and perhaps a port: anything more would change what is signed."""
    parts = _split(url)
    if parts is None:
        return Fault("is not a URL", "write https://HOST, in plain ASCII (an international name in its xn-- form)")
    if parts.username is not None or parts.password is not None:
        return Fault("holds a user name or password", "leave it out of the URL")
    if "?" in url or "#" in url or parts.path not in ("", "/"):
        return Fault("holds more than a host", "give the service a host name of its own, without path or query")
    if parts.scheme not in ("http", "https") or (parts.scheme == "http" and not is_loopback(parts.hostname or "")):
        return Fault("is not https", "write https://HOST (plain http is for loopback only)")
    return None


def console_url_fault(url: str) -> Fault | None:
    """A base URL whose host is a name: browsers make no passkey for an address (WebAuthn 3, 5.1.3)."""
    if fault := base_url_fault(url):
        return fault
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    # Browsers read a host that ends in a number as an IPv4 address, however short.
    if not _is_address(host) and not host.rpartition(".")[2].isdigit():
        return None
    remedy = f"write http://localhost{f':{port}' if port else ''}" if parts.scheme == "http" else "write https://HOST"
    return Fault("names an address, and passkeys need a name", remedy)


def database_fault(url: str) -> Fault | None:
    """SQLite or Postgres. The URL may hold a password, so it is never quoted."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    expected = Fault("names no database we keep to", "write sqlite:///PATH or postgresql://USER@HOST/NAME")
    try:
        backend = make_url(url).get_backend_name()
    except (ArgumentError, ValueError):
        return expected
    return None if backend in ("sqlite", "postgresql") else expected


def audio_store_fault(place: str) -> Fault | None:
    if _DIRECTORY_PLACE.fullmatch(place) or _S3_PLACE.fullmatch(place):
        return None
    return Fault("names no audio store", "write dir:PATH or s3://BUCKET/PREFIX")


def s3_fault(place: str) -> Fault | None:
    return None if _S3_PLACE.fullmatch(place) else Fault("names no bucket", "write s3://BUCKET/PREFIX")


def reached_url_fault(url: str) -> Fault | None:
    """A URL that we send requests to: https, or plain http on this machine."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or parts.username or parts.password:
        return Fault("is not a URL", "write https://HOST/PATH")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return Fault("is not https", "write https://HOST/PATH (plain http is for loopback only)")
    return None


def issuer_fault(url: str) -> Fault | None:
    """An issuer is compared as it is written, so that a slash at its end is a part of it."""
    fault = reached_url_fault(url)
    if fault is None and ("?" in url or "#" in url):
        return Fault("holds a query", "write the issuer as the provider's discovery document has it")
    return fault


def witness_fault(text: str) -> Fault | None:
    from evidence.notes import COSIGNATURE, NotANote, Vkey

    vkey, gap, url = text.partition(" ")
    try:
        is_witness = Vkey.parse(vkey).kind == COSIGNATURE
    except NotANote:
        is_witness = False
    if not (gap and is_witness):
        return Fault("names no witness", "write its vkey (NAME+ID+KEY, a cosignature key), a space, and its URL")
    return reached_url_fault(url)


def smtp_fault(url: str) -> Fault | None:
    """A mail server: TLS from the first byte with `smtps`, else by STARTTLS, or none where it is on this machine."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("smtp", "smtps") or parts.path not in ("", "/") or "?" in url:
        return Fault("names no mail server", "write smtps://HOST, or smtp://HOST:587 for STARTTLS")
    if parts.username is not None or parts.password is not None:
        return Fault("holds a user name or password", "set ONRECORD_SMTP_USER and ONRECORD_SMTP_PASSWORD")
    return None


def mail_address_fault(address: str) -> Fault | None:
    name, _, host = address.rpartition("@")
    if re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}", name) and _HOST.fullmatch(host):
        return None
    return Fault("is not a mail address", "write onrecord@example.com, say")


def sign_in_fault(text: str) -> Fault | None:
    """A user name or a password at the mail server: Python sends them there as ASCII alone."""
    return None if text.isascii() else Fault("is not ASCII", "choose one of letters without accents, digits and signs")


def webhook_secret_fault(secret: str) -> Fault | None:
    try:
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if secret.startswith("whsec_") and 24 <= len(key) <= 64:
        return None
    return Fault("is no secret of a webhook", "write whsec_ and 24 to 64 random bytes in base64")


def secret_fault(value: str) -> Fault | None:
    if _SECRET.fullmatch(value):
        return None
    return Fault("does not look like a secret", f"it has at least {SECRET_LENGTH_MIN} characters and no space")


def sid_fault(prefix: str) -> Callable[[str], Fault | None]:
    expected = Fault("is malformed", f"expected {prefix} and 32 hex digits")
    return lambda value: None if re.fullmatch(prefix + "[0-9a-f]{32}", value) else expected


def client_id_fault(value: str) -> Fault | None:
    if re.fullmatch("[!-~]{1,255}", value):
        return None
    return Fault("is no client id", "expected the one that the identity provider gave, without spaces")


def wait_fault(value: str) -> Fault | None:
    return _number_fault(value, WAIT_S_MAX, "seconds")


def processes_fault(value: str) -> Fault | None:
    return _number_fault(value, WEB_PROCESSES_MAX, "processes")


def _number_fault(value: str, largest: int, unit: str) -> Fault | None:
    if value.isascii() and value.isdigit() and 1 <= int(value) <= largest:
        return None
    return Fault(f"is no number of {unit}", f"expected 1 to {largest}, or leave it unset")


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port != 0  # reading the port is what checks it
    except ValueError:
        return None
    is_plain = re.fullmatch(r"[!-~]+", url) is not None
    return parts if is_plain and port_is_fine and _is_host(parts.hostname or "") else None


def _is_host(host: str) -> bool:
    return bool(_HOST.fullmatch(host)) or _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)
