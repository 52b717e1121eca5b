"""A bundle tells who listened to which seconds, and names nobody unless it is asked to."""

from pathlib import Path

from sqlalchemy import Connection

from evidence.events import Event
from storage.custody.hearing import Heard, heard_event
from storage.database.engine import Database
from storage.moment import Moment
from storage.rows import calls
from tests.callflow.conftest import CALLER
from tests.callflow.whole_calls import talks
from tests.compliance.test_bundle_export import Office, checked, make_office, write


def listen(office: Office) -> None:
    moment = Moment(office.installation.twilio.clock())
    ranges, handed_out = ((0, 4_000), (61_000, 62_500)), ((0, 8_000), (60_000, 64_000))
    heard = Heard("e" * 32, "a" * 32, "quality", ranges, 6_000, handed_out, final=True, why="the session ended")
    opened = {"recording": "e" * 32, "purpose": "quality", "what": "playback", "lease": "a" * 32}

    def note(connection: Connection) -> None:
        call = calls.by_sid(connection, office.sids[0])
        assert call is not None
        events = (Event("recording.accessed", opened, {"actor": "maria"}), heard_event(heard, actor="maria"))
        calls.append_events(connection, moment, call, *events)

    office.installation.database.write(note)


def test_a_listening_is_in_the_bundle_and_its_listener_is_not_unless_disclosed(
    database: Database, tmp_path: Path
) -> None:
    office = make_office(database, tmp_path)
    office.sids.append(talks(office.installation.twilio.dial(caller=CALLER), "1").sid)
    listen(office)
    closed, told = office.of_first_call(), office.of_first_call("actor")
    for files in (closed, told):
        assert checked(write(files, tmp_path / "bundle"), office.vkey)
    assert b"maria" not in b"".join(closed.values())
    readme = told["README.txt"].decode()
    assert "The recording was heard by maria, for quality: 0:00 to 0:04, 1:01 to 1:02." in readme
    assert "Sound was handed out of 0:00 to 0:08, 1:00 to 1:04." in readme
    assert "The listening ended: the session ended." in readme
