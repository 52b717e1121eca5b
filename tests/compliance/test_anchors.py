"""When the log is signed and who gets the checkpoint then; what is noted outside; and what happens when that fails."""

import fcntl
import json
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from compliance.anchors.anchor import CHECKPOINT_EVERY_S
from compliance.anchors.anchor_file import STDOUT, AnchorFile
from evidence.anchor_levels import Level
from evidence.checkpoints import Checkpoint
from evidence.notes import Note, Vkey, verified
from onrecord.anchoring import sign_what_is_left
from onrecord.settings.key_file import read_keys
from storage.database.tables import log_node
from storage.errors import Broken, Unavailable
from storage.log import anchors, checkpoints
from storage.log.checkpoints import SignedCheckpoint
from storage.log.tree import FAN_OUT
from storage.log.tree_keeper import full_subtrees
from tests.compliance.signed_log import ON_SQLITE, SignedLog, rewrite
from tests.onrecord.test_settings import WITNESS
from tests.outbound.a_witness import Answer, TheWitness, a_witness
from tests.storage.s3_peer import operators_settings, s3_peer


def minutes(log: SignedLog, count: int, meanwhile: Callable[[], object] = lambda: None) -> None:
    """That long, looked at as often as the worker does."""
    for _ in range(count):
        meanwhile()
        for _ in range(round(60 / CHECKPOINT_EVERY_S)):
            log.passes(seconds=CHECKPOINT_EVERY_S)
            log.anchoring.sign_where_due()


def hours(log: SignedLog, count: int, meanwhile: Callable[[], object] = lambda: None) -> None:
    for _ in range(count):
        meanwhile()
        log.passes(hours=1)
        log.anchoring.sign_where_due()


def test_with_news_the_log_is_signed_once_a_minute(signed_log: SignedLog) -> None:
    signed_log.anchoring.sign_where_due()
    assert signed_log.signed() == []  # of an empty log there is nothing to say
    minutes(signed_log, 4, signed_log.happens)
    assert len(signed_log.signed()) == 4


def test_the_subtrees_of_the_log_are_closed_before_it_is_signed(signed_log: SignedLog) -> None:
    signed_log.happens(2 * FAN_OUT)
    signed_log.anchoring.sign()
    with signed_log.database.read() as connection:
        assert full_subtrees(connection, 9) == []
        assert connection.scalar(select(func.count()).select_from(log_node)) == 2


@ON_SQLITE
def test_without_news_nothing_is_signed_and_nobody_is_given_anything(signed_log: SignedLog) -> None:
    signed_log.happens()
    minutes(signed_log, 5)
    told, signed = signed_log.told(), signed_log.signed()
    assert len(signed) == 2  # of the event, and of its anchor, which is an event too
    hours(signed_log, 50)
    minutes(signed_log, 5)
    assert (signed_log.told(), signed_log.signed()) == (told, signed)
    assert len(signed_log.lines()) == 1


@ON_SQLITE
def test_a_clock_that_was_ahead_for_a_while_stops_nothing(signed_log: SignedLog) -> None:
    signed_log.passes(days=400)
    signed_log.happens()
    signed_log.anchoring.sign_where_due()
    signed_log.passes(days=-400)
    signed_log.happens()
    signed_log.anchoring.sign_where_due()
    assert (len(signed_log.signed()), len(signed_log.lines())) == (2, 2)


@contextmanager
def a_trusting_witness(signed_log: SignedLog) -> Iterator[TheWitness]:
    """A witness that knows the key of the log, which has been signed once."""
    with a_witness() as witness:
        signed_log.environ["ONRECORD_WITNESS"] = witness.setting
        signed_log.happens()
        signed_log.anchoring.sign()
        witness.trusts(signed_log.vkeys()[0])
        yield witness


