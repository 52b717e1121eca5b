"""A message by mail, handed to the operator's own mail server (SMTP), by TLS unless the server is on this machine."""

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from threading import Event, Timer
from typing import Any

from outbound.head_deadline import hang_up
from storage.errors import Refused, Unavailable

_READ_S = 15.0
WHOLE_S = 60.0
"""A conversation with the server that takes longer is broken off: a server that sends a byte now and then ends none."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """`is_tls_at_once`: TLS from the first byte (port 465), else by STARTTLS. `user` is empty where the server asks for
    none.
    """

    host: str
    port: int
    sender: str
    is_tls_at_once: bool = False
    is_local: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    read_s: float = _READ_S
    whole_s: float = WHOLE_S

    def send(self, message_id: str, at: datetime, to: Sequence[str], subject: str, text: str) -> str:
        """Returns which addresses the server refused, as places in `to`; empty where it took the mail for all.

        Raises Unavailable where a retry may succeed, and Refused where the server takes it for nobody.
        """
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.sender, ", ".join(to), subject
        mail["Date"] = format_datetime(at)
        mail["Message-ID"] = f"<{message_id}@{self.sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(text)
        with _told_plainly(), self._connected() as server:
            refused = server.send_message(mail, self.sender, to)
        places = ", ".join(str(place) for place, address in enumerate(to, 1) if address in refused)
        return f"mail: the server refused address {places} of {len(to)}" if refused else ""

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        context = ssl.create_default_context()
        with (
            _TlsAtOnce(self.whole_s, self.host, self.port, timeout=self.read_s, context=context)
            if self.is_tls_at_once
            else _InTime(self.whole_s, self.host, self.port, timeout=self.read_s)
        ) as server:
            if not self.is_tls_at_once and not self.is_local:
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
            yield server


class _InTime(smtplib.SMTP):
    """Hangs up when the whole conversation has taken too long."""

    def __init__(self, whole_s: float, *place: Any, **named: Any) -> None:
        self._timer = Timer(whole_s, self._hang_up)
        self._timer.daemon = True
        self._timer.start()
        super().__init__(*place, **named)

    def close(self) -> None:
        self._timer.cancel()
        super().close()

    def __exit__(self, *_: object) -> None:
        """Take leave. The server has said by now whether it takes the mail, and nothing that it adds takes it back."""
        with suppress(smtplib.SMTPException, OSError):
            self.docmd("QUIT")
        self.close()

    def _hang_up(self) -> None:
        if self.sock is not None:
            hang_up(self.sock, Event())


class _TlsAtOnce(_InTime, smtplib.SMTP_SSL):
    """With TLS from the first byte."""


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Turns the errors of the library into ours. The server's words are left out: they quote addresses."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise _by_code(min(codes), "every address") from error
    except smtplib.SMTPResponseException as error:
        raise _by_code(error.smtp_code, "the message") from error
    except smtplib.SMTPNotSupportedError as error:
        raise Refused("mail: the server offers no TLS, or no sign-in: see ONRECORD_SMTP") from error
    except (smtplib.SMTPException, OSError) as error:
        raise Unavailable(f"mail: no answer ({type(error).__name__})") from error


def _by_code(code: int, what: str) -> Exception:
    said = f"mail: the server answered {code} to {what}"
    return Refused(said) if 500 <= code < 600 else Unavailable(said)
