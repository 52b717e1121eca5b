"""Derives a call from its events: its outcome, state, permit, recordings and holds. The rows say the same.

`EFFECTS` is the whole derivation, with a line for each type of event that changes something. Events are dicts of their
public fields.
"""

from collections.abc import Callable, Iterable, Mapping

from policies.consent import Outcome, replaces
from policies.derived import (
    OPEN,
    Agreed,
    DerivedAdoption,
    DerivedCall,
    DerivedDecline,
    DerivedHold,
    DerivedIncident,
    DerivedPause,
    DerivedPermit,
    DerivedRecording,
    DerivedWithdrawal,
    Fields,
)
from policies.lifecycle import CallEvent, RecordingState, after

_NOT_OURS = frozenset({RecordingState.QUARANTINED, RecordingState.CONDEMNED})


def derive(events: Iterable[Fields]) -> DerivedCall:
    """The call that these events make: all its events, in their order."""
    made = DerivedCall()
    for event in events:
        add(made, event)
    return made


def derive_incidents(events: Iterable[Fields]) -> dict[int, DerivedIncident]:
    """Incidents by number, from the log's events about them. Raises KeyError for an incident that was never opened."""
    made: dict[int, DerivedIncident] = {}
    for event in events:
        if event["type"] == "incident.opened":
            made[event["incident"]] = DerivedIncident(event["kind"], event["about"], event["about_call"], event["ts"])
        elif event["type"] == "incident.closed":
            incident = made[event["incident"]]
            incident.closed_at, incident.closed_by = event["ts"], event["sd"]
    return made


def derive_adoptions(events: Iterable[Fields]) -> dict[int, DerivedAdoption]:
    """Adoptions of a rulebook by number, from the log's events about them."""
    return {
        event["adoption"]: DerivedAdoption(event["rules_sha256"], event["ts"], event["sd"])
        for event in events
        if event["type"] == "rules.adopted"
    }


def add(call: DerivedCall, event: Fields) -> None:
    """Apply the next event to a call. Raises ImpossibleTransition or KeyError for an impossible event."""
    call.events += 1
    effect = EFFECTS.get(event["type"])
    if effect is not None:
        effect(call, event)


def _received(call: DerivedCall, event: Fields) -> None:
    call.received_at, call.received_by = event["ts"], event.get("sd", {})
    call.mode, call.language = event["mode"], event["language"]
    call.rules_sha256, call.law_sha256 = event["rules_sha256"], event.get("law", {}).get("sha256", "")
    call.is_synthetic, call.is_to_a_line = event.get("synthetic", False), event.get("line", True)
    call.agreed = _agreed(event["ruling"]) if "ruling" in event else None


def _agreed(ruling: Fields) -> Agreed:
    purposes = ruling["purposes"]
    return Agreed(
        law=ruling["law"]["version"],
        usable_until={purpose["purpose"]: purpose["usable_until"] for purpose in purposes},
        retention=max(purposes, key=lambda purpose: str(purpose["usable_until"]))["rule"] if purposes else "",
        retain_until=ruling["retain_until"],
        conflicts=tuple(ruling["conflicts"]),
        silence_is_consent=ruling["silence_is_consent"],
        prompts_max=ruling["prompts_max"],
        remembers_decline=ruling["remembered_decline"],
        on_refusal=ruling["on_refusal"],
    )


def _sent_back(call: DerivedCall, _: Fields) -> None:
    call.state, call.round = after(call.state, CallEvent.SENT_BACK), call.round + 1


def _chosen(call: DerivedCall, event: Fields) -> None:
    call.language = event["language"]


def _served(call: DerivedCall, event: Fields) -> None:
    call.served_at, call.wording_sha256, call.language = event["ts"], event["prompt_sha256"], event["language"]


def _asked(call: DerivedCall, event: Fields) -> None:
    if event["action"] == "ask":
        call.state = after(call.state, CallEvent.ASKED_AGAIN)


def _told(call: DerivedCall, _: Fields) -> None:
    call.state = after(call.state, CallEvent.DISCLOSURE_COMPLETED)