@ON_SQLITE
def test_the_file_gets_a_line_a_day_and_the_witness_a_checkpoint_an_hour(signed_log: SignedLog) -> None:
    with a_trusting_witness(signed_log):
        hours(signed_log, 25, signed_log.happens)
    assert len(signed_log.held("file")) == len(signed_log.lines()) == 2
    assert len(signed_log.held("witness")) == 25
    assert signed_log.incidents() == []


def test_a_line_is_json_with_the_time_and_the_checkpoint_as_it_was_signed(signed_log: SignedLog) -> None:
    signed_log.happens()
    signed_log.passes(hours=3, milliseconds=250)
    signed_log.anchoring.sign_where_due()
    (line,) = signed_log.anchor_file.read_text(encoding="utf-8").splitlines()
    (kept,) = signed_log.held("file")
    with signed_log.database.read() as connection:
        newest = checkpoints.newest(connection)
        assert newest
        assert anchors.level_of(connection, newest.size) is Level.FILE
    assert json.loads(line) == {"at": "2026-11-22T15:00:00+00:00", "checkpoint": str(newest.note)}
    assert kept.receipt.decode() == f"{line}\n"
    (vkey,) = map(Vkey.parse, signed_log.vkeys())
    assert verified(Note.parse(json.loads(line)["checkpoint"]), [vkey])
    assert signed_log.told()[-1]["type"] == "anchor.made"


@ON_SQLITE
def test_a_dash_is_standard_output_and_nothing_is_written_anywhere(
    signed_log: SignedLog, capsys: pytest.CaptureFixture[str]
) -> None:
    signed_log.environ["ONRECORD_ANCHOR_FILE"] = STDOUT
    signed_log.happens()
    signed_log.anchoring.sign_where_due()
    (line,) = capsys.readouterr().out.splitlines()
    assert Checkpoint.of(Note.parse(json.loads(line)["checkpoint"])).size == signed_log.held("file")[0].size
    assert list(signed_log.folder.iterdir()) == [signed_log.key_file]
    assert AnchorFile(STDOUT).newest() == AnchorFile(STDOUT).all() == []


@ON_SQLITE
def test_the_newest_checkpoint_lies_beside_the_file_and_is_replaced_whole(signed_log: SignedLog) -> None:
    noted = []
    for _ in range(3):
        signed_log.happens()
        signed = signed_log.anchoring.sign()
        inode = signed_log.file.newest_path.stat().st_ino
        with signed_log.file.newest_path.open("rb") as opened:
            noted.append((inode, opened, str(signed.note)))
            assert opened.read().decode() == str(signed.note)
    assert len({inode for inode, _, _ in noted[:2]}) == 2  # another file each time: nobody sees one half-written
    assert sorted(path.name for path in signed_log.folder.iterdir()) == ["anchors.txt.newest", "keys"]


@ON_SQLITE
def test_of_two_processes_that_sign_at_once_the_later_checkpoint_stays(signed_log: SignedLog) -> None:
    signed_log.happens()
    slower = signed_log.anchoring.sign()
    signed_log.happens()
    later = signed_log.anchoring.sign()
    signed_log.file.note_newest(slower)
    assert signed_log.file.newest_path.read_text() == str(later.note)


@ON_SQLITE
def test_those_who_note_at_once_do_not_write_into_each_others_files(signed_log: SignedLog) -> None:
    """Not even where they have the same number, as the first process of every container has."""
    signed = []
    for count in range(1, 5):
        signed_log.happens(count)
        signed.append(signed_log.anchoring.sign())
    signed_log.file.newest_path.unlink()

    def note_often(known: SignedCheckpoint) -> None:
        for _ in range(60):
            signed_log.file.note_newest(known)

    with ThreadPoolExecutor(len(signed)) as pool:
        list(pool.map(note_often, signed))
    assert len(signed_log.file.newest()) == 1
    assert sorted(path.name for path in signed_log.folder.iterdir()) == ["anchors.txt.newest", "keys"]


