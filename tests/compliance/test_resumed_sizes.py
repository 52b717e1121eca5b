"""However many events a restored copy has, and however many were lost: a log that was resumed accuses nobody."""

from itertools import product

import pytest

from compliance.anchors.restored_backup import fallen_short_of
from compliance.anchors.resume import resume
from evidence.checkpoints import Checkpoint
from storage.errors import Broken
from tests.compliance.signed_log import ON_SQLITE, SignedLog
from tests.compliance.test_restored_backup import check, is_refused

NAMED = 2  # the log's name and its key, which come before the first signature


def grows(log: SignedLog, size: int) -> None:
    """To so many events, with another history each time."""
    log.passes(minutes=7)
    log.happens(size - log.size())


def signs(log: SignedLog) -> int:
    """The size that everybody outside gets, as the export and `log anchor` give it."""
    signed = log.anchoring.sign()
    log.file.append(signed, log.now)
    return signed.size


@ON_SQLITE
@pytest.mark.parametrize(("restored", "lost"), [*product(range(8), range(1, 12))])
def test_a_resumed_log_holds_whatever_sizes_meet(signed_log: SignedLog, restored: int, lost: int) -> None:
    """Every size up to `lost` was signed after the copy was made, and each of these checkpoints lies in the file."""
    if restored > NAMED:
        grows(signed_log, restored - NAMED)
        signs(signed_log)
    else:
        signed_log.happens(restored)
    copy = signed_log.back_up()
    for more in range(1, lost + 1):
        grows(signed_log, restored + more)
        signs(signed_log)
    copy.restore()
    assert is_refused(signed_log)
    assert resume(signed_log.anchoring)
    assert not is_refused(signed_log)
    assert check(signed_log)
    assert resume(signed_log.anchoring) is None
    grows(signed_log, signed_log.size() + lost + 1)
    signs(signed_log)
    assert check(signed_log)


@ON_SQLITE
@pytest.mark.parametrize(("lost", "meanwhile"), [*product(range(1, 5), range(6))])
def test_what_a_running_service_writes_before_anybody_notices_is_no_forgery(
    signed_log: SignedLog, lost: int, meanwhile: int
) -> None:
    """It goes on appending to the restored copy, which it can't sign: the same sizes come again with other events."""
    signed_log.happens(3)
    signs(signed_log)
    copy = signed_log.back_up()
    for _ in range(lost):
        grows(signed_log, signed_log.size() + 1)
        signs(signed_log)
    copy.restore()
    grows(signed_log, signed_log.size() + meanwhile)
    assert resume(signed_log.anchoring)
    assert not is_refused(signed_log)
    assert check(signed_log)


@ON_SQLITE
@pytest.mark.parametrize("unsigned", range(4))
def test_a_checkpoint_that_the_copy_still_has_is_held_against_the_log(signed_log: SignedLog, unsigned: int) -> None:
    """The copy was made after the events and before they were signed: of these nothing was lost."""
    signed_log.happens(3)
    signs(signed_log)
    grows(signed_log, signed_log.size() + unsigned)
    copy = signed_log.back_up()
    kept = signs(signed_log)
    grows(signed_log, signed_log.size() + 4)
    signs(signed_log)
    copy.restore()
    assert resume(signed_log.anchoring)
    held = check(signed_log)
    lines = [Checkpoint.of(note).size for note in signed_log.lines()]
    assert kept in lines
    assert held >= lines.index(kept) + 1


@ON_SQLITE
@pytest.mark.parametrize("order", [*product("ab", repeat=4)])
def test_two_copies_restored_in_any_order_are_each_gone_on_from(signed_log: SignedLog, order: tuple[str, ...]) -> None:
    signed_log.happens(3)
    signs(signed_log)
    copies = {"a": signed_log.back_up()}
    grows(signed_log, 30)
    signs(signed_log)
    copies["b"] = signed_log.back_up()
    grows(signed_log, 34)
    signs(signed_log)
    for name in order:
        copies[name].restore()
        assert is_refused(signed_log)
        assert resume(signed_log.anchoring)
        assert not is_refused(signed_log)
        signs(signed_log)
        assert check(signed_log)


@ON_SQLITE
def test_a_copy_that_was_resumed_itself_is_refused_when_it_comes_back(signed_log: SignedLog) -> None:
    """That it has lost something before excuses nothing that it has lost now."""
    signed_log.happens(3)
    signs(signed_log)
    first = signed_log.back_up()
    grows(signed_log, 9)
    signs(signed_log)
    first.restore()
    resume(signed_log.anchoring)
    second = signed_log.back_up()
    first.restore()
    resume(signed_log.anchoring)
    second.restore()
    assert is_refused(signed_log)
    with pytest.raises(Broken, match="does not go on from what was noted in"):
        check(signed_log)
    assert resume(signed_log.anchoring)
    assert check(signed_log)


@ON_SQLITE
def test_a_crash_between_resuming_and_noting_it_leaves_nothing_to_resume(signed_log: SignedLog) -> None:
    """Also where the two notes outside, the line and the newest beside the file, are both of lost events."""
    signed_log.happens(3)
    signs(signed_log)
    copy = signed_log.back_up()
    grows(signed_log, signed_log.size() + 1)
    signs(signed_log)
    grows(signed_log, signed_log.size() + 1)
    signed_log.anchoring.sign()
    outside = {path: path.read_bytes() for path in (signed_log.anchor_file, signed_log.file.newest_path)}
    copy.restore()
    assert resume(signed_log.anchoring)
    for path, content in outside.items():
        path.write_bytes(content)
    with signed_log.database.read() as connection:
        assert fallen_short_of(connection, signed_log.file.newest()) is None
    assert check(signed_log)
