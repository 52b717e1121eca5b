"""Rules that come in force without a restart: by command or SIGHUP, for every process, with no call lost."""

import hashlib
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from sqlalchemy import select

from bench.caller import is_whole
from bench.whole_call import WITHOUT_SOUND, Caller, WholeCall
from onrecord.accepted_rulebook import VARIABLE
from onrecord.commands.actor import system_user
from onrecord.installation import open_installation, open_web_installation
from onrecord.processes import serve as serving_processes
from onrecord.processes.following import Following
from onrecord.processes.serve import Exchangeable, console_of
from policies.rulebook.read import parse
from storage.database.tables import call as call_table
from storage.database.tables import log_leaf
from storage.errors import Unavailable
from storage.log import openings
from tests.onrecord.commands.site import PHONE, TOKEN, Site
from tests.onrecord.commands.test_serving import Served, starting, until
from tests.onrecord.test_recorded_prompts import wav
from tests.processes import below, signals

LINE, TEXAS = "+14155550100", "+15125550111"


def rulebook(site: Site) -> str:
    return (site.folder / "onrecord.toml").read_text()


def edit(site: Site, before: str, after: str) -> str:
    """Returns the hash of the edited rulebook."""
    text = rulebook(site)
    assert before in text
    (site.folder / "onrecord.toml").write_text(text.replace(before, after))
    return parse(rulebook(site)).sha256


def events(site: Site, *kinds: str) -> list[dict[str, Any]]:
    with closing(site.database()) as database, database.read() as connection:
        leaves = map(json.loads, connection.scalars(select(log_leaf.c.leaf).order_by(log_leaf.c.idx)))
        return [leaf for leaf in leaves if leaf["type"] in kinds]


def adopted(site: Site) -> list[str]:
    return [event["rules_sha256"] for event in events(site, "rules.adopted")]


@pytest.fixture
def on_either(site: Site, empty_database_url: str) -> Site:
    """A site on each kind of database in turn."""
    site.environ["DATABASE_URL"] = empty_database_url
    assert site.run("init").code == 0
    return site


@pytest.fixture
def reloaded(site: Site) -> Site:
    """One whose rulebook is in force."""
    assert site.run("reload").code == 0
    return site


def test_the_edited_rulebook_comes_in_force_and_the_log_says_so_and_who_asked(site: Site) -> None:
    first = parse(rulebook(site)).sha256
    ran = site.run("reload")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"the rulebook {first[:12]} is in force since 20")
    second = edit(site, 'consent = "auto"', 'consent = "opt_in"')
    ran = site.run("reload")
    assert ran.code == 0
    assert f"the rulebook {second[:12]} is in force since 20" in ran.out
    assert f"before it was {first[:12]}" in ran.out
    assert adopted(site) == [first, second]
    digest = events(site, "rules.adopted")[-1]["sd"]["actor"]
    with closing(site.database()) as database, database.read() as connection:
        assert openings.opened(connection, [digest]) == {digest: system_user()}
    assert site.run("log", "verify").code == 0


def test_what_is_in_force_already_changes_nothing(reloaded: Site) -> None:
    before = adopted(reloaded)
    ran = reloaded.run("reload")
    assert (ran.code, ran.out.rstrip().endswith("already: nothing changed")) == (0, True)
    assert adopted(reloaded) == before


def spoilt(site: Site) -> None:
    edit(site, '"quality-90d"', '"quality-90d"\nprompts_max = 2')
    text = rulebook(site).replace("prompts_max = 2", "prompts_max = 99")
    (site.folder / "onrecord.toml").write_text(text)


def half_edited(site: Site) -> None:
    (site.folder / "onrecord.toml").write_text("[[[ half an edit")


def without_its_sound(site: Site) -> None:
    with_sound(site, "opt_out", wav(1))
    shutil.rmtree(site.folder / "audio")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoilt, "line[1].prompts_max: out of range"),
        (half_edited, "onrecord.toml:1: "),
        (without_its_sound, "cannot be played"),
    ],
)
def test_a_rulebook_that_is_not_in_order_changes_nothing_and_it_is_said_why(
    spoil: Any, said: str, reloaded: Site
) -> None:
    before = events(reloaded, "rules.adopted", "policy.published", "prompt.published")
    spoil(reloaded)
    (problem,) = reloaded.run("reload").problems
    assert said in problem
    assert events(reloaded, "rules.adopted", "policy.published", "prompt.published") == before