@ON_SQLITE
@pytest.mark.parametrize("kept_bytes", [1, 30, 200, -2])
def test_a_line_that_a_crash_cut_is_passed_over_and_the_next_one_stands_alone(
    kept_bytes: int, signed_log: SignedLog
) -> None:
    signed_log.happens()
    signed_log.anchoring.sign_where_due()
    whole = signed_log.anchor_file.read_bytes()
    signed_log.anchor_file.write_bytes(whole + whole[:kept_bytes])
    assert [str(note) for note in signed_log.lines()] == [json.loads(whole)["checkpoint"]]
    assert signed_log.file.newest()[-1] == signed_log.lines()[0]
    signed_log.happens()
    signed_log.passes(days=1)
    signed_log.anchoring.sign_where_due()
    assert len(signed_log.lines()) == 2
    assert signed_log.anchor_file.read_bytes().startswith(whole)


@ON_SQLITE
def test_one_at_a_time_writes_to_the_file_and_cuts_off_what_a_crash_left(signed_log: SignedLog) -> None:
    signed_log.happens()
    known = signed_log.anchoring.sign()
    with signed_log.anchor_file.open("wb") as another, ThreadPoolExecutor(1) as pool:
        fcntl.flock(another, fcntl.LOCK_EX)
        appended = pool.submit(signed_log.file.append, known, signed_log.now)
        with pytest.raises(TimeoutError):
            appended.result(0.2)
        another.write(b'{"at": "2026')
        another.close()
        line = appended.result(10)
    assert signed_log.anchor_file.read_bytes() == line


@ON_SQLITE
def test_a_line_that_only_lost_its_end_is_kept(signed_log: SignedLog) -> None:
    """As an editor leaves it."""
    signed_log.happens()
    signed_log.anchoring.sign_where_due()
    signed_log.anchor_file.write_bytes(signed_log.anchor_file.read_bytes().rstrip(b"\n"))
    signed_log.happens()
    signed_log.passes(days=1)
    signed_log.anchoring.sign_where_due()
    assert len(signed_log.lines()) == 2


@ON_SQLITE
@pytest.mark.parametrize("damaged", ["", "{}", "[]", '{"checkpoint": 1}', '{"checkpoint": "text"}', "not JSON"])
def test_a_damaged_line_or_note_is_told_and_nothing_is_signed_over_it(damaged: str, signed_log: SignedLog) -> None:
    signed_log.happens()
    signed_log.anchoring.sign_where_due()
    good = signed_log.anchor_file.read_text()
    signed_log.anchor_file.write_text(f"{damaged}\n{good}")
    with pytest.raises(Broken, match=r"anchors\.txt: a line of it holds no checkpoint: it was damaged or changed"):
        signed_log.lines()
    signed_log.anchor_file.write_text(good)
    signed_log.file.newest_path.write_text(damaged)
    signed_log.happens()
    with pytest.raises(Broken, match=r"anchors\.txt\.newest: it holds no checkpoint: it was damaged or changed"):
        signed_log.anchoring.sign()


@ON_SQLITE
def test_whoever_can_not_hold_it_keeps_no_other_and_is_told_of_when_it_takes_too_long(signed_log: SignedLog) -> None:
    with a_trusting_witness(signed_log):
        signed_log.anchoring.sign_where_due()
    assert (len(signed_log.held("witness")), len(signed_log.held("file"))) == (1, 1)
    hours(signed_log, 2, signed_log.happens)
    assert signed_log.incidents() == []  # it is gone for two hours
    hours(signed_log, 1, signed_log.happens)
    (found,) = signed_log.incidents()
    assert (found.kind, found.about) == ("not_anchored", "witness:unavailable:2026-11-22")
    assert found.detail.startswith("witness: no answer")
    hours(signed_log, 24, signed_log.happens)
    assert len(signed_log.held("file")) == 2
    assert [one.about for one in signed_log.incidents()] == [
        f"witness:unavailable:2026-11-2{day}" for day in (2, 3)
    ]  # one a day, and not one each time