def _permitted(call: DerivedCall, event: Fields) -> None:
    _settle(call, event, CallEvent.PERMITTED)
    # Until there was an end for each purpose, all of them ended when the audio did.
    ends: Mapping[str, str] = event.get("usable_until") or dict.fromkeys(event["purposes"], str(event["retain_until"]))
    given = DerivedPermit(event["outcome"], ends, event["retention"], event["retain_until"], event["ts"])
    call.permit = call.permit or given


def _settles(moved: CallEvent) -> "Effect":
    return lambda call, event: _settle(call, event, moved)


def _settle(call: DerivedCall, event: Fields, moved: CallEvent) -> None:
    """An outcome that is set is only ever replaced by a refusal."""
    call.state = after(call.state, moved)
    if replaces(Outcome(event["outcome"]), None if call.outcome == OPEN else Outcome(call.outcome)):
        call.outcome, call.reason, call.decided_at = event["outcome"], event.get("reason", ""), event["ts"]


def _withdrawn(call: DerivedCall, event: Fields) -> None:
    _settle(call, event, CallEvent.REFUSED if event.get("ends_call") else CallEvent.WITHDRAWN)
    keeps = event.get("keeps", False)
    if call.withdrawal is None:
        actor_by = event.get("sd", {}).get("actor", "")
        call.withdrawal = DerivedWithdrawal(event["ts"], event.get("by", ""), keeps, actor_by)
    call.withdrawal.keeps = call.withdrawal.keeps and keeps


def _completed(call: DerivedCall, event: Fields) -> None:
    _settle(call, event, CallEvent.ENDED)
    call.ended_at = call.ended_at or event["ts"]


def _corrected(call: DerivedCall, event: Fields) -> None:
    call.outcome, call.reason = event["outcome"], event["reason"]


def _heard(state: RecordingState) -> "Effect":
    """News of a recording, the first of which says whether a permit covers it."""

    def effect(call: DerivedCall, event: Fields) -> None:
        recording = _recording(call, event, state)
        recording.state, recording.moved_at = state, event["ts"]
        _reported(call, event)

    return effect


def _reported(call: DerivedCall, event: Fields) -> None:
    """`reported`: the first report of the recording at the address that only our document names."""
    recording = call.recordings[event["recording"]]
    recording.source = recording.source or event.get("source", "")
    recording.reported_at = recording.reported_at or (event["ts"] if event.get("reported") else None)


def _recording(call: DerivedCall, event: Fields, state: RecordingState) -> DerivedRecording:
    name, at = event["recording"], event["ts"]
    if name not in call.recordings:
        sid_by = event["sd"]["provider_recording_id"]
        call.recordings[name] = DerivedRecording(False, event["source"], state, at, at, sid_by)
        if state not in _NOT_OURS:
            _permit_for(call, name)
    return call.recordings[name]


def _permit_for(call: DerivedCall, name: str) -> None:
    """A permit covers a single recording."""
    for other, recording in call.recordings.items():
        recording.is_permitted = other == name


def _quarantined(call: DerivedCall, event: Fields) -> None:
    _heard(RecordingState.QUARANTINED)(call, event)
    call.recordings[event["recording"]].is_permitted = False


def _identified(call: DerivedCall, event: Fields) -> None:
    _heard(RecordingState.STARTED)(call, event)
    _permit_for(call, event["recording"])


def _condemned(call: DerivedCall, event: Fields) -> None:
    _heard(RecordingState.CONDEMNED)(call, event)
    recording = call.recordings[event["recording"]]
    recording.is_permitted = recording.is_permitted and event.get("permitted", True)


def _stored(call: DerivedCall, event: Fields) -> None:
    recording = call.recordings[event["recording"]]
    recording.state, recording.moved_at, recording.retain_until = (
        RecordingState.STORED,
        event["ts"],
        event["retain_until"],
    )
    recording.objects, recording.size_bytes = tuple(event["objects"]), event["size_bytes"]
    recording.object_by, recording.audio_by = event["sd"]["object"], event["sd"]["audio_sha256"]


