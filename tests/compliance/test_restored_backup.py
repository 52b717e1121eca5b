"""An older copy of the database is not gone on from as if nothing had been: the log says that it was restored."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from compliance.anchors.anchor_file import AnchorFile
from compliance.anchors.restored_backup import fallen_short_of, require_unrestored
from compliance.anchors.resume import resume
from compliance.anchors.verify import held_checkpoints, lost_checkpoints
from evidence.checkpoints import Checkpoint
from evidence.notes import Note
from onrecord.settings.key_file import read_keys
from storage.errors import Broken, Refused
from storage.log.verification import verify
from tests.compliance.signed_log import ON_SQLITE, Backup, SignedLog, rewrite
from tests.outbound.a_witness import a_witness


@pytest.fixture
def backup(signed_log: SignedLog) -> Backup:
    """A copy of seven events, after which the log has gone on to twenty and more, and was signed."""
    goes_on(signed_log, 5)
    copy = signed_log.back_up()
    goes_on(signed_log, 13)
    return copy


def goes_on(log: SignedLog, count: int = 1) -> Note:
    log.happens(count)
    log.passes(days=1)
    log.anchoring.sign_where_due()
    return log.anchoring.sign().note


def refusal(log: SignedLog) -> str:
    with log.database.read() as connection, pytest.raises(Refused) as refused:
        require_unrestored(connection, log.file.newest(), str(log.anchor_file))
    return str(refused.value)


def is_refused(log: SignedLog) -> bool:
    with log.database.read() as connection:
        return fallen_short_of(connection, log.file.newest()) is not None


def check(log: SignedLog, *brought: Path) -> int:
    """As `log verify` does; how many checkpoints the log was held against."""
    return verify(log.database.read, held_checkpoints(log.database.read, log.file, brought)).checkpoints


def test_the_right_database_is_gone_on_from(signed_log: SignedLog) -> None:
    assert not is_refused(signed_log)  # before the first signature too
    goes_on(signed_log)
    assert not is_refused(signed_log)
    signed_log.happens(3)  # and with events that nobody has signed
    assert not is_refused(signed_log)


def test_an_older_copy_is_refused_and_told_by_its_sizes(backup: Backup) -> None:
    had = backup.log.size()
    backup.restore()
    assert refusal(backup.log) == (
        f"consent log: the database does not go on from what was noted in {backup.log.anchor_file}: it has 8 events, "
        f"and had {had} when it was last signed: if an older copy of the database was restored, `onrecord log resume "
        "--after-restore` goes on under a new name; otherwise put the right database back"
    )
    with pytest.raises(
        Broken, match=rf"it has 8 events, and {had} when .* was signed: events were removed, or an older"
    ):
        check(backup.log)


@dataclass(frozen=True, slots=True)
class BusyFile(AnchorFile):
    """One that is read just after somebody has signed, and noted it there."""

    log: SignedLog

    def all(self) -> list[Note]:
        self.log.happens()
        self.log.anchoring.sign()
        return super(BusyFile, self).all()


def test_a_checkpoint_that_is_signed_while_the_log_is_verified_is_no_loss_of_events(signed_log: SignedLog) -> None:
    goes_on(signed_log)
    file = BusyFile(str(signed_log.anchor_file), signed_log)
    assert verify(signed_log.database.read, held_checkpoints(signed_log.database.read, file)).size == signed_log.size()


def test_one_that_is_restored_under_a_running_worker_is_signed_no_more(backup: Backup) -> None:
    noted = backup.log.file.newest_path.read_text()
    backup.restore()
    backup.log.happens()
    backup.log.passes(days=1)
    backup.log.anchoring.sign_where_due()
    assert [one.kind for one in backup.log.incidents()] == ["not_signed"]
    assert backup.log.file.newest_path.read_text() == noted
    assert max(backup.log.signed()) < backup.log.size()


def test_it_goes_on_under_a_new_name_and_the_log_says_why(backup: Backup) -> None:
    over = Checkpoint.of(backup.log.file.newest()[0])
    backup.restore()
    resumed = resume(backup.log.anchoring)
    assert resumed
    assert resumed.checkpoint.origin != over.origin
    told = next(one for one in backup.log.told() if one["type"] == "backup.restored")
    assert {name: told[name] for name in ("over_origin", "over_size", "over_root", "restored_size")} == {
        "over_origin": over.origin,
        "over_size": over.size,
        "over_root": over.root.hex(),
        "restored_size": 8,
    }
    assert backup.log.file.newest() == [resumed.note] * 2  # beside the file, and as its last line
    assert not is_refused(backup.log)
    assert resume(backup.log.anchoring) is None
    goes_on(backup.log)
    assert resume(backup.log.anchoring) is None


def test_what_was_lost_is_counted_and_not_held_against_the_log(backup: Backup, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text(backup.log.file.newest_path.read_text())
    backup.restore()
    resume(backup.log.anchoring)
    goes_on(backup.log, 30)
    assert check(backup.log) > 2
    lost = lost_checkpoints(backup.log.database.read, backup.log.file)
    assert [one.size for one in lost] == [21]
    with pytest.raises(Broken, match="is of events that a restored backup has lost, as the log says itself"):
        check(backup.log, kept)


def test_the_same_copy_once_more_goes_on_under_yet_another_name(backup: Backup) -> None:
    names = []
    for _ in range(3):
        backup.restore()
        assert is_refused(backup.log)
        resumed = resume(backup.log.anchoring)
        assert resumed
        names.append(resumed.checkpoint.origin)
        goes_on(backup.log, 3)
        assert check(backup.log) > 0
    assert len(set(names)) == 3


@ON_SQLITE
def test_a_copy_from_before_the_first_signature_is_refused_too(signed_log: SignedLog) -> None:
    signed_log.happens(2)
    copy = signed_log.back_up()
    goes_on(signed_log)
    copy.restore()
    assert "a name that this database does not have" in refusal(signed_log)
    resumed = resume(signed_log.anchoring)
    assert resumed
    assert not is_refused(signed_log)
    assert check(signed_log)


@ON_SQLITE
def test_a_copy_that_was_itself_resumed_is_refused_by_its_sizes(backup: Backup) -> None:
    backup.restore()
    resume(backup.log.anchoring)
    again = backup.log.back_up()
    goes_on(backup.log, 40)
    again.restore()
    assert "when it was last signed" in refusal(backup.log)
    assert resume(backup.log.anchoring)
    assert check(backup.log)


@ON_SQLITE
def test_a_crash_after_the_resumption_and_before_it_is_noted_leaves_nothing_to_mend(backup: Backup) -> None:
    before = {path: path.read_bytes() for path in (backup.log.anchor_file, backup.log.file.newest_path)}
    backup.restore()
    resume(backup.log.anchoring)
    for path, content in before.items():
        path.write_bytes(content)
    assert not is_refused(backup.log)
    goes_on(backup.log)
    assert check(backup.log)


@ON_SQLITE
def test_an_older_anchor_file_beside_the_right_database_is_no_matter(signed_log: SignedLog) -> None:
    goes_on(signed_log)
    before = signed_log.file.newest_path.read_bytes()
    goes_on(signed_log)
    signed_log.file.newest_path.write_bytes(before)
    assert not is_refused(signed_log)


@ON_SQLITE
def test_another_log_s_database_is_refused(signed_log: SignedLog, tmp_path: Path) -> None:
    empty = signed_log.back_up()
    goes_on(signed_log)
    empty.restore()
    signed_log.environ["ONRECORD_ANCHOR_FILE"] = str(tmp_path / "others.txt")
    goes_on(signed_log, 20)
    assert "a name that this database does not have" in refusal(signed_log)


def test_a_log_that_was_rewritten_is_told_from_one_that_was_restored(signed_log: SignedLog) -> None:
    goes_on(signed_log, 10)
    rewrite(signed_log.database, 4, read_keys(signed_log.key_file).log_signing_seed)
    said = refusal(signed_log)
    assert "events are others than those that were signed" in said
    assert "last signed" not in said


@ON_SQLITE
def test_what_was_signed_since_the_last_line_shows_a_restored_copy_too(backup: Backup) -> None:
    copy = backup.log.back_up()
    backup.log.happens(9)
    backup.log.anchoring.sign()
    copy.restore()
    with pytest.raises(Broken, match="it has 22 events, and 31 when"):
        check(backup.log)


@ON_SQLITE
def test_of_two_notes_the_longer_one_counts(backup: Backup) -> None:
    """A day's line in the file, and beside it what was signed a minute ago."""
    (newest,) = backup.log.file.newest()[:1]
    backup.log.happens()
    later = backup.log.anchoring.sign()
    backup.restore()
    assert Checkpoint.of(newest).size < later.size
    assert f"had {later.size} when" in refusal(backup.log)
    backup.log.file.newest_path.unlink()
    assert is_refused(backup.log)  # the line alone shows it too
    backup.log.anchor_file.unlink()
    assert not is_refused(backup.log)  # nothing is left outside, and nothing can be known


