"""The others who act on a call of the demonstration: an agent with a page, and programs that record behind its back.

Each act is tried until it takes place: a call has to be in conversation first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import requests

from onrecord.demo.control_api import SeenCall
from onrecord.settings.environment import Settings

_TIMEOUT_S = 10
_DONE = frozenset({200, 201})


class Act(StrEnum):
    ROGUE = "a rogue recording is started"
    ROGUE_ON_AGENT = "a rogue recording of the agent's leg is started"
    WITHDRAWS = "the agent withdraws the consent for the caller"
    PAUSES = "the agent pauses the recording"
    RESUMES = "the agent resumes the recording"


@dataclass(frozen=True, slots=True)
class Others:
    """`console_token` opens the endpoint that the agent's page uses."""

    settings: Settings
    console_url: str
    console_token: str

    def do(self, act: Act, seen: SeenCall) -> bool:
        """False where it cannot take place yet."""
        if not seen.was_connected:
            return False
        match act:
            case Act.ROGUE:
                return self._record(seen.call_sid)
            case Act.ROGUE_ON_AGENT:
                return bool(seen.legs) and self._record(seen.legs[-1].call_sid)
            case Act.WITHDRAWS:
                return self._ask_console(seen.call_sid, "withdraw")
            case Act.PAUSES:
                return self._ask_console(seen.call_sid, "pause")
            case Act.RESUMES:
                return self._ask_console(seen.call_sid, "resume")

    def _record(self, leg_sid: str) -> bool:
        settings = self.settings
        url = f"{settings.api_base_url}/2010-04-01/Accounts/{settings.account_sid}/Calls/{leg_sid}/Recordings.json"
        started = requests.post(url, auth=(settings.rest_user, settings.rest_password), timeout=_TIMEOUT_S)
        return started.status_code in _DONE

    def _ask_console(self, call_sid: str, act: str) -> bool:
        url = f"{self.console_url}/api/calls/{call_sid}/{act}"
        headers: Mapping[str, str] = {"Authorization": f"Bearer {self.console_token}"}
        done = requests.post(url, json={"actor": "the agent"}, headers=headers, timeout=_TIMEOUT_S)
        return done.status_code in _DONE
