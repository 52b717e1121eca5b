"""The value that each column of a row must have, going by the events: a line for each column that promises something.

`NO_PROMISE` lists the other columns, each with its reason. A test sees to it that every column is in one of the two.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from evidence.events import timestamp
from policies.asking import LAST
from policies.derived import (
    Agreed,
    DerivedAdoption,
    DerivedCall,
    DerivedHold,
    DerivedIncident,
    DerivedPause,
    DerivedRecording,
    DerivedWithdrawal,
)
from policies.disposition import STORED_HERE
from policies.erasure import stand_in
from policies.lifecycle import CallState

UNTOLD = object()
"""The events don't give the value: the field was erased, or is from before such fields were logged."""
_GONE = object()
# How far ahead the provider is asked at most: as long again as a call is over, of which a day is the longest.
_AHEAD_MAX = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """A call as derived from its events. `openings` maps digests to the values of disclosures that are left; `now` is
    None where the time is not known, and then no claim depends on it.
    """

    call_id: str
    derived: DerivedCall
    openings: Mapping[str, Any]
    now: datetime | None

    def opened(self, digest: str) -> object:
        """The value that an event commits to. Only an erasure may have taken its disclosure away."""
        if not digest:
            return UNTOLD
        return self.openings.get(digest, UNTOLD if self.derived.erased_at else _GONE)

    def staffs(self, digest: str) -> object:
        """The same for a text by staff, which no erasure takes away."""
        return self.openings.get(digest, _GONE)

    def received(self, name: str) -> object:
        return self.opened(self.derived.received_by.get(name, ""))


Claim = Callable[[LoggedCall], object]


def _agreed(value: Callable[[Agreed], object]) -> Claim:
    return lambda logged: value(logged.derived.agreed) if logged.derived.agreed else UNTOLD


