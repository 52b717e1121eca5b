"""The demonstration as a person runs it: a signal at any moment ends all of it; a start that fails is a sentence."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from rich.console import Console

from compliance.call_life import life_of
from onrecord.demo.calls import CALLS, DemoCall, Placed, table
from onrecord.demo.control_api import SeenCall
from onrecord.demo.ending import Ended, EndedBySignal
from onrecord.demo.local_installation import DidNotStart, LocalInstallation
from onrecord.demo.run import what_next
from policies.rulebook.read import parse
from storage.errors import Unavailable
from tests.onrecord.commands.people import ANN, BOB, People
from tests.onrecord.commands.site import Site
from tests.onrecord.commands.test_serving import until
from tests.processes import below
from tests.source import ROOT
from tests.test_pages import options_of

MARK = "DEMONSTRATION_OF"


def left_of(mark: str) -> dict[int, str]:
    """The processes that the demonstration with this mark in its environment has started, itself included."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone meanwhile, or somebody else's
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def heed_signals() -> None:
    """As a shell in which somebody types: whoever runs the tests may ignore some."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def demonstrating(folder: Path, mark: str) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(
        [sys.executable, "-m", "onrecord", "demo", "--in", str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT), MARK: mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_signals,  # noqa: PLW1509  # it takes no lock
    )
    try:
        yield process
    finally:
        for one in left_of(mark):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        process.communicate()


def has_calls(folder: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{folder}/var/onrecord.db?mode=ro", uri=True)) as database:
            return bool(database.execute("SELECT count(*) FROM call").fetchone()[0])
    except sqlite3.Error:
        return False


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "its simulator starts": lambda folder: (folder / "simulator.json").exists(),
    "its tables are made": lambda folder: (folder / "var/onrecord.db").exists(),
    "its servers start": lambda folder: (folder / "serve.log").exists(),
    "its worker starts": lambda folder: (folder / "work.log").exists(),
    "its calls are placed": has_calls,
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "its simulator starts"),
        (signal.SIGTERM, "its tables are made"),
        (signal.SIGHUP, "its servers start"),
        (signal.SIGTERM, "its worker starts"),
        (signal.SIGHUP, "its calls are placed"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_whenever_a_signal_ends_it_nothing_of_it_is_left(tmp_path: Path, number: signal.Signals, moment: str) -> None:
    mark, folder = uuid4().hex, tmp_path / "demo"
    with demonstrating(folder, mark) as process:
        until(lambda: MOMENTS[moment](folder) or process.poll() is not None, within_s=200)
        assert len(left_of(mark)) > 1 or moment == "its simulator starts"
        process.send_signal(number)
        out, said = process.communicate(timeout=150)
        left = left_of(mark)
    assert left == {}
    assert process.returncode == 128 + number
    assert said.splitlines()[-1] == f"onrecord: ended by {number.name}, and so is all that it started"
    assert "Traceback" not in said + out


@pytest.mark.timeout(300)
def test_a_second_signal_does_not_keep_it_from_ending_what_it_started(tmp_path: Path) -> None:
    mark, folder = uuid4().hex, tmp_path / "demo"
    with demonstrating(folder, mark) as process:
        until(lambda: (folder / "work.log").exists() or process.poll() is not None, within_s=200)
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            process.send_signal(number)
        process.communicate(timeout=150)
        left = left_of(mark)
    assert left == {}
    assert process.returncode > 128


def test_a_signal_that_comes_while_a_process_starts_waits_until_it_is_written_down() -> None:
    started = []

    def start(signals: EndedBySignal) -> None:
        with signals.held():
            os.kill(os.getpid(), signal.SIGTERM)
            started.append("a process")
        started.append("another, after the signal")

    with EndedBySignal() as signals, pytest.raises(Ended):
        start(signals)
    assert started == ["a process"]


def test_a_signal_that_was_ignored_before_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with EndedBySignal() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            signals.check()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_that_a_library_swallowed_is_not_forgotten() -> None:
    with EndedBySignal() as signals:
        with suppress(Ended):
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Ended):
            signals.check()
        with pytest.raises(Ended), signals.held():
            pass


@pytest.mark.parametrize("where", ["/proc/foo", "a-file", "a-file/below", "x" * 300])
def test_a_folder_that_is_of_no_use_is_one_sentence(site: Site, where: str) -> None:
    (site.folder / "a-file").write_text("")
    (problem,) = site.run("demo", "--once", "--in", where).problems
    assert "the demonstration can't work there (" in problem
    assert problem.endswith("); name another folder")


def test_a_file_that_cannot_be_written_is_one_sentence(site: Site) -> None:
    (site.folder / "new/simulator.log").mkdir(parents=True)
    (problem,) = site.run("demo", "--once", "--in", "new").problems
    assert "stopped: " in problem
    assert "simulator.log" in problem


def test_a_start_that_takes_too_long_is_one_sentence_and_ends_what_was_started(tmp_path: Path) -> None:
    (tmp_path / "onrecord.toml").write_text((ROOT / "onrecord/demo/demo.toml").read_text())
    before = below(os.getpid())
    with pytest.raises(DidNotStart, match=r"readyz does not say ready after 0 s; the logs are in \S+$") as raised:
        LocalInstallation(tmp_path, up_within_s=0).__enter__()
    assert isinstance(raised.value, Unavailable)  # which every command tells as a line
    assert "\n" not in str(raised.value)
    assert below(os.getpid()) == before


def test_a_process_that_ends_at_its_start_is_named_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")  # which is not the log's
    (tmp_path / "onrecord.toml").write_text("[business]\n")
    with pytest.raises(DidNotStart, match=r"^(serve|work) has ended: onrecord: \S+\.toml:\d+: .* has all of it\)$"):
        LocalInstallation(tmp_path, extra={"ONRECORD_WEB_PROCESSES": "1"}).__enter__()


class Unseen(Placed):
    """As a telephone network tells that knows nothing more of the call."""

    def seen(self) -> SeenCall:
        return SeenCall(self.call_sid, self.plan.caller, self.plan.line)


def test_the_demonstrations_receipts_claim_the_standard_and_those_of_the_example_name_what_is_missing() -> None:
    demo, example = (parse((ROOT / "onrecord" / name).read_text()) for name in ("demo/demo.toml", "example.toml"))
    assert example.business.recipients is None
    offered = (ROOT / "onrecord/example.toml").read_text()
    offer = parse(re.sub(r"^# (?=address|contact|stored_in|recipients)", "", offered, flags=re.M))
    for said in (demo.business, offer.business):
        assert all([said.address, said.contact, said.stored_in])
        assert said.recipients == ()


def test_the_table_has_every_sid_whole_on_a_terminal_of_80_columns(people: People) -> None:
    sids = [*people.sids[ANN], *people.sids[BOB]]
    plans = [*CALLS, *(DemoCall("x" * 44, "+12125550100", ANN) for _ in sids)][: len(sids)]
    with closing(people.site.database()) as database, database.read() as connection:
        rows = [(Unseen(plan, sid, ""), life_of(connection, sid)) for plan, sid in zip(plans, sids, strict=True)]
    assert any(life and any(one.object_key for one in life.recordings) for _, life in rows)
    unknown = (Unseen(CALLS[0], "CA" + "0" * 32, ""), None)
    console = Console(file=StringIO(), width=80)
    console.print(table([*rows, unknown]))
    lines = str(console.file.getvalue()).splitlines()  # type: ignore[attr-defined]  # it is a StringIO
    assert max(map(len, lines)) <= 80
    assert {line.split()[0] for line in lines if line.startswith("CA")} == {*sids, "CA" + "0" * 32}
    for words in ("consented_by_staying", "hung_up_in_disclosure", "s kept", "unknown here"):
        assert any(words in line for line in lines), words


def test_what_to_try_next_are_commands_on_the_calls_of_the_table(people: People, tmp_path: Path) -> None:
    sids = people.sids[ANN]
    with closing(people.site.database()) as database, database.read() as connection:
        lives = [(Unseen(CALLS[0], sid, ""), life_of(connection, sid)) for sid in sids]
    lines = [line.strip() for line in what_next(LocalInstallation(tmp_path), lives)]
    commands = [line.split(maxsplit=1)[1] for line in lines if any(sid in line for sid in sids)]
    assert [command.split()[0] for command in commands][:2] == ["call", "explain"]
    assert f". {tmp_path}/settings.sh" in lines
    assert "phone in the browser" in lines[0]
    for command in commands:
        assert options_of(command)[1] == set()
        assert people.site.run(*command.split()).code == 0
    assert max(len(line) for line in lines if "settings.sh" not in line) <= 80
