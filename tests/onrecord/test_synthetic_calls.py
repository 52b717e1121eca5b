"""A call of the self-test is known by our own mark, and is nobody's: Twilio is never asked about it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from callflow.urls import Urls
from compliance.rules_diff import count_since, past_calls
from onrecord.demo.promises import Witness, breaches
from policies.lifecycle import RecordingState
from storage.audio.opening import open_store
from storage.database.engine import Database
from storage.database.tables import call as call_table
from tests.callflow.conftest import BASE, URLS, Installation, PhoneCall, install, recording_url
from tests.conftest import NOON

LINE, OTHER_LINE = "+12125550100", "+12125550101"
OTHER_SID = "CA" + "2" * 32


class MarkedCall(PhoneCall):
    """As the self-test makes it."""

    def params(self, **more: str) -> dict[str, str]:
        return super().params(OnrecordSelfTest=URLS.self_test_mark(self.sid, self.line), **more)


@pytest.fixture
def marked(installation: Installation) -> MarkedCall:
    return MarkedCall(installation.twilio, LINE, "anonymous")


def synthetic_events(installation: Installation, sid: str) -> list[str]:
    return [str(event["type"]) for event in installation.events(sid) if event.get("synthetic") is True]


def test_a_marked_call_is_synthetic_and_the_log_says_so(marked: MarkedCall, installation: Installation) -> None:
    marked.arrives()
    assert installation.call(marked.sid).synthetic
    assert synthetic_events(installation, marked.sid) == ["call.received"]


NOT_OURS: dict[str, Callable[[str], str]] = {
    "none": lambda sid: "",
    "a claim": lambda sid: "true",
    "a guess": lambda sid: "x" * 43,
    "far too long": lambda sid: "x" * 65,
    "not ASCII": lambda sid: "é",
    "another call's": lambda sid: URLS.self_test_mark(OTHER_SID, LINE),
    "another line's": lambda sid: URLS.self_test_mark(sid, OTHER_LINE),
    "another installation's": lambda sid: Urls(BASE, b"K" * 32).self_test_mark(sid, LINE),
    "that of a URL": lambda sid: URLS.choice(sid, 1).partition("#")[0].rpartition("/")[2],
}


@pytest.mark.parametrize("mark", NOT_OURS)
def test_without_our_mark_for_that_call_and_line_a_call_is_real(mark: str, installation: Installation) -> None:
    call = PhoneCall(installation.twilio, LINE, "anonymous")
    params = call.params(CallStatus="ringing", OnrecordSelfTest=NOT_OURS[mark](call.sid))
    installation.twilio.post("/voice/answer", params)
    assert not installation.call(call.sid).synthetic
    assert installation.call(call.sid).sweep_at is not None
    assert "synthetic" not in installation.events(call.sid)[0]


def test_twilio_is_never_asked_about_a_synthetic_call(marked: MarkedCall, installation: Installation) -> None:
    marked.arrives()
    assert installation.call(marked.sid).sweep_at is None
    marked.ends()
    assert installation.call(marked.sid).ended_at is not None
    assert installation.call(marked.sid).sweep_at is None


def test_a_call_that_only_its_end_tells_of_is_synthetic_too(marked: MarkedCall, installation: Installation) -> None:
    marked.ends()
    assert installation.call(marked.sid).synthetic
    assert installation.call(marked.sid).sweep_at is None


def test_a_recording_that_turns_up_on_a_synthetic_call_is_condemned(
    marked: MarkedCall, installation: Installation
) -> None:
    accepted = marked.presses(marked.to_the_question(), "1")
    marked.recording(recording_url(accepted), "in-progress")
    (found,) = installation.recordings(marked.sid)
    assert (found.state, found.permit) == (RecordingState.CONDEMNED, None)
    assert installation.incidents(marked.sid) == ["recording_without_permit"]


def test_another_rulebook_is_not_measured_by_synthetic_calls(fresh_installation: Installation) -> None:
    MarkedCall(fresh_installation.twilio, LINE, "anonymous").arrives()
    real = fresh_installation.twilio.dial()
    real.arrives()
    with fresh_installation.database.read() as connection:
        assert count_since(connection, NOON) == 1
        assert [past.call_sid for past in past_calls(connection, NOON) if past] == [real.sid]


def test_a_synthetic_call_is_no_invented_one(database: Database, tmp_path: Path) -> None:
    installation = install(database)
    MarkedCall(installation.twilio, LINE, "anonymous").arrives()
    witness = Witness(database, open_store(f"dir:{tmp_path}"), b"K" * 32)
    assert breaches(witness, []) == []

    def make_real(connection: Connection) -> None:
        connection.execute(update(call_table).values(synthetic=0))

    database.write(make_real)
    assert {breach.promise for breach in breaches(witness, [])} == {"P5"}