@ON_SQLITE
def test_a_file_that_can_not_be_written_keeps_no_other_holder_waiting(signed_log: SignedLog) -> None:
    with a_trusting_witness(signed_log):
        signed_log.environ["ONRECORD_ANCHOR_FILE"] = str(signed_log.key_file / "anchors.txt")
        signed_log.anchoring.sign_where_due()
        assert len(signed_log.held("witness")) == 1
    assert [one.about for one in signed_log.incidents()] == ["file:unavailable:2026-11-22"]


@ON_SQLITE
def test_a_file_that_can_not_even_be_looked_at_is_told_in_a_line(signed_log: SignedLog) -> None:
    """As on a network's disk that is gone."""
    signed_log.environ["ONRECORD_ANCHOR_FILE"] = str(signed_log.folder / ("x" * 300))
    signed_log.happens()
    signed_log.anchoring.sign_where_due()
    signed_log.anchoring.close()
    for look in (signed_log.anchoring.file.newest, signed_log.anchoring.file.all):
        with pytest.raises(Unavailable, match="ONRECORD_ANCHOR_FILE: .* can't be read: File name too long"):
            look()


@ON_SQLITE
def test_a_log_that_can_not_be_signed_for_an_hour_is_told_of(signed_log: SignedLog) -> None:
    signed_log.happens()
    signed_log.anchoring.sign_where_due()
    hours(signed_log, 30)
    signed_log.file.newest_path.unlink()
    signed_log.file.newest_path.mkdir()
    signed_log.happens()
    minutes(signed_log, 59)
    assert signed_log.incidents() == []  # with nothing new there was nothing to sign
    minutes(signed_log, 90)
    (found,) = signed_log.incidents()
    assert (found.kind, found.about) == ("not_signed", "unavailable:2026-11-23")
    assert found.detail.endswith("anchors.txt.newest can't be read: Is a directory")


def test_a_rewritten_log_is_signed_no_more_and_a_person_is_told(signed_log: SignedLog) -> None:
    signed_log.happens(5)
    signed_log.anchoring.sign_where_due()
    rewrite(signed_log.database, 3, read_keys(signed_log.key_file).log_signing_seed)
    signed_log.happens()
    minutes(signed_log, 2)
    assert len(signed_log.signed()) == 1
    (found,) = signed_log.incidents()
    assert (found.kind, found.about) == ("not_signed", "refused:2026-11-22")
    assert "its first 7 events are others than those that were signed" in found.detail


@ON_SQLITE
def test_without_its_keys_the_log_is_not_signed_and_a_person_is_told(signed_log: SignedLog) -> None:
    signed_log.happens()
    signed_log.key_file.unlink()
    signed_log.anchoring.sign_where_due()
    signed_log.anchoring.close()
    (found,) = signed_log.incidents()
    assert (found.kind, found.about) == ("not_signed", "settingsrejected:2026-11-22")
    assert "which does not exist: restore its copy" in found.detail


@ON_SQLITE
def test_on_the_way_out_what_is_new_is_signed(signed_log: SignedLog) -> None:
    signed_log.happens()
    signed_log.anchoring.sign()
    signed_log.anchoring.close()
    assert len(signed_log.signed()) == 1
    signed_log.happens()
    sign_what_is_left(replace(signed_log.settings, database_url=str(signed_log.database.engine.url)))
    assert len(signed_log.signed()) == 2
    assert signed_log.file.newest_path.read_text().splitlines()[1] == str(signed_log.size())


@ON_SQLITE
def test_an_ending_that_can_not_sign_ends_all_the_same(signed_log: SignedLog, caplog: pytest.LogCaptureFixture) -> None:
    signed_log.happens()
    signed_log.environ["ONRECORD_ANCHOR_FILE"] = str(signed_log.key_file / "anchors.txt")
    signed_log.anchoring.close()
    assert "last checkpoint could not be signed: ONRECORD_ANCHOR_FILE: " in caplog.text