@ON_SQLITE
def test_an_anchor_file_that_was_restored_with_it_is_shown_up_by_the_witness(
    signed_log: SignedLog, tmp_path: Path
) -> None:
    with a_witness() as witness:
        signed_log.environ["ONRECORD_WITNESS"] = witness.setting
        signed_log.happens(3)
        signed_log.anchoring.sign()
        witness.trusts(signed_log.vkeys()[0])
        goes_on(signed_log)
        copy = signed_log.back_up()
        outside = {path: path.read_bytes() for path in (signed_log.anchor_file, signed_log.file.newest_path)}
        kept = goes_on(signed_log, 20)
        copy.restore()
        for path, content in outside.items():
            path.write_bytes(content)
        assert not is_refused(signed_log)
        goes_on(signed_log)
        (found,) = signed_log.incidents()
        assert "an older copy of the database was restored" in found.detail
        assert resume(signed_log.anchoring) is None
        resumed = resume(signed_log.anchoring, [kept])  # as somebody outside has kept it
        assert resumed
        witness.trusts(signed_log.vkeys()[-1])
        goes_on(signed_log)
        assert witness.latest[resumed.checkpoint.origin][0] > resumed.size
        assert len(signed_log.incidents()) == 1


@ON_SQLITE
def test_a_forged_line_among_the_lost_ones_is_still_one(backup: Backup) -> None:
    backup.restore()
    resume(backup.log.anchoring)
    lines = backup.log.anchor_file.read_text(encoding="utf-8")
    assert "\\n21\\n" in lines
    backup.log.anchor_file.write_text(lines.replace("\\n21\\n", "\\n22\\n"), encoding="utf-8")
    with pytest.raises(Broken, match="it was forged or damaged"):
        lost_checkpoints(backup.log.database.read, backup.log.file)