def test_rules_come_in_force_while_the_audio_store_is_away(reloaded: Site) -> None:
    (reloaded.folder / "var" / "audio").rename(reloaded.folder / "away")
    (reloaded.folder / "var" / "audio").write_text("no folder")
    (problem,) = reloaded.run("serve").problems
    assert problem.startswith("AUDIO_STORE: ")
    second = edit(reloaded, 'consent = "auto"', 'consent = "never"')
    assert reloaded.run("reload").code == 0
    third = edit(reloaded, 'consent = "never"', 'consent = "opt_in"')
    with reloaded.inside():
        serving_processes.reload_rules("ann, by SIGHUP")
    assert adopted(reloaded)[1:] == [second, third]


def test_check_and_explain_say_which_rules_are_in_force_since_when_and_that_the_file_differs(site: Site) -> None:
    first = parse(rulebook(site)).sha256
    explain = ["explain", "--line", LINE, "--from", TEXAS]
    for said in (site.run("check").out, site.run(*explain).out):
        assert f"{first[:12]} of the file; none is in force yet" in said
    site.run("reload")
    for said in (site.run("check").out, site.run(*explain).out):
        assert f"the rulebook {first[:12]} is in force since 20" in said
        assert "and the file has it" in said
    second = edit(site, 'consent = "auto"', 'consent = "never"')
    for said in (site.run("check").out, site.run(*explain).out):
        assert f"the rulebook {first[:12]} is in force since 20" in said
        assert f"the file has another, {second[:12]}: this is of the file; `onrecord reload` takes it in force" in said
    told = json.loads(site.run(*explain, "--json").out)
    assert (told["in_force"]["rules_sha256"], told["in_force"]["is_this"]) == (first, False)
    assert told["ruling"]["mode"] == "never"
    for command in (["wordings"], ["lines", "fallback", LINE]):
        assert f"note: the rulebook {first[:12]} is in force" in site.run(*command).err
    site.run("reload")
    assert json.loads(site.run(*explain, "--json").out)["in_force"]["rules_sha256"] == second
    assert site.run("wordings").err == ""