CALL: Mapping[str, Claim] = {
    "call_sid": lambda logged: (
        stand_in(logged.call_id) if logged.derived.erased_at else logged.received("provider_call_id")
    ),
    "line": lambda logged: logged.received("callee") if logged.derived.is_to_a_line else "",
    "caller_hash": lambda logged: None if logged.derived.erased_at else logged.received("caller_hash"),
    "mode": lambda logged: logged.derived.mode,
    "silence_is_consent": _agreed(lambda agreed: int(agreed.silence_is_consent)),
    "prompts_max": _agreed(lambda agreed: agreed.prompts_max),
    "remembers_decline": _agreed(lambda agreed: int(agreed.remembers_decline)),
    "on_refusal": _agreed(lambda agreed: agreed.on_refusal),
    "language": lambda logged: logged.derived.language,
    "wording_sha256": lambda logged: logged.derived.wording_sha256 or UNTOLD,
    "rules_sha256": lambda logged: logged.derived.rules_sha256,
    "law_sha256": lambda logged: logged.derived.law_sha256,
    "round": lambda logged: logged.derived.round,
    "state": lambda logged: str(logged.derived.state),
    "outcome": lambda logged: logged.derived.outcome,
    "reason": lambda logged: UNTOLD if logged.derived.outcome == "open" else logged.derived.reason,
    "events": lambda logged: logged.derived.events,
    "received_at": lambda logged: logged.derived.received_at,
    "served_at": lambda logged: logged.derived.served_at,
    "decided_at": lambda logged: logged.derived.decided_at,
    "ended_at": lambda logged: logged.derived.ended_at,
    "erased_at": lambda logged: logged.derived.erased_at,
    "synthetic": lambda logged: int(logged.derived.is_synthetic),
}
RECORDING: Mapping[str, Callable[[LoggedCall, str, DerivedRecording], object]] = {
    "recording_sid": lambda logged, name, recording: (
        stand_in(name) if logged.derived.erased_at else logged.opened(recording.sid_by)
    ),
    "call_id": lambda logged, *_: logged.call_id,
    "permit": lambda logged, _, recording: logged.call_id if recording.is_permitted else None,
    "state": lambda _logged, _, recording: str(recording.state),
    "source": lambda _logged, _, recording: recording.source or UNTOLD,
    "noticed_at": lambda _logged, _, recording: recording.noticed_at,
    "moved_at": lambda _logged, _, recording: recording.moved_at,
    "object_key": lambda logged, _, recording: (
        None if logged.derived.erased_at or not recording.object_by else logged.opened(recording.object_by)
    ),
    "retain_until": lambda _logged, _, recording: moment(recording.retain_until),
    "destroyed_at": lambda _logged, _, recording: recording.destroyed_at,
    "reported_at": lambda _logged, _, recording: recording.reported_at,
}
WITHDRAWAL: Mapping[str, Callable[[LoggedCall, DerivedWithdrawal], object]] = {
    "call_id": lambda logged, _: logged.call_id,
    "withdrawn_at": lambda _, withdrawal: withdrawal.withdrawn_at,
    "withdrawn_by": lambda _, withdrawal: withdrawal.by,
    "actor": lambda logged, withdrawal: logged.staffs(withdrawal.actor_by) if withdrawal.actor_by else "",
    "keeps": lambda _, withdrawal: int(withdrawal.keeps),
}
PAUSE: Mapping[str, Callable[[LoggedCall, DerivedPause], object]] = {
    "call_id": lambda logged, _: logged.call_id,
    "recording_id": lambda _, pause: pause.recording,
    "asked_at": lambda _, pause: pause.asked_at,
    "asked_by": lambda logged, pause: logged.staffs(pause.actor_by),
    "limit_at": lambda _, pause: timestamp(datetime.fromisoformat(pause.asked_at) + timedelta(seconds=pause.limit_s)),
    "at_limit": lambda _, pause: pause.at_limit,
    "begun_at": lambda _, pause: pause.begun_at,
    "ended_at": lambda _, pause: pause.ended_at,
    "how": lambda _, pause: pause.how,
}
HOLD: Mapping[str, Callable[[LoggedCall, DerivedHold], object]] = {
    "call_id": lambda logged, _: logged.call_id,
    "reason": lambda logged, hold: logged.staffs(hold.placed_by["reason"]),
    "placed_by": lambda logged, hold: logged.staffs(hold.placed_by["actor"]),
    "placed_at": lambda _, hold: hold.placed_at,
    "released_by": lambda logged, hold: logged.staffs(hold.released_by["actor"]) if hold.released_at else None,
    "released_at": lambda _, hold: hold.released_at,
}
INCIDENT: Mapping[str, Callable[[Mapping[str, Any], DerivedIncident], object]] = {
    "kind": lambda _, incident: incident.kind,
    "about": lambda _, incident: incident.about,
    "call_id": lambda _, incident: incident.call_id,
    "opened_at": lambda _, incident: incident.opened_at,
    "closed_at": lambda _, incident: incident.closed_at,
    "closed_by": lambda openings, incident: (
        openings.get(incident.closed_by["actor"], _GONE) if incident.closed_at else None
    ),
    "closed_because": lambda openings, incident: (
        openings.get(incident.closed_by["reason"], _GONE) if incident.closed_at else None
    ),
}
ADOPTION: Mapping[str, Callable[[Mapping[str, Any], DerivedAdoption], object]] = {
    "sha256": lambda _, adoption: adoption.sha256,
    "adopted_at": lambda _, adoption: adoption.adopted_at,
    "adopted_by": lambda openings, adoption: openings.get(adoption.adopted_by["actor"], _GONE),
}
CLOSED = frozenset(
    {
        "adopted_by",
        "call_sid",
        "line",
        "caller_hash",
        "recording_sid",
        "object_key",
        "reason",
        "placed_by",
        "released_by",
        "actor",
        "asked_by",
    }
    | {"closed_by", "closed_because"}
)
"""Columns whose values are never printed: they can name somebody."""


