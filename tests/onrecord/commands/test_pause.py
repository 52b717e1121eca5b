"""`onrecord pause`, `resume` and `pauses`: durable at once, and carried out by the worker."""

import os
from contextlib import closing

import pytest

from onrecord.installation import open_installation
from storage.rows import calls
from storage.rows.recordings import PAUSE, RESUME
from tests.callflow.conftest import ACCOUNT, BASE, RULEBOOK, TOKEN, Clock, recording_url
from tests.conftest import NOON
from tests.onrecord.commands.people import ANN, phone_company
from tests.onrecord.commands.site import Site


@pytest.fixture
def recorded(site: Site) -> tuple[Site, str, str]:
    """A call in conversation that is recorded: its sid and its id."""
    site.environ |= {"PUBLIC_BASE_URL": BASE, "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
    (site.folder / "onrecord.toml").write_text(RULEBOOK.read_text())
    with site.inside(), closing(open_installation(os.environ)) as installation:
        call = phone_company(installation, Clock(NOON)).dial(caller=ANN)
        answer = call.presses(call.to_the_question(), "1")
        call.recording(recording_url(answer), "in-progress")
        with installation.database.read() as connection:
            found = calls.peek_sid(connection, call.sid)
    assert found is not None
    return site, call.sid, found.id


def under_way(site: Site) -> tuple[int, int]:
    """How many jobs wait that pause, and that resume."""
    with site.inside(), closing(open_installation(os.environ)) as installation:
        return len(installation.jobs.under_way(PAUSE)), len(installation.jobs.under_way(RESUME))


def test_a_recording_is_paused_listed_and_resumed_once(recorded: tuple[Site, str, str]) -> None:
    site, sid, call_id = recorded
    assert site.run("resume", sid).code == 1
    assert site.run("pauses").out == "no recording is paused\n"
    paused = site.run("pause", sid, "--actor", "carol")
    assert (paused.code, paused.err) == (0, "")
    assert f"call {call_id}: asked to pause its recording, until " in paused.out
    assert under_way(site) == (1, 0)
    assert f"call {call_id}: paused by carol, not begun yet, until " in site.run("pauses").out
    assert site.run("pause", call_id).code == 1
    resumed = site.run("resume", call_id)
    assert (resumed.code, resumed.out) == (0, f"call {call_id}: asked to resume its recording\n")
    assert under_way(site) == (1, 1)


@pytest.mark.parametrize("act", ["pause", "resume"])
def test_of_a_call_that_there_is_not_nothing_is_paused(act: str, recorded: tuple[Site, str, str]) -> None:
    ran = recorded[0].run(act, "CA" + "0" * 32)
    assert (ran.code, "there is no call" in ran.err) == (1, True)
