"""The certificate that a host shows, as anybody who connects to it sees it."""

import socket
import ssl
from datetime import UTC, datetime

_TIMEOUT_S = 6.0


def valid_until(host: str, port: int, context: ssl.SSLContext) -> datetime:
    """The end of its time. Raises ssl.SSLCertVerificationError for a certificate that is not valid now, for that host,
    by the authorities of `context`; another OSError where no connection comes about.
    """
    with (
        socket.create_connection((host, port), timeout=_TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as sealed,
    ):
        certificate = sealed.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