@ON_SQLITE
def test_what_is_held_is_known_by_who_holds_it_since_when(signed_log: SignedLog) -> None:
    signed_log.happens()
    signed_log.anchoring.sign_where_due()
    (kept,) = signed_log.held("file")
    assert kept.place == str(signed_log.anchor_file)
    assert kept.anchored_at - signed_log.now == timedelta(0)


@ON_SQLITE
def test_the_folder_of_the_file_is_made_and_closed_to_others(signed_log: SignedLog) -> None:
    signed_log.environ["ONRECORD_ANCHOR_FILE"] = str(signed_log.folder / "deep" / "er" / "anchors.txt")
    signed_log.happens()
    signed_log.anchoring.sign_where_due()
    folder = signed_log.folder / "deep" / "er"
    assert sorted(path.name for path in folder.iterdir()) == ["anchors.txt", "anchors.txt.newest"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@ON_SQLITE
def test_everybody_whom_the_settings_name_gets_it(signed_log: SignedLog) -> None:
    assert [one.kind for one in signed_log.anchoring.find_targets()] == ["file"]
    with s3_peer() as peer, operators_settings(peer.endpoint):
        bucket = peer.new_bucket(lock=True)
        signed_log.environ |= {
            "ONRECORD_ANCHOR_S3": f"s3://{bucket}/log",
            "ONRECORD_WITNESS": f"{WITNESS} https://witness.example",
            "ONRECORD_TSA": "https://tsa.example",
        }
        assert [one.kind for one in signed_log.anchoring.find_targets()] == ["file", "s3", "witness", "tsa"]
        signed_log.now = datetime.now(UTC)  # S3 has a clock of its own
        signed_log.happens()
        known = signed_log.anchoring.anchor(signed_log.target("s3"))
        told = json.loads(signed_log.held("s3")[0].receipt)
        there = peer.client.get_object(Bucket=bucket, Key=told["key"], VersionId=told["version_id"])
        assert there["Body"].read().decode() == str(known.note)
    with signed_log.database.read() as connection:
        assert anchors.level_of(connection, known.size) is Level.S3


@ON_SQLITE
def test_a_log_that_is_signed_again_is_no_incident_any_more(signed_log: SignedLog) -> None:
    keys = signed_log.key_file.read_bytes()
    for _ in range(2):
        signed_log.happens()
        signed_log.key_file.unlink()
        signed_log.passes(days=1)
        signed_log.anchoring.sign_where_due()
        assert [one.kind for one in signed_log.incidents()] == ["not_signed"]
        signed_log.key_file.touch(mode=0o600)
        signed_log.key_file.write_bytes(keys)
        minutes(signed_log, 2)
        assert signed_log.incidents() == []


@ON_SQLITE
def test_a_target_that_takes_checkpoints_again_is_no_incident_any_more(signed_log: SignedLog) -> None:
    with a_witness() as witness:
        signed_log.environ["ONRECORD_WITNESS"] = witness.setting
        for _ in range(2):
            witness.instead = [Answer(404)] * 4
            hours(signed_log, 1, signed_log.happens)
            assert [one.kind for one in signed_log.incidents()] == ["not_anchored"]
            witness.instead.clear()
            if not witness.logs:
                witness.trusts(signed_log.vkeys()[0])
            hours(signed_log, 1, signed_log.happens)
            assert signed_log.incidents() == []


@ON_SQLITE
def test_a_witness_that_saw_another_history_is_not_believed_because_it_goes_on(signed_log: SignedLog) -> None:
    with a_trusting_witness(signed_log) as witness:
        witness.instead = [Answer(422)]
        for _ in range(3):
            hours(signed_log, 1, signed_log.happens)
    assert len(signed_log.held("witness")) >= 1
    assert [one.about.partition(":2")[0] for one in signed_log.incidents()] == ["witness:broken"]
