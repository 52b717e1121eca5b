"""The setting of one call, shared by its fetcher, its recorder and its deliveries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import requests

from simulator.account import Account
from simulator.call_clock import CallClock
from simulator.clock import Clock
from simulator.config import Config
from simulator.faults import Faults
from simulator.journal import Journal
from simulator.recordings import Recording


class Network(Protocol):
    """The part of the exchange that the parts of a call use."""

    config: Config
    account: Account
    clock: Clock
    recordings: dict[str, Recording]

    def new_session(self) -> requests.Session:
        """An HTTP client that reaches the apps in this process too."""

    def shown_call_sid(self, recording: Recording) -> str | None:
        """The call that REST and callbacks name for a recording."""

    def recording_completed(self, recording: Recording) -> None:
        """Hand a completed recording to the services of the account."""

    def date_text(self, moment: datetime | None) -> str | None:
        """A moment in RFC 2822, by Twilio's clock."""


@dataclass(frozen=True)
class CallSetting:
    exchange: Network
    faults: Faults
    journal: Journal
    clock: CallClock