def test_where_the_database_is_away_explain_says_that_it_cannot_know(reloaded: Site) -> None:
    reloaded.environ["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:9/onrecord"
    ran = reloaded.run("explain", "--line", LINE, "--from", TEXAS)
    assert (ran.code, ran.err) == (0, "")
    assert "which one is in force is unknown: DATABASE_URL names a database that cannot be used" in ran.out


def test_all_other_commands_and_workers_follow_what_is_in_force_whatever_the_file_says(reloaded: Site) -> None:
    in_force = parse(rulebook(reloaded))
    half_edited(reloaded)
    with reloaded.inside(), closing(open_installation(os.environ)) as installation:
        assert installation.rulebook == in_force
    assert reloaded.run("reload").code == reloaded.run("check").code == 2


def test_a_worker_starts_under_what_is_in_force_and_takes_nothing_in_force_itself(reloaded: Site) -> None:
    (first,) = adopted(reloaded)
    edit(reloaded, 'consent = "auto"', 'consent = "never"')
    with reloaded.started("work") as process:
        until(lambda: reloaded.workers() == 1)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert adopted(reloaded) == [first]
    assert [event["rules_sha256"] for event in events(reloaded, "system.started")] == [first]


def test_the_first_process_of_all_takes_its_rulebook_in_force(site: Site) -> None:
    with site.started("work") as process:
        until(lambda: site.workers() == 1)
        process.terminate()
        assert process.wait(30) == 0
    assert adopted(site) == [parse(rulebook(site)).sha256]


def test_what_follows_the_rules_is_told_of_each_and_again_where_that_failed(reloaded: Site) -> None:
    told: list[str] = []

    def changed(rulebook: Any) -> None:
        told.append(rulebook.sha256)
        if len(told) == 1:
            raise Unavailable("a disk is full")

    with reloaded.inside():
        front = open_web_installation(os.environ)
        following = Following(front.database, front.rules, changed)
        following.look()
        assert told == []
        second = edit(reloaded, 'consent = "auto"', 'consent = "never"')
        reloaded.run("reload")
        with pytest.raises(Unavailable):
            following.look()
        following.look()
        following.look()
        front.database.close()
    assert told == [second, second]


def test_the_console_is_made_anew_with_the_rules_in_force(reloaded: Site) -> None:
    with reloaded.inside():
        front = open_web_installation(os.environ)
        assert console_of(front).lines == (LINE,)
        edit(reloaded, LINE, "+14155550101")
        (reloaded.folder / "onrecord.toml").write_text(rulebook(reloaded) + '\n[console]\nsession_idle = "PT10M"\n')
        reloaded.run("reload")
        Following(front.database, front.rules, lambda _: None).look()
        made = console_of(front)
    front.database.close()
    assert (made.lines, made.limits.idle.total_seconds()) == (("+14155550101",), 600)
    assert made.entry
    assert made.entry.rules.limits == made.limits


def test_a_request_ends_in_the_application_that_it_began_in() -> None:
    def answers(text: bytes) -> Any:
        def app(_environ: Any, _start: Any) -> Iterator[bytes]:
            yield text
            yield text

        return app

    exchangeable = Exchangeable(answers(b"old"))
    begun = iter(exchangeable({}, lambda *_: lambda _: None))
    assert next(begun) == b"old"
    exchangeable.exchange(answers(b"new"))
    assert list(begun) == [b"old"]
    assert list(exchangeable({}, lambda *_: lambda _: None)) == [b"new", b"new"]


@pytest.fixture
def served(site: Site) -> Iterator[Served]:
    site.environ["ONRECORD_WEB_PROCESSES"] = "2"
    with starting(site) as served:
        until(served.is_ready, _UP_WITHIN_S)
        yield served


def test_serve_takes_the_edited_file_in_force_on_sighup_and_stays_up(served: Served) -> None:
    site, processes = served.site, below(served.process.pid)
    handed_over = site.folder / "var" / "spool" / "rules-in-force.toml"
    first = parse(rulebook(site)).sha256
    assert parse(handed_over.read_text()).sha256 == first
    half_edited(site)
    os.killpg(served.process.pid, signal.SIGHUP)  # all processes get it, as from a service manager
    (site.folder / "onrecord.toml").write_text(handed_over.read_text())
    second = edit(site, 'consent = "auto"', 'consent = "opt_in"')
    served.process.send_signal(signal.SIGHUP)
    until(lambda: adopted(site) == [first, second])
    until(lambda: parse(handed_over.read_text()).sha256 == second)
    assert below(served.process.pid) == processes
    assert served.is_ready()
    (event,) = events(site, "rules.adopted")[1:]
    with closing(site.database()) as database, database.read() as connection:
        found = openings.opened(connection, event["sd"].values())
    assert [*found.values()] == [f"{system_user()}, by SIGHUP"]


def test_a_sighup_while_serve_starts_ends_nothing_and_several_at_once_are_done(site: Site) -> None:
    with starting(site) as served:
        pid = served.process.pid
        until(lambda: signals(pid, "SigBlk") == {signal.SIGHUP})
        assert adopted(site) == []  # this early
        for _ in range(3):
            os.killpg(pid, signal.SIGHUP)
        until(served.is_ready, _UP_WITHIN_S)
        second = edit(site, 'consent = "auto"', 'consent = "opt_in"')
        for _ in range(3):
            os.killpg(pid, signal.SIGHUP)
        until(lambda: adopted(site)[-1] == second)
        assert [one for one in below(pid) if signal.SIGHUP not in signals(one, "SigBlk")] == []
        served.process.terminate()
        _, said = served.process.communicate(timeout=_UP_WITHIN_S)
    assert served.process.returncode == 0
    assert "starting it again" not in said


def test_a_sighup_while_a_worker_starts_does_not_end_it(site: Site) -> None:
    with site.started("work") as process:
        until(lambda: signal.SIGHUP in signals(process.pid, "SigIgn"))
        assert site.workers() == 0  # this early
        process.send_signal(signal.SIGHUP)
        until(lambda: site.workers() == 1, _UP_WITHIN_S)


def test_on_sighup_a_rulebook_that_is_not_in_order_changes_nothing_and_each_problem_is_logged(
    reloaded: Site, caplog: pytest.LogCaptureFixture
) -> None:
    before = adopted(reloaded)
    half_edited(reloaded)
    with reloaded.inside():
        serving_processes.reload_rules("ann, by SIGHUP")
    (record,) = [record for record in caplog.records if record.name == "onrecord.processes.serve"]
    assert "the rules in force stay: " in record.getMessage()
    assert "onrecord.toml:1: " in record.getMessage()
    assert adopted(reloaded) == before


def test_a_web_server_that_is_started_again_has_the_rules_in_force_while_the_database_is_away(served: Served) -> None:
    site = served.site
    second = edit(site, 'consent = "auto"', 'consent = "opt_in"')
    assert site.run("reload").code == 0
    handed_over = site.folder / "var" / "spool" / "rules-in-force.toml"
    until(lambda: parse(handed_over.read_text()).sha256 == second)
    half_edited(site)
    away = {**site.environ, VARIABLE: str(handed_over), "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/onrecord"}
    with site.inside():
        front = open_web_installation({**os.environ, **away})
    front.database.close()
    assert front.rulebook.sha256 == second


def with_sound(site: Site, variant: str, sound: bytes) -> None:
    """Callers hear a recording in that mode, which is over at once."""
    sha256 = hashlib.sha256(sound).hexdigest()
    (site.folder / "audio").mkdir(exist_ok=True)
    (site.folder / "audio" / f"{variant}.wav").write_bytes(sound)
    (site.folder / "onrecord.toml").write_text(
        rulebook(site)
        + f"""
[[wording]]
variant = "{variant}"
language = "en-US"
version = "1"
disclosure = "Welcome to Email Customer Support. We would like to record this call to check our service, if you agree."
question = "May we record this call? Press 1 for yes, 2 for no, or 9 to hear this again."
purposes = ["quality"]
disclosure_audio = {{ file = "audio/{variant}.wav", sha256 = "{sha256}", length_s = {len(sound) // 16_000}.0 }}
approved_by = "A. Lawyer"
approved_on = 2026-11-01
"""
    )


PER_S, CALLS = 20, 60
_UP_WITHIN_S = 120
AFTER_S = {"answer": 0.0, "choice": 1.2}
STEPS = tuple(replace(step, after_s=AFTER_S.get(step.name, 0.1)) for step in WITHOUT_SOUND)


class Phone:
    """Places calls by Twilio's requests over real HTTP, each on a connection of its own, and keeps what failed."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.caller = Caller(PHONE["PUBLIC_BASE_URL"], PHONE["TWILIO_ACCOUNT_SID"], TOKEN, LINE, TEXAS)
        self.failed: list[str] = []
        self.sids: list[str] = []

    def place(self, due: float) -> None:
        call = WholeCall(self.caller, STEPS)
        Event().wait(max(0.0, due - time.monotonic()))
        self.sids.append(call.sid)
        while not call.is_over:
            step = call.steps[call.step]
            Event().wait(step.after_s)
            answer = self._post(call.request())
            if not call.answered(answer):
                self.failed.append(f"{step.name}: {answer[:200]!r}")
                return

    def _post(self, request: bytes) -> bytes:
        answer = b""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request)
            while not is_whole(answer) and (more := connection.recv(1 << 16)):
                answer += more
        return answer


def test_rules_that_change_under_20_calls_a_second_cost_no_call_and_each_is_under_one_rulebook(on_either: Site) -> None:
    """Two web processes; other rules, with another recorded prompt, come in force in the middle of it all."""
    site = on_either
    with_sound(site, "opt_out", wav(1))
    site.environ["ONRECORD_WEB_PROCESSES"] = "2"
    first = parse(rulebook(site)).sha256
    with starting(site) as served:
        until(served.is_ready, _UP_WITHIN_S)
        phone, began = Phone(served.ports["webhooks"]), time.monotonic()
        with ThreadPoolExecutor(CALLS) as pool:
            calls = [pool.submit(phone.place, began + number / PER_S) for number in range(CALLS)]
            until(lambda: len(phone.sids) >= CALLS // 3)
            edit(site, 'consent = "auto"', 'consent = "opt_in"')
            with_sound(site, "opt_in", wav(1))
            second = parse(rulebook(site)).sha256
            assert site.run("reload").code == 0
            for call in calls:
                call.result()
        assert phone.failed == []
        assert len(phone.sids) == CALLS
        is_under = under_which_rules(site)
        assert is_under.keys() == {*phone.sids}
        assert {sha256 for named in is_under.values() for sha256 in named} == {first, second}
        assert all(len(named) == 1 for named in is_under.values())
        if site.environ["DATABASE_URL"].startswith("sqlite:"):  # with one writer, the log has the order of the calls
            assert_each_came_under_the_rules_in_force(site)
        for sha256, mode in ((first, "opt_out"), (second, "opt_in")):
            sids = [sid for sid, named in is_under.items() if named == {sha256}]
            assert len(sids) > CALLS // 10
            for sid in (sids[0], sids[-1]):
                told = json.loads(site.run("explain", "--call", sid, "--json").out)
                assert (told["ruling"]["rules_sha256"], told["ruling"]["mode"]) == (sha256, mode)
                assert told["again"].endswith("the same")
                assert told["wording"]["disclosure_audio"]
    assert site.run("log", "verify").code == 0


def under_which_rules(site: Site) -> dict[str, set[str]]:
    """Of each consented call, the rulebooks that its row and its events name."""
    with closing(site.database()) as database, database.read() as connection:
        rows = connection.execute(select(call_table)).all()
        leaves = [json.loads(leaf) for leaf in connection.scalars(select(log_leaf.c.leaf))]
    named: dict[str, set[str]] = {row.id: {row.rules_sha256} for row in rows}
    for leaf in leaves:
        if "call" in leaf and "rules_sha256" in leaf:
            named[leaf["call"]].add(leaf["rules_sha256"])
    return {row.call_sid: named[row.id] for row in rows if row.outcome == "consented"}


def assert_each_came_under_the_rules_in_force(site: Site) -> None:
    """In the order of the log: no process is late."""
    in_force = ""
    for event in events(site, "rules.adopted", "call.received"):
        if event["type"] == "rules.adopted":
            in_force = event["rules_sha256"]
        assert event["rules_sha256"] == in_force
