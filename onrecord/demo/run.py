"""`onrecord demo`: the whole service against the simulated telephone, in processes of its own, with real audio.

It writes a rulebook and keys into a fresh directory, starts both web servers, a worker and the simulator, places calls,
waits until nothing is under way, and has `onrecord.demo.promises` check every call from outside.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from rich.console import Console

from compliance.call_life import CallLife, life_of
from onrecord.demo import promises
from onrecord.demo.acts import Act, Others
from onrecord.demo.calls import CALLS, WRITTEN_DOWN, Placed, place, table
from onrecord.demo.control_api import ControlApi
from onrecord.demo.ending import Ended, EndedBySignal
from onrecord.demo.local_installation import DidNotStart, LocalInstallation
from onrecord.demo.logins import make_logins, write_logins
from onrecord.demo.promises import Breach, Witness
from onrecord.installation import Installation, open_installation
from onrecord.terminal import show
from storage.errors import Refused, Unavailable
from storage.log import checkpoints

_SETTLED_WITHIN_S = 180.0
_MOVING = frozenset({"started", "completed", "stored", "condemned"})
_STORED = frozenset({"stored", "kept"})


def run(*, once: bool, folder: Path | None, began: float | None = None) -> int:
    """Returns the exit code: 0, 1 if a promise broke, 128 and the signal's number where a signal came before that was
    known. `began` is when `make` began, in seconds since 1970. Raises Refused where the folder is of no use, or an
    installation already: its rulebook would be lost, and its calls are not those of this demonstration. Raises
    Unavailable where a part of it fails.
    """
    prepared = _prepared(folder)
    signals, watch = EndedBySignal(), Stopwatch(began or time.time())
    local = LocalInstallation(prepared, undisturbed=signals.held)
    try:
        with signals, local:
            return _show(local, signals, watch, once=once)
    except Ended as ended:
        with suppress(OSError):  # its terminal may be gone
            sys.stderr.write(f"onrecord: ended by {ended}, and so is all that it started\n")
        return ended.exit_code
    except OSError as error:
        if signals.came:
            return 1
        raise Unavailable(f"the demonstration in {prepared} stopped: {error}") from error


def _prepared(folder: Path | None) -> Path:
    """The folder with the rulebook in it, by its whole name: processes work inside it."""
    try:
        folder = (folder or Path(tempfile.mkdtemp(prefix="onrecord-demo-"))).resolve()
        if any((folder / name).exists() for name in ("onrecord.toml", "var")):
            raise Refused(f"{folder}: there is an installation already; the demonstration wants a folder of its own")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "onrecord.toml").write_text(files("onrecord.demo").joinpath("demo.toml").read_text("utf-8"), "utf-8")
    except OSError as error:
        where = folder or "a new folder"
        raise Refused(f"{where}: the demonstration can't work there ({error.strerror}); name another folder") from error
    return folder


@dataclass
class Stopwatch:
    """Seconds from `began`, which is in seconds since 1970: another process may have begun."""

    began: float
    stored_s: int | None = None
    """When the first recording that was agreed to was stored."""

    def seconds(self) -> int:
        return round(time.time() - self.began)


def _show(local: LocalInstallation, signals: EndedBySignal, watch: Stopwatch, *, once: bool) -> int:
    console = Console(highlight=False)
    up_s = watch.seconds()
    console.print(f"up after {up_s} s; rulebook, database and audio are in {local.folder}", soft_wrap=True)
    console.print(f"a phone in the browser  {local.simulator_url}/")
    console.print(f"the staff's console     {local.console_page_url}/")
    console.print(f"for `onrecord` in another terminal:  . {local.settings_file}", soft_wrap=True)
    installation = open_installation(local.environment)
    try:
        _show_logins(console, local, installation)
        ControlApi(local.simulator_url).change_services({"capture_rules": [{"from": WRITTEN_DOWN, "to": "*"}]})
        with console.status("") as status:
            placed = _play(local, installation, signals, watch, status.update)
        lives = [(placed_call, _life(installation, placed_call)) for placed_call in placed]
        show(table(lives))
        found = _find_breaches(console, local, installation, placed)
        is_found_and_gone = _examine(console, local)
        proven = _prove(console, local, installation) and is_found_and_gone
    finally:
        installation.close()
    stored = f"after {watch.stored_s} s" if watch.stored_s is not None else "never"
    console.print(f"up after {up_s} s; first consented recording stored {stored}; done after {watch.seconds()} s")
    if not once:
        for line in what_next(local, lives):
            console.print(line, soft_wrap=True, markup=False)
        _stay()
    return 1 if found or not proven else 0


def _show_logins(console: Console, local: LocalInstallation, installation: Installation) -> None:
    logins, file = make_logins(installation), local.folder / "logins.txt"
    write_logins(logins, file)
    console.print(f"sign in there by password; more codes are in {file}", soft_wrap=True)
    for login in logins:
        console.print(f"  {login.role:<11} {login.name:<6} {login.password}  code {login.codes[0]}", soft_wrap=True)


def _find_breaches(
    console: Console, local: LocalInstallation, installation: Installation, placed: Sequence[Placed]
) -> list[Breach]:
    seen = [placed_call.seen() for placed_call in placed]
    slowest_ms = max((fetched.latency_ms for call in seen for fetched in call.fetched), default=0.0)
    console.print(f"slowest answer to Twilio: {slowest_ms:.0f} ms")
    dialled = ControlApi(local.simulator_url).call_sids()  # by people too, with the browser phone
    found = promises.breaches(witness_of(installation), seen, others=dialled)
    for breach in found:
        console.print(str(breach))
    console.print(f"promises held: {len(placed)} calls, {len({breach.call_sid for breach in found})} broken")
    return found


def _examine(console: Console, local: LocalInstallation) -> bool:
    """Have the doctor look at the account with the rule that writes a caller's calls down, and without it. False where
    it does not find the one, or finds anything else.
    """
    control = ControlApi(local.simulator_url)
    code, said = local.ran("doctor")
    wrong = [line for line in said.splitlines() if line.startswith(("WRONG", "UNTOLD"))]
    control.change_services({"capture_rules": None})
    code_after, said_after = local.ran("doctor")
    for line in wrong:
        console.print(f"doctor: {line}", soft_wrap=True)
    console.print(f"doctor, with that rule deleted: {said_after.splitlines()[-1]}", soft_wrap=True)
    return (code, len(wrong), code_after) == (1, 1, 0)


def _prove(console: Console, local: LocalInstallation, installation: Installation) -> bool:
    """Run the self-test, and verify the whole log as an outsider does. False where either fails."""
    bundle = local.folder / "bundle"
    try:
        with console.status("the service calls itself, as a caller would ..."):
            console.print(f"self-test: {local.onrecord('selftest').splitlines()[-1]}", soft_wrap=True)
        local.onrecord("log", "export", "--all", "-o", str(bundle))
        with installation.database.read() as connection:
            vkey = str(checkpoints.vkeys(connection)[-1])
        told = [line for line in local.verify(bundle, vkey).splitlines() if line.startswith(("OK", "WARNING"))]
    except DidNotStart as error:
        console.print(str(error), soft_wrap=True)
        return False
    console.print(f"the whole consent log is in {bundle}; its verify.py, run by a stranger, says:", soft_wrap=True)
    for line in told:
        console.print(f"  {line}", soft_wrap=True)
    return True


def witness_of(installation: Installation) -> Witness:
    return Witness(
        installation.database, installation.store, installation.keys.key_encryption_key, installation.settings.spool
    )


def _play(
    local: LocalInstallation,
    installation: Installation,
    signals: EndedBySignal,
    watch: Stopwatch,
    say: Callable[[str], Any],
) -> list[Placed]:
    """Place every call; wait until each has ended, every recording is at rest, and the others have done their acts."""
    others = Others(installation.settings, local.console_url, local.console_token)
    placed = {plan.title: place(local.simulator_url, plan) for plan in CALLS if not plan.after}
    acts = [Awaited(placed_call, list(placed_call.plan.meanwhile)) for placed_call in placed.values()]
    deadline = time.monotonic() + _SETTLED_WITHIN_S
    while time.monotonic() < deadline:
        signals.check()
        local.check_running()
        for awaited in acts:
            awaited.try_next(others, time.monotonic())
        ended = {title for title, placed_call in placed.items() if is_at_rest(installation, placed_call)}
        for plan in CALLS:
            if plan.after in ended and plan.title not in placed:
                placed[plan.title] = place(local.simulator_url, plan)
        if watch.stored_s is None and any(_has_audio(installation, placed_call) for placed_call in placed.values()):
            watch.stored_s = watch.seconds()
        say(f"{len(ended)} of {len(CALLS)} calls are over and settled ...")
        if len(ended) == len(CALLS) and not any(awaited.left for awaited in acts):
            break
        time.sleep(0.25)
    return list(placed.values())


def _has_audio(installation: Installation, placed_call: Placed) -> bool:
    life = _life(installation, placed_call)
    return life is not None and any(recording.state in _STORED for recording in life.recordings)


@dataclass
class Awaited:
    """The acts of others on a call that are still to come. `since` is when the one before took place, or when the
    caller was first seen in conversation.
    """

    placed: Placed
    left: list[tuple[float, Act]]
    since: float | None = None

    def try_next(self, others: Others, now: float) -> None:
        if not self.left:
            return
        seen = self.placed.seen()
        if self.since is None:
            self.since = now if seen.was_connected else None
        after_s, act = self.left[0]
        if self.since is not None and now - self.since >= after_s and others.do(act, seen):
            self.left, self.since = self.left[1:], now


def is_at_rest(installation: Installation, placed_call: Placed) -> bool:
    """Whether nothing about a call will move any more, at Twilio or here."""
    story = _life(installation, placed_call)
    seen = placed_call.seen()
    if story is None or story.call.state != "ended" or not seen.is_settled:
        return False
    known = {recording.recording_sid: recording.state for recording in story.recordings}
    heard = all(recording.sid in known for recording in seen.recordings)
    is_alone = all(text.is_deleted for text in seen.texts)
    return heard and is_alone and not _MOVING & set(known.values())


def _life(installation: Installation, placed_call: Placed) -> CallLife | None:
    with installation.database.read() as connection:
        return life_of(connection, placed_call.call_sid)


def what_next(local: LocalInstallation, lives: Sequence[tuple[Placed, CallLife | None]]) -> Iterator[str]:
    """Lines that say what to try, to be copied into a shell; none is longer than a terminal is wide."""
    command = sys.argv[0] if Path(sys.argv[0]).name == "onrecord" else "onrecord"
    recorded = [placed for placed, life in lives if life and any(one.state in _STORED for one in life.recordings)]
    destroyed = [placed for placed, life in lives if life and any(one.destroyed_at for one in life.recordings)]
    yield "\nTo try next: dial with the phone in the browser, or, in another terminal,"
    yield f"  . {local.settings_file}"
    for placed_call in recorded[:1]:
        yield f"  {command} call {placed_call.call_sid}"
        yield f"  {command} explain --call {placed_call.call_sid}"
    for placed_call in destroyed[:1]:
        yield f"  {command} certificate {placed_call.call_sid}"
    yield "Ctrl-C ends the demonstration."


def _stay() -> None:
    with suppress(Ended):
        threading.Event().wait()
