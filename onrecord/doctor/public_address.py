"""The address by which Twilio reaches this service: its certificate, and whether the service answers there."""

import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from outbound.bounded_http import Limits, NoAnswer, Outbound
from outbound.tls_certificate import valid_until
from policies.account_checks import Finding

CHECK = "public address"
LEFT_MIN = timedelta(days=21)
"""A certificate that is renewed by itself has more time left than this."""
_WHY = "Twilio refuses an address whose certificate is not valid, and then no call is answered here."
_WHERE = "Renew the certificate of the web server in front of this service (PUBLIC_BASE_URL)."
_LIMITS = Limits(connect_s=3, read_s=6, answer_s=10)


def findings(base_url: str, now: datetime, context: ssl.SSLContext | None = None) -> Iterator[Finding]:
    """`context` says which certificate authorities are trusted; the system's, if it is None."""
    parts = urlsplit(base_url)
    if parts.scheme == "https":
        yield from _certificate(parts.hostname or "", parts.port or 443, now, context or ssl.create_default_context())
    yield from _answer(base_url)


def _certificate(host: str, port: int, now: datetime, context: ssl.SSLContext) -> Iterator[Finding]:
    try:
        ends_at = valid_until(host, port, context)
    except ssl.SSLCertVerificationError as error:
        yield Finding(CHECK, f"the certificate of {host} is not valid ({error.verify_message})", _WHY, _WHERE)
        return
    except (OSError, ValueError) as error:
        what = f"the certificate of {host} could not be looked at ({type(error).__name__})"
        yield Finding(CHECK, what, _WHY, "See that the address can be reached from here too.", is_wrong=False)
        return
    if ends_at - now < LEFT_MIN:
        yield Finding(CHECK, f"the certificate of {host} ends on {ends_at:%Y-%m-%d}", _WHY, _WHERE)


def _answer(base_url: str) -> Iterator[Finding]:
    why = "Twilio finds nobody there either, and turns to the fallback of the number."
    where = "See that `onrecord serve` runs, and the web server in front of it."
    try:
        status = Outbound("", "", limits=_LIMITS).status_for_anybody(f"{base_url}/healthz")
    except NoAnswer as error:
        yield Finding(CHECK, f"nothing answers at {base_url} ({error})", why, where)
        return
    if status != 200:  # HTTP's
        yield Finding(CHECK, f"{base_url}/healthz answers {status}", why, where)
