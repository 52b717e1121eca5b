"""The commands that list calls and recordings, whose sids the other commands want."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from onrecord.commands.base import Number, as_json_option, check_number, reading_log
from onrecord.commands.rules import Day
from onrecord.terminal import Sheet, say, say_json, show_sheet
from policies.consent import Outcome
from policies.lifecycle import RecordingState
from policies.listing import ListedAudio
from storage.errors import Refused

if TYPE_CHECKING:
    from compliance.listed_calls import CallList, ListedCall, ListedRecording
    from storage.rows.call_pages import Filters

_Row = TypeVar("_Row")
_LIMIT = 50
_LIMIT_MAX = 100_000
_FILTERS = (
    click.option("--line", type=Number(), metavar="NUMBER", help="To this line."),
    click.option("--number", metavar="NUMBER", help="From this number."),
    click.option(
        "--outcome",
        type=click.Choice([*(outcome.value for outcome in Outcome), "open"]),
        metavar="OUTCOME",
        help="Such as consented.",
    ),
    click.option(
        "--audio", type=click.Choice([audio.value for audio in ListedAudio]), help="With audio in this state."
    ),
    click.option("--from", "since", type=Day(), metavar="DAY", help="From this day on, in UTC."),
    click.option("--to", "until", type=Day(), metavar="DAY", help="Up to this day, which is included."),
    click.option("--tests", is_flag=True, help="The self-test's calls too."),
    click.option("--limit", type=click.IntRange(1, _LIMIT_MAX), default=_LIMIT, show_default=True, help="How many."),
)


def _filtered(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@click.command("calls")
@_filtered
@as_json_option
def list_calls(*, limit: int, as_json: bool, **asked: Any) -> None:
    """List calls with their sids, newest first.

    The list follows the log by a worker; where it is behind, it says as of when it is.
    """
    from compliance import listed_calls

    with reading_log() as (database, _):
        found = listed_calls.list_calls(database.read, _read(**asked), now=datetime.now(UTC), limit=limit)
    if as_json:
        _as_json("calls", found, _call_as_json)
        return
    headings = ("received, UTC", "call", "line", "from", "outcome", "audio", "kept until")
    show_sheet(Sheet(headings, [_call(call) for call in found.rows]))
    _tell_rest(found)


@click.command("recordings")
@_filtered
@click.option(
    "--state",
    type=click.Choice([state.value for state in RecordingState]),
    metavar="STATE",
    help="In this state: kept, say.",
)
@as_json_option
def list_recordings(*, state: str | None, limit: int, as_json: bool, **asked: Any) -> None:
    """List recordings with their sids, newest call first.

    The filters are of their calls. The list follows the log by a worker; where it is behind, it says as of when it is.
    """
    from compliance import listed_calls

    with reading_log() as (database, _):
        found = listed_calls.list_recordings(
            database.read,
            _read(**asked),
            lambda recording: state in {None, recording.state},
            now=datetime.now(UTC),
            limit=limit,
        )
    if as_json:
        _as_json("recordings", found, _recording_as_json)
        return
    headings = ("noticed, UTC", "recording", "call", "state", "length", "kept until")
    show_sheet(Sheet(headings, [_recording(recording) for recording in found.rows]))
    _tell_rest(found)


def add_list_commands(group: click.Group) -> None:
    for command in (list_calls, list_recordings):
        group.add_command(command)


def _read(
    *,
    line: str | None,
    number: str | None,
    outcome: str | None,
    audio: str | None,
    since: datetime | None,
    until: datetime | None,
    tests: bool,
) -> "Filters":
    from storage.rows.call_pages import Filters

    if since and until and since >= until + timedelta(days=1):
        raise click.UsageError("--from is after --to")
    filters = Filters(
        line=line,
        outcome=outcome,
        audio=audio,
        received_from=since,
        received_until=until + timedelta(days=1) if until else None,
        synthetic=None if tests else False,
    )
    return filters if number is None else replace(filters, caller_hash=_hash_of(number))


def _hash_of(number: str) -> str:
    from onrecord.settings.environment import read_settings
    from onrecord.settings.key_file import read_keys
    from storage.number_hash import number_hash

    check_number(number)
    found = number_hash(read_keys(read_settings(os.environ, need="database").key_file).number_hash_key, number)
    if found is None:
        raise Refused("--number: nobody can have this number")
    return found


def _as_json(name: str, found: "CallList[_Row]", row: Callable[[_Row], dict[str, object]]) -> None:
    as_of = found.as_of.isoformat() if found.as_of else None
    say_json({"as_of": as_of, "has_more": found.has_more, name: [row(each) for each in found.rows]})


def _tell_rest(found: "CallList[Any]") -> None:
    if found.has_more:
        say(f"there are more than these {len(found.rows)}: say --limit, or --to")
    if found.as_of:
        behind = f"as of {found.as_of:%Y-%m-%d %H:%M:%S} UTC: what happened since is not in the list yet"
        say(f"{behind}; `onrecord work` brings it up to date")


def _call(call: "ListedCall") -> tuple[str, ...]:
    listed = call.listed
    return (
        f"{listed.received_at:%Y-%m-%d %H:%M:%S}",
        call.call_sid or f"{listed.call_id} (erased)",
        listed.line or "no line",
        listed.caller_masked or "erased",
        listed.outcome,
        listed.audio,
        f"{listed.retain_until:%Y-%m-%d}" if listed.retain_until else "-",
    )


def _call_as_json(call: "ListedCall") -> dict[str, object]:
    listed = call.listed
    return {
        "call_sid": call.call_sid or None,
        "id": listed.call_id,
        "received_at": listed.received_at.isoformat(),
        "line": listed.line,
        "caller": listed.caller_masked,
        "place": listed.place,
        "mode": listed.mode,
        "language": listed.language,
        "outcome": listed.outcome,
        "audio": listed.audio,
        "recorded_s": listed.recorded_s,
        "retain_until": listed.retain_until.isoformat() if listed.retain_until else None,
        "synthetic": listed.synthetic,
        "erased": listed.erased,
    }


def _recording(found: "ListedRecording") -> tuple[str, ...]:
    recording = found.recording
    return (
        f"{recording.noticed_at:%Y-%m-%d %H:%M:%S}",
        recording.recording_sid,
        found.call_sid or f"{recording.call_id} (erased)",
        recording.state,
        f"{recording.duration_s} s" if recording.duration_s is not None else "-",
        f"{recording.retain_until:%Y-%m-%d}" if recording.retain_until else "-",
    )


def _recording_as_json(found: "ListedRecording") -> dict[str, object]:
    recording = found.recording
    return {
        "recording_sid": recording.recording_sid,
        "id": recording.id,
        "call_sid": found.call_sid or None,
        "call": recording.call_id,
        "state": recording.state,
        "source": recording.source,
        "duration_s": recording.duration_s,
        "noticed_at": recording.noticed_at.isoformat(),
        "retain_until": recording.retain_until.isoformat() if recording.retain_until else None,
        "destroyed_at": recording.destroyed_at.isoformat() if recording.destroyed_at else None,
    }
