"""The life of a call for people at a terminal: what became of it, its recordings, and its events in order."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from compliance.call_life import CallLife
from evidence.event_words import ODDITIES
from onrecord.terminal import in_brackets, say
from storage.rows.delays import Delay
from storage.rows.recordings import Recording
from storage.rows.withdrawals import Withdrawal

_TOLD_ELSEWHERE = frozenset({"index", "ts", "type", "call", "n", "v", "sd", "ruling"})
_INDENT = " " * 23  # below the event's type


def show(life: CallLife) -> None:
    """Times are in UTC."""
    for line in (*_call(life), *_recordings(life), *_incidents(life), *_events(life)):
        say(line)


def _call(life: CallLife) -> Iterator[str]:
    call = life.call
    line = call.line or "what is no line of the rulebook"
    reason = f": {call.reason}" if call.reason else ""
    yield f"call {call.call_sid} to {line}: {call.state}, outcome {call.outcome}{reason}"
    yield f"reference {call.reference}"
    if call.synthetic:
        yield "a call of the self-test: nobody called, and nobody was rung"
    yield f"asked as {call.mode} in {call.language}, under rules {call.rules_sha256[:12]}"
    yield f"why: onrecord explain --call {call.call_sid}"
    if call.erased_at:
        yield f"erased on {call.erased_at:%Y-%m-%d %H:%M:%S}: nothing here names who called"
    if life.withdrawal:
        yield _withdrawn(life.withdrawal)
    yield from (f"DIFFERS FROM THE LOG: {differs}" for differs in life.differs)


def _withdrawn(withdrawal: Withdrawal) -> str:
    done_at = withdrawal.carried_out_at
    done = f"carried out {done_at:%H:%M:%S}" if done_at else "not carried out yet"
    fate = "kept" if withdrawal.keeps else "destroyed"
    said = f"consent withdrawn {withdrawal.withdrawn_at:%Y-%m-%d %H:%M:%S} by {withdrawal.withdrawn_by}"
    return f"{said}, the recording up to then {fate}: {done}"


def _recordings(life: CallLife) -> Iterator[str]:
    for recording in life.recordings:
        yield f"recording {recording.recording_sid}: {recording.state}{_where(recording)}"
        for odd in life.oddities(recording.id):
            yield f"  it was kept as it came, though odd: {ODDITIES.get(odd, odd)}"
        if waits := life.delays.get(recording.id):
            yield f"  {_why_it_waits(waits)}"


def _where(recording: Recording) -> str:
    if not recording.object_key:
        return ""
    until = f", until {recording.retain_until:%Y-%m-%d %H:%M:%S}" if recording.retain_until else ""
    return f", {recording.object_key}{until}"


def _why_it_waits(waits: Delay) -> str:
    times = f"{waits.tries} times" if waits.tries > 1 else "once"
    again = f", not again before {waits.again_at:%Y-%m-%d %H:%M}" if waits.again_at else ""
    since = f"since {waits.since:%Y-%m-%d %H:%M:%S}"
    return f"{waits.job} waits {since}, tried {times}{again}: {waits.reason}"


def _incidents(life: CallLife) -> Iterator[str]:
    return (f"incident {incident.kind}: {incident.detail}" for incident in life.incidents)


def _events(life: CallLife) -> Iterator[str]:
    day = ""
    for event in life.events:
        at = datetime.fromisoformat(event["ts"])
        if f"{at:%Y-%m-%d}" != day:
            day = f"{at:%Y-%m-%d}"
            yield f"events of {day}, in UTC"
        yield f"{event['index']:>7}  {at:%H:%M:%S}.{at.microsecond // 1000:03d}  {event['type']}"
        if told := _told(event):
            yield f"{_INDENT}{told}"


def _told(event: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} {in_brackets(value)}" for name, value in event.items() if name not in _TOLD_ELSEWHERE)
