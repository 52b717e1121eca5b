"""The account at Twilio, or at its stand-in, by the settings."""

from onrecord.settings.environment import Settings
from outbound.twilio_client import TWILIO, Account
from outbound.twilio_provider import TwilioProvider


def account(settings: Settings) -> Account:
    base_url = settings.api_base_url or TWILIO
    return Account(settings.account_sid, settings.rest_user, settings.rest_password, base_url, settings.hosts)


def provider(settings: Settings) -> TwilioProvider:
    return TwilioProvider(account(settings))
