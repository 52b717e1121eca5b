"""Tables for people at a terminal."""

from rich.console import Console
from rich.table import Table

from compliance.call_life import CallLife
from evidence.event_words import ODDITIES
from policies.rules import Line, Rulebook
from storage.rows.delays import Delay


def show(table: Table) -> None:
    console = Console()
    # Piped into a file, a table is not squeezed into a terminal that is not there.
    Console(width=console.width if console.is_terminal else 200).print(table)


def lines_table(rulebook: Rulebook) -> Table:
    table = Table("line", "connects to", "languages", "consent", "purposes", "retention", title=rulebook.business.name)
    for line in rulebook.lines:
        table.add_row(
            line.number,
            ", ".join(destination.address for destination in line.connect_to),
            ", ".join(line.languages),
            str(line.consent),
            ", ".join(line.purposes),
            _retention(line),
        )
    return table


def _retention(line: Line) -> str:
    each = ", ".join(f"{purpose}: {name}" for purpose, name in line.retention_for)
    return line.retention or each or "the product's default"


def show_story(story: CallLife) -> None:
    call = story.call
    console = Console()
    line = call.line or "what is no line of the rulebook"
    console.print(f"call {call.call_sid} to {line}: {call.state}, outcome {call.outcome} {call.reason}".rstrip())
    console.print(f"reference {call.reference}")
    if call.synthetic:
        console.print("a call of the self-test: nobody called, and nobody was rung")
    console.print(f"asked as {call.mode} in {call.language}, under rules {call.rules_sha256[:12]}; why: ", end="")
    console.print(f"onrecord explain --call {call.call_sid}")
    if call.erased_at:
        console.print(f"erased on {call.erased_at:%Y-%m-%d %H:%M:%S}: nothing here names who called")
    if withdrawal := story.withdrawal:
        done = (
            f"carried out {withdrawal.carried_out_at:%H:%M:%S}" if withdrawal.carried_out_at else "not carried out yet"
        )
        fate = "kept" if withdrawal.keeps else "destroyed"
        said = f"consent withdrawn {withdrawal.withdrawn_at:%Y-%m-%d %H:%M:%S} by {withdrawal.withdrawn_by}"
        console.print(f"{said}, the recording up to then {fate}: {done}", soft_wrap=True)
    for what in story.differs:
        console.print(f"DIFFERS FROM THE LOG: {what}", soft_wrap=True, markup=False)
    for recording in story.recordings:
        where = f", {recording.object_key}, until {recording.retain_until}" if recording.object_key else ""
        console.print(f"recording {recording.recording_sid}: {recording.state}{where}", soft_wrap=True)
        for odd in story.oddities(recording.id):
            console.print(f"  it was kept as it came, though odd: {ODDITIES.get(odd, odd)}", soft_wrap=True)
        if waits := story.delays.get(recording.id):
            console.print(f"  {_why_it_waits(waits)}", soft_wrap=True, markup=False)
    for incident in story.incidents:
        console.print(f"incident {incident.kind}: {incident.detail}", soft_wrap=True, markup=False)
    events = Table("index", "time", "event", "what")
    for event in story.events:
        known = {"index", "ts", "type", "call", "n", "v", "sd", "ruling"}
        told = ", ".join(f"{name}={value}" for name, value in event.items() if name not in known)
        events.add_row(str(event["index"]), event["ts"], event["type"], told)
    show(events)


def _why_it_waits(waits: Delay) -> str:
    times = f"{waits.tries} times" if waits.tries > 1 else "once"
    again = f", not again before {waits.again_at:%Y-%m-%d %H:%M}" if waits.again_at else ""
    since = f"since {waits.since:%Y-%m-%d %H:%M:%S}"
    return f"{waits.job} waits {since}, tried {times}{again}: {' '.join(waits.reason.split())}"
