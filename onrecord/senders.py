"""The ways of a rulebook joined with the settings: how a message is sent by each."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

from onrecord.settings.environment import Problem, Settings, SettingsRejected
from onrecord.settings.values import is_loopback
from policies import telling
from policies.rules import Rulebook
from policies.telling import Command, Mail, Way, Webhook
from storage.errors import Refused

Send = Callable[[Way, str, datetime, str], str]
"""Sends a message: the way, the message's id, the time of this try and the body. Returns what remains wrong although
it was told, and raises Unavailable or Refused where it was not.
"""


def require_means(settings: Settings, rulebook: Rulebook) -> None:
    """Raises SettingsRejected where a way of the rulebook wants a setting that is not there."""
    problems = dict.fromkeys(missing for way in rulebook.ways if (missing := _missing(settings, way)))
    if problems:
        raise SettingsRejected(*problems)


def _missing(settings: Settings, way: Way) -> Problem | None:
    match way.by:
        case Webhook() if not settings.webhook_secret:
            remedy = "set it to whsec_ and 24 to 64 random bytes in base64, and give it to the receiver"
            return Problem("ONRECORD_WEBHOOK_SECRET", "is not set, and the rulebook tells by webhook", remedy)
        case Mail() if not (settings.smtp and settings.mail_from):
            without = "and ONRECORD_MAIL_FROM are not set, and the rulebook tells by mail"
            return Problem("ONRECORD_SMTP", without, "set both")
    return None


def sender(settings: Settings) -> Send:
    return partial(_send, settings)


def installation_name(settings: Settings) -> str:
    return urlsplit(settings.public_base_url).netloc


def _send(settings: Settings, way: Way, message_id: str, at: datetime, body: str) -> str:
    if missing := _missing(settings, way):  # the rulebook came in force after this process had started
        raise Refused(f"{missing.setting} {missing.problem}: start `onrecord work` again with it")
    match way.by:
        case Webhook(url):
            from outbound.signed_webhook import SignedWebhook

            SignedWebhook(url, settings.webhook_secret).send(message_id, at, body)
        case Mail(to):
            from outbound.mail_server import MailServer

            parts = urlsplit(settings.smtp)
            is_tls_at_once, host = parts.scheme == "smtps", parts.hostname or ""
            server = MailServer(
                host,
                parts.port or (465 if is_tls_at_once else 587),
                settings.mail_from,
                is_tls_at_once=is_tls_at_once,
                is_local=is_loopback(host),
                user=settings.smtp_user,
                password=settings.smtp_password,
            )
            return server.send(message_id, at, to, telling.subject(body), telling.in_words(body))
        case Command(words):
            from outbound import told_command

            told_command.run(words, message_id, body)
    return ""