def _deleted(call: DerivedCall, event: Fields) -> None:
    recording = call.recordings[event["recording"]]
    recording.state, recording.moved_at = RecordingState.KEPT, event["ts"]


def _destroyed(call: DerivedCall, event: Fields) -> None:
    recording = call.recordings[event["recording"]]
    recording.state, recording.moved_at, recording.destroyed_at = RecordingState.DESTROYED, event["ts"], event["ts"]


def _held(call: DerivedCall, event: Fields) -> None:
    call.holds[event["hold"]] = DerivedHold(event["ts"], event["sd"])


def _released(call: DerivedCall, event: Fields) -> None:
    hold = call.holds[event["hold"]]
    hold.released_at, hold.released_by = event["ts"], event["sd"]


def _pause_asked(call: DerivedCall, event: Fields) -> None:
    actor_by = event.get("sd", {}).get("actor", "")
    call.pauses[event["pause"]] = DerivedPause(event["ts"], event["limit_s"], event["at_limit"], actor_by)


def _paused(call: DerivedCall, event: Fields) -> None:
    asked = call.pauses[event["pause"]]
    asked.begun_at, asked.recording = event["ts"], event["recording"]


def _pause_ended(call: DerivedCall, event: Fields) -> None:
    asked = call.pauses[event["pause"]]
    asked.ended_at, asked.how = event["ts"], event["how"]


def _remembered(call: DerivedCall, event: Fields) -> None:
    call.remembered = DerivedDecline(event["ts"], event["until"], event.get("sd", {}).get("forget_at", ""))


def _forgotten(call: DerivedCall, event: Fields) -> None:
    call.forgotten_at = event["ts"]


def _corroborated(call: DerivedCall, event: Fields) -> None:
    call.corroborated_at = event["ts"]
    if "sd" in event:
        call.account_at, call.account_by = event["ts"], event["sd"]["response_sha256"]


def _erased(call: DerivedCall, event: Fields) -> None:
    call.erased_at = call.erased_at or event["ts"]


Effect = Callable[[DerivedCall, Fields], None]
EFFECTS: Mapping[str, Effect] = {
    "call.received": _received,
    "call.sent_back": _sent_back,
    "language.chosen": _chosen,
    "disclosure.served": _served,
    "disclosure.completed": _told,
    "consent.choice": _asked,
    "recording.permitted": _permitted,
    "recording.suppressed": _settles(CallEvent.SUPPRESSED),
    "call.refused": _settles(CallEvent.REFUSED),
    "consent.withdrawn": _withdrawn,
    "call.completed": _completed,
    "outcome.corrected": _corrected,
    "recording.started": _heard(RecordingState.STARTED),
    "recording.completed": _heard(RecordingState.COMPLETED),
    "recording.absent": _heard(RecordingState.ABSENT),
    "recording.corrected": _reported,
    "recording.reported": _reported,
    "recording.quarantined": _quarantined,
    "recording.identified": _identified,
    "recording.condemned": _condemned,
    "recording.stored": _stored,
    "recording.deleted": _deleted,
    "recording.destroyed": _destroyed,
    "pause.asked": _pause_asked,
    "recording.paused": _paused,
    "pause.ended": _pause_ended,
    "privacy.hold": _held,
    "privacy.released": _released,
    "privacy.erased": _erased,
    "decline.remembered": _remembered,
    "decline.forgotten": _forgotten,
    "provider.corroborated": _corroborated,
}
WITHOUT_EFFECT = frozenset(
    {
        "language.asked",
        "call.unread",
        "call.hung_up",
        "step.settled_late",
        "recording.stopped",
        "recording.resumed",
        "copy.found",
        "copy.deleted",
        "recording.accessed",
        "recording.access_refused",
        "recording.heard",
        "conversation.ended",
        "call.fallback",
        "call.reviewed",
    }
)
"""The events of calls that are told and change nothing."""
