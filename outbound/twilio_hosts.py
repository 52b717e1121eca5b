"""The addresses of Twilio's hosts beside `api.twilio.com`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hosts:
    """Base URLs that stand in for Twilio's; an empty one is not set."""

    voice: str = ""
    intelligence: str = ""
    conversations: str = ""
    memory: str = ""
    trunking: str = ""
    marketplace: str = ""
