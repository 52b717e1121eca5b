"""Reads the settings of a Twilio account, from all its hosts. Nothing is changed there.

Twilio answers 404 with code 20404 where a resource is not there. Any other code with a 404 is taken to mean that the
account does not have the service: Twilio publishes none for it.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import TypeVar
from urllib.parse import urlsplit

from outbound.bounded_http import OPEN, Answered, Limits, NoAnswer, Outbound
from outbound.twilio_client import Account
from outbound.twilio_lists import Host, Resources, Row, word
from policies.account_checks import (
    AccountSettings,
    AddOn,
    Answer,
    CaptureRule,
    IntelligenceService,
    Number,
    Reading,
    RecordingForm,
    Trunk,
)
from storage.provider import ClocksApart

T = TypeVar("T")

NOT_FOUND = 20404
LIMITS = Limits(connect_s=3, read_s=6, answer_s=10)
_PAGE = 100  # the most that some of the newer hosts send
_LOOKED_AT = 100
_LISTS = ("Calls", "Recordings", "Conferences", "Transcriptions")


class SettingsReader:
    """Reads with an account's key, within the bounds of `limits` for each request."""

    def __init__(self, account: Account, *, limits: Limits = LIMITS) -> None:
        self._account = account
        self._outbound = Outbound(account.user, account.password, limits=limits)
        self._anybody = Outbound("", "", limits=limits)

    @property
    def clocks_apart(self) -> ClocksApart | None:
        return self._outbound.clocks_apart

    def read(self) -> AccountSettings:
        rows = self._read(lambda: tuple(islice(_dicts(self._api.rows("Recordings.json", "recordings")), _LOOKED_AT)))
        return AccountSettings(
            default_recording=self._read(self._default_recording),
            services=self._read(self._services),
            capture_rules=self._read(self._capture_rules),
            trunks=self._read(self._trunks),
            add_ons=self._read(self._add_ons),
            numbers=self._read(self._numbers),
            recordings=Reading(rows.answer, tuple(map(_form, rows.value or ())), rows.words),
            is_media_open=self._read(lambda: self._is_media_open(rows.value or ())),
            lists={name: self._read(partial(self._may_list, name)) for name in _LISTS},
        )

    def _read(self, ask: Callable[[], T]) -> Reading[T]:
        try:
            return Reading(Answer.FOUND, ask())
        except Answered as answer:
            return Reading(_meaning(answer), words=str(answer))
        except NoAnswer as error:
            return Reading(Answer.UNREACHED, words=str(error))
        except (AttributeError, KeyError, TypeError, ValueError):
            return Reading(Answer.UNREACHED, words="the answer makes no sense")

    def _default_recording(self) -> tuple[str, ...]:
        said = self._host("voice").one("v2/AccountDefaultConfiguration/Recording")
        features = (said.get("configuration") or {}).get("features") or ()
        return tuple(word(feature.get("type")) for feature in features if isinstance(feature, dict))

    def _services(self) -> tuple[IntelligenceService, ...]:
        rows = _dicts(self._host("intelligence").rows("v2/Services", "services"))
        return tuple(
            IntelligenceService(
                word(row.get("friendly_name")) or word(row.get("unique_name")) or word(row.get("sid")),
                auto_transcribe=row.get("auto_transcribe") is True,
                data_logging=row.get("data_logging") is True,
            )
            for row in rows
        )

    def _capture_rules(self) -> tuple[CaptureRule, ...]:
        rows = _dicts(
            self._host("conversations").rows("v2/ControlPlane/Configurations", "configurations", pageSize=_PAGE)
        )
        return tuple(rule for row in rows for rule in _voice_rules(row))

    def _trunks(self) -> tuple[Trunk, ...]:
        rows = tuple(_dicts(self._host("trunking").rows("v1/Trunks", "trunks")))
        return tuple(Trunk(word(row.get("friendly_name")) or word(row.get("sid")), self._mode(row)) for row in rows)

    def _mode(self, trunk: Row) -> str:
        return word(self._host("trunking").one(f"v1/Trunks/{trunk['sid']}/Recording").get("mode"))

    def _add_ons(self) -> tuple[AddOn, ...]:
        rows = tuple(_dicts(self._host("marketplace").rows("v1/InstalledAddOns", "installed_add_ons")))
        return tuple(AddOn(word(row.get("unique_name")) or word(row.get("sid")), self._products(row)) for row in rows)

    def _products(self, add_on: Row) -> tuple[str, ...]:
        rows = self._host("marketplace").rows(f"v1/InstalledAddOns/{add_on['sid']}/Extensions", "extensions")
        enabled = [row for row in _dicts(rows) if row.get("enabled") is True]
        return tuple(word(row.get("product_name")) or word(row.get("unique_name")) for row in enabled)

    def _numbers(self) -> tuple[Number, ...]:
        rows = _dicts(self._api.rows("IncomingPhoneNumbers.json", "incoming_phone_numbers"))
        return tuple(
            Number(
                e164=word(row.get("phone_number")),
                voice_url=word(row.get("voice_url")),
                voice_method=word(row.get("voice_method")),
                fallback_url=word(row.get("voice_fallback_url")),
                status_callback=word(row.get("status_callback")),
                application_sid=word(row.get("voice_application_sid")),
                trunk_sid=word(row.get("trunk_sid")),
            )
            for row in rows
        )

    def _is_media_open(self, recordings: tuple[Row, ...]) -> bool:
        """False where the account has no recording to try it on."""
        sids = [word(row.get("sid")) for row in recordings if row.get("status") == "completed"]
        return bool(sids) and self._anybody.status_for_anybody(self._account.url(f"Recordings/{sids[0]}.wav")) in OPEN

    def _may_list(self, name: str) -> bool:
        self._api.one(f"{name}.json")
        return True

    def _host(self, name: str) -> Host:
        return Host(self._account.host(name), self._outbound)

    @property
    def _api(self) -> Resources:
        return Resources(self._account, self._outbound)


def _dicts(rows: Iterator[object]) -> Iterator[Row]:
    return (row for row in rows if isinstance(row, dict))


def _meaning(answer: Answered) -> Answer:
    match answer.status:
        case 401 | 403:
            return Answer.FORBIDDEN
        case 404 if answer.code == NOT_FOUND:
            return Answer.NONE
        case 404 if answer.code is not None:
            return Answer.NO_SERVICE
        case _:
            return Answer.UNREACHED


def _voice_rules(configuration: Row) -> Iterator[CaptureRule]:
    name = word(configuration.get("displayName")) or word(configuration.get("name")) or word(configuration.get("id"))
    for channel, settings in (configuration.get("channelSettings") or {}).items():
        if channel.upper() != "VOICE":
            continue
        for rule in settings.get("captureRules") or ():
            yield CaptureRule(name, word(rule.get("from")) or "*", word(rule.get("to")) or "*")


def _form(recording: Row) -> RecordingForm:
    host = urlsplit(word(recording.get("media_url"))).netloc
    return RecordingForm(bool(recording.get("encryption_details")), host)