def digests_in(derived: DerivedCall) -> Iterator[str]:
    """The digests of the personal fields that a row holds too."""
    yield from (derived.received_by.get(name, "") for name in ("provider_call_id", "callee", "caller_hash"))
    yield derived.account_by
    for derived_recording in derived.recordings.values():
        yield from (derived_recording.sid_by, derived_recording.object_by, derived_recording.audio_by)
    if derived.withdrawal and derived.withdrawal.actor_by:
        yield derived.withdrawal.actor_by
    yield from (asked.actor_by for asked in derived.pauses.values())
    for hold in derived.holds.values():
        yield from (*hold.placed_by.values(), *hold.released_by.values())


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def expires(logged: LoggedCall, recording: DerivedRecording) -> bool:
    """Whether the time for which it is kept may be over by now."""
    until = moment(recording.retain_until)
    return until is not None and (logged.now is None or until <= logged.now)


def must_be_looked_at(logged: LoggedCall) -> bool:
    """Whether the call is still to be looked at, and ended if need be: until a day after its end."""
    derived = logged.derived
    if logged.now is None or derived.is_synthetic or derived.erased_at:
        return False
    return derived.state is not CallState.ENDED or logged.now - datetime.fromisoformat(derived.ended_at or "") < LAST


def must_be_corroborated(logged: LoggedCall) -> bool:
    derived = logged.derived
    return bool(derived.ended_at and not (derived.corroborated_at or derived.is_synthetic or derived.erased_at))


def is_too_late(logged: LoggedCall, at: datetime | None) -> bool:
    return at is not None and logged.now is not None and at > logged.now + _AHEAD_MAX


def has_audio(recording: DerivedRecording) -> bool:
    return recording.state in STORED_HERE


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
    "recording.under_sid": "where the provider is asked to stop it; with a wrong one nothing is stopped there",
    "leg.*": "which sids are the call's at the provider, which is asked for anew where a row is missing",
    "handoff.*": "where the agent of a call under way is, which the provider is asked about anew",
    "taken_by.*": "which calls an agent finds; audio is opened by what the log says alone",
    "review.*": "who reviewed the call stands in call.reviewed",
    "call_listing.*": "a list to look at, worked out from the log and the rows above, and made again at will",
    "listing_mark.*": "how far the list is worked out",
    "stranger.*": "recordings of other calls than ours, which are only counted",
    "withdrawal.asked_at": "from when on it is told that it waits; that it was asked for stands in consent.withdrawn",
    "withdrawal.carried_out_at": "until when it is seen to; that nothing runs stands in the events of recordings",
    "pause.resume_asked_at": "that its end was asked for; when it ended stands in pause.ended",
    "pause.resume_asked_by": "as the time: who asked stands in pause.ended",
    "provider_copy.*": "what was found and deleted stands in copy.found and copy.deleted",
    "staff.*": "who may sign in just now; who was added and changed, by whom, stands in staff.added and staff.changed",
    "staff_scope.*": "as the account is; each change stands in staff.changed",
    "staff_address.*": "as the scope is",
    "staff_passkey.*": "what a person signs in with, which opens no recording by itself",
    "staff_recovery_code.*": "as a passkey is",
    "staff_identity.*": "as a passkey is",
    "staff_session.*": "who is signed in just now; who listened stands in recording.accessed",
    "staff_link.*": "opens an account once, for a short time",
    "used_once.*": "keeps a challenge from letting anybody in twice",
    "lease.*": "who listens just now; what was heard stands in recording.accessed and recording.heard",
    "comment.*": "words of the staff, which an erasure takes away with the call",
    "saved_filter.*": "a person's own view of the list",
    "delay.*": "why work waits just now, for a person; that it waits for long is an incident",
    "notice.*": "turns of incidents that are still to be told; each stands in incident.opened or incident.closed",
    "message.*": "words to people about incidents, which stand in the log",
    "worker.*": "which processes are alive just now",
    "watermark.*": "how far a list was gone through; what was found stands in reconcile.done and selftest.passed",
    "law_version.*": "texts under their hash, which events name",
    "rulebook_version.*": "texts under their hash, which events name",
    "wording_version.*": "texts under their hash, which events name",
    "prompt_audio.*": "sounds under their hash, which events name",
}
