"""What each column of a row must say, going by the events: one line for each column that promises something.

`NO_PROMISE` lists the others, each with its reason. A column is in one of the two, which a test sees to.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from policies.asking import ASKED_FOR
from policies.derived import Agreed, DerivedCall, DerivedHold, DerivedIncident, DerivedRecording
from policies.disposition import STORED_HERE
from policies.erasure import stand_in
from policies.lifecycle import CallState

UNTOLD = object()
"""The events don't say: the field was erased, or is from before there was one."""
_GONE = object()
# How far ahead the provider is asked at most: as long again as a call is over, of which a day is the longest.
_AHEAD_MAX = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Looked:
    """A call as its events make it. `openings` maps digests to the values of disclosures that are left; `now` is None
    where nobody knows how late it is, and then nothing that passes with time is claimed.
    """

    call_id: str
    told: DerivedCall
    openings: Mapping[str, Any]
    now: datetime | None

    def opened(self, digest: str) -> object:
        """The value that an event commits to. Only an erasure may have taken its disclosure away."""
        if not digest:
            return UNTOLD
        return self.openings.get(digest, UNTOLD if self.told.erased_at else _GONE)

    def staffs(self, digest: str) -> object:
        """The same of what staff wrote, which no erasure takes away."""
        return self.openings.get(digest, _GONE)

    def received(self, name: str) -> object:
        return self.opened(self.told.received_by.get(name, ""))


Claim = Callable[[Looked], object]


def _agreed(value: Callable[[Agreed], object]) -> Claim:
    return lambda look: value(look.told.agreed) if look.told.agreed else UNTOLD


CALL: Mapping[str, Claim] = {
    "call_sid": lambda look: stand_in(look.call_id) if look.told.erased_at else look.received("provider_call_id"),
    "line": lambda look: look.received("callee") if look.told.is_to_a_line else "",
    "caller_hash": lambda look: None if look.told.erased_at else look.received("caller_hash"),
    "mode": lambda look: look.told.mode,
    "silence_is_consent": _agreed(lambda agreed: int(agreed.silence_is_consent)),
    "prompts_max": _agreed(lambda agreed: agreed.prompts_max),
    "remembers_decline": _agreed(lambda agreed: int(agreed.remembers_decline)),
    "on_refusal": _agreed(lambda agreed: agreed.on_refusal),
    "language": lambda look: look.told.language,
    "wording_sha256": lambda look: look.told.wording_sha256 or UNTOLD,
    "rules_sha256": lambda look: look.told.rules_sha256,
    "law_sha256": lambda look: look.told.law_sha256,
    "round": lambda look: look.told.round,
    "state": lambda look: str(look.told.state),
    "outcome": lambda look: look.told.outcome,
    "reason": lambda look: UNTOLD if look.told.outcome == "open" else look.told.reason,
    "events": lambda look: look.told.events,
    "received_at": lambda look: look.told.received_at,
    "served_at": lambda look: look.told.served_at,
    "decided_at": lambda look: look.told.decided_at,
    "ended_at": lambda look: look.told.ended_at,
    "erased_at": lambda look: look.told.erased_at,
    "synthetic": lambda look: int(look.told.is_synthetic),
}
RECORDING: Mapping[str, Callable[[Looked, str, DerivedRecording], object]] = {
    "recording_sid": lambda look, name, one: stand_in(name) if look.told.erased_at else look.opened(one.sid_by),
    "call_id": lambda look, *_: look.call_id,
    "permit": lambda look, _, one: look.call_id if one.is_permitted else None,
    "state": lambda _look, _, one: str(one.state),
    "source": lambda _look, _, one: one.source or UNTOLD,
    "noticed_at": lambda _look, _, one: one.noticed_at,
    "moved_at": lambda _look, _, one: one.moved_at,
    "object_key": lambda look, _, one: None if look.told.erased_at or not one.object_by else look.opened(one.object_by),
    "retain_until": lambda _look, _, one: moment(one.retain_until),
    "destroyed_at": lambda _look, _, one: one.destroyed_at,
    "reported_at": lambda _look, _, one: one.reported_at,
}
HOLD: Mapping[str, Callable[[Looked, DerivedHold], object]] = {
    "call_id": lambda look, _: look.call_id,
    "reason": lambda look, one: look.staffs(one.placed_by["reason"]),
    "placed_by": lambda look, one: look.staffs(one.placed_by["actor"]),
    "placed_at": lambda _, one: one.placed_at,
    "released_by": lambda look, one: look.staffs(one.released_by["actor"]) if one.released_at else None,
    "released_at": lambda _, one: one.released_at,
}
INCIDENT: Mapping[str, Callable[[Mapping[str, Any], DerivedIncident], object]] = {
    "kind": lambda _, one: one.kind,
    "about": lambda _, one: one.about,
    "call_id": lambda _, one: one.call_id,
    "opened_at": lambda _, one: one.opened_at,
    "closed_at": lambda _, one: one.closed_at,
    "closed_by": lambda openings, one: openings.get(one.closed_by["actor"], _GONE) if one.closed_at else None,
    "closed_because": lambda openings, one: openings.get(one.closed_by["reason"], _GONE) if one.closed_at else None,
}
CLOSED = frozenset(
    {"call_sid", "line", "caller_hash", "recording_sid", "object_key", "reason", "placed_by", "released_by"}
    | {"closed_by", "closed_because"}
)
"""Columns whose values are not told: they can name somebody."""


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def expires(look: Looked, one: DerivedRecording) -> bool:
    """Whether the time for which it is kept may be over by now."""
    until = moment(one.retain_until)
    return until is not None and (look.now is None or until <= look.now)


