"""Asks Twilio whether it knows the account and its credentials, and lets nobody else hear its recordings.

Nothing is changed there. A question that could not be asked is no problem yet: this machine may be offline for now.
"""

import json
from dataclasses import replace

from onrecord.settings.environment import Settings
from outbound.bounded_http import OPEN, Answered, Limits, NoAnswer, Outbound
from outbound.twilio_client import TWILIO, Account
from storage.audio.store_trial import Trial

_LIMITS = Limits(connect_s=3, read_s=6, answer_s=10)
_LOOKED_THROUGH = 20
_CLOSED = frozenset({401, 403})
_MEDIA_REMEDY = 'turn on "Enforce HTTP Auth on Media URLs" in the voice settings of Twilio\'s console'


def try_account(settings: Settings, *, limits: Limits = _LIMITS) -> Trial:
    """Asks for the lists that the jobs need, and for one of the account's own recordings without credentials."""
    base_url = settings.api_base_url or TWILIO
    account = Account(settings.account_sid, settings.rest_user, settings.rest_password, base_url)
    is_key = account.user != account.sid
    setting = "TWILIO_API_KEY" if is_key else "TWILIO_AUTH_TOKEN"
    trial, body = _ask(account, setting, "Recordings.json", limits)
    if trial.untold or trial.problems:
        return trial
    trial += _ask(account, setting, "Calls.json", limits)[0]
    if is_key:
        by_token = replace(account, user=account.sid, password=settings.webhook_secrets[0])
        trial += _ask(by_token, "TWILIO_AUTH_TOKEN", "Recordings.json", limits)[0]
    return trial + _try_media(account, _a_recording(body), limits)


def _ask(account: Account, setting: str, name: str, limits: Limits) -> tuple[Trial, str]:
    try:
        outbound = Outbound(account.user, account.password, limits=limits)
        _, body = outbound.ask("GET", account.url(name), params={"PageSize": _LOOKED_THROUGH}, data={})
    except NoAnswer as error:
        return Trial(untold=(f"TWILIO_ACCOUNT_SID: Twilio was not reached and asked about the account: {error}",)), ""
    except Answered as answer:
        return _refused(setting, name, answer), ""
    return Trial(), body


def _refused(setting: str, name: str, answer: Answered) -> Trial:
    if answer.status in _CLOSED:
        remedy = "correct it, or give the key the right to calls and recordings"
        problem = f"{setting} is refused by Twilio, for this account ({name}: {answer}): {remedy}"
        return Trial((problem,))
    if answer.status == 404:
        remedy = "correct it, or TWILIO_API_BASE_URL"
        return Trial((f"TWILIO_ACCOUNT_SID names an account that Twilio does not know ({name}: {answer}): {remedy}",))
    return Trial(untold=(f"TWILIO_ACCOUNT_SID: Twilio did not say whether it knows the account ({name}: {answer})",))


def _a_recording(body: str) -> str | None:
    """The SID of a recording whose media should be there."""
    found = json.loads(body).get("recordings")
    listed = [recording for recording in found if isinstance(recording, dict)] if isinstance(found, list) else []
    return next((str(recording.get("sid")) for recording in listed if recording.get("status") == "completed"), None)


def _try_media(account: Account, recording_sid: str | None, limits: Limits) -> Trial:
    untold = "TWILIO_ACCOUNT_SID: whether others can hear the account's recordings could not be told"
    if recording_sid is None:
        return Trial(untold=(f"{untold}, because there is none to try it on: {_MEDIA_REMEDY}",))
    try:
        status = Outbound("", "", limits=limits).status_for_anybody(account.url(f"Recordings/{recording_sid}.wav"))
    except NoAnswer as error:
        return Trial(untold=(f"{untold}: {error}",))
    if status in OPEN:
        problem = "lets whoever knows a recording's address hear it, without credentials"
        return Trial((f"TWILIO_ACCOUNT_SID names an account that {problem}: {_MEDIA_REMEDY}",))
    return Trial() if status in _CLOSED else Trial(untold=(f"{untold}: answered {status}",))