def must_be_asked_about(look: Looked) -> bool:
    """Whether the provider is still to be asked about the call: until a day after its end."""
    told = look.told
    if look.now is None or told.is_synthetic or told.erased_at:
        return False
    return told.state is not CallState.ENDED or look.now - datetime.fromisoformat(told.ended_at or "") < ASKED_FOR


def must_be_corroborated(look: Looked) -> bool:
    told = look.told
    return bool(told.ended_at and not (told.corroborated_at or told.is_synthetic or told.erased_at))


def is_too_late(look: Looked, at: datetime | None) -> bool:
    return at is not None and look.now is not None and at > look.now + _AHEAD_MAX


def has_audio(one: DerivedRecording) -> bool:
    return one.state in STORED_HERE


NO_PROMISE: Mapping[str, str] = {
    "call.prompt": "a step of a call that is under way; what was asked and pressed stands in consent.choice",
    "call.asked_before": "as the prompt is, counted by rounds",
    "call.agreed_round": "a step of a call that is under way; that it was agreed to again stands in consent.choice",
    "call.disclosure_length_ms": "worked out from the wording; how long it played stands in disclosure.completed",
    "recording.duration_s": "the provider's word; what is kept is measured from the audio, whose hash is logged",
    "recording.channels": "the provider's word, as the duration is",
    "recording.track": "the provider's word, as the duration is",
    "recording.started_at": "the provider's word, which is asked for anew before it counts",
    "provider_account.recording_asked_at": "read from the account, whose hash is logged",
    "reply.*": "what Twilio was answered, which is held against what Twilio itself tells (provider.corroborated)",
    "audio_object.version_id": "the store's name for the bytes: with a wrong one they are not found",
    "audio_object.sha256": "of the sealed bytes, which only the recording's own key opens, for that recording and name",
    "audio_object.size_bytes": "as their hash; of the master it is logged",
    "audio_object.plain_sha256": "of what is derived, which is sealed with its name; the master's is logged",
    "recording_key.wrapped_key": "sealed for that recording: another opens nothing",
    "incident.detail": "words for a person, from which an erasure strikes names",
    "delay.*": "why work waits just now, for a person; that it waits for long is an incident",
    "worker.*": "which processes are alive just now",
    "watermark.*": "how far a list was gone through; what was found stands in reconcile.done and selftest.passed",
    "law_version.*": "texts under their hash, which events name",
    "rulebook_version.*": "texts under their hash, which events name",
    "wording_version.*": "texts under their hash, which events name",
    "prompt_audio.*": "sounds under their hash, which events name",
}
