"""What those who hold checkpoints gave for them is looked at again, and says by their clocks when the log was so."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, update

from compliance.anchors.receipts import look_outside
from compliance.anchors.verify import held_checkpoints
from storage.database.tables import log_anchor
from storage.log.verification import Verified, verify
from tests.compliance.signed_log import ON_SQLITE, SignedLog, disarm
from tests.conftest import NOON
from tests.outbound.a_witness import a_witness

pytestmark = ON_SQLITE


def look(log: SignedLog) -> tuple[Verified, list[str]]:
    """As `log verify` does."""
    seen, wrong = look_outside(log.database.read)
    return verify(log.database.read, held_checkpoints(log.database.read, log.file), seen=seen), wrong


@pytest.fixture
def held(signed_log: SignedLog) -> SignedLog:
    """A log of a month ago that a witness, whose clock says NOON, has cosigned."""
    with a_witness() as witness:
        signed_log.now = NOON - timedelta(days=30)
        signed_log.happens(3)
        signed_log.anchoring.sign()
        witness.trusts(signed_log.vkeys()[0])
        signed_log.environ["ONRECORD_WITNESS"] = witness.setting
        signed_log.anchoring.anchor(signed_log.target("witness"))
        signed_log.anchoring.anchor(signed_log.target("file"))
        return signed_log


def test_what_a_witness_saw_without_it_was_not_written_before(held: SignedLog) -> None:
    assert (
        look(held)[0].warnings[0].startswith("event 5 is dated 2026-10-23T12:00:00.000Z, and stands in the log after")
    )
    assert "the signature of witness.example/w1, of 2026-11-22T12:00:00.000Z" in look(held)[0].warnings[0]


def test_an_honest_clock_is_told_of_nothing(signed_log: SignedLog) -> None:
    with a_witness() as witness:
        signed_log.happens(3)
        signed_log.anchoring.sign()
        witness.trusts(signed_log.vkeys()[0])
        signed_log.environ["ONRECORD_WITNESS"] = witness.setting
        signed_log.anchoring.anchor(signed_log.target("witness"))
    signed_log.passes(minutes=5)
    signed_log.happens()
    assert look(signed_log) == (look(signed_log)[0], [])
    assert look(signed_log)[0].warnings == ()


@pytest.mark.parametrize("kind", ["file", "witness"])
def test_a_receipt_that_was_altered_is_told_and_the_log_still_holds(held: SignedLog, kind: str) -> None:
    def alter(connection: Connection) -> None:
        disarm(connection, "log_anchor")
        connection.execute(update(log_anchor).where(log_anchor.c.kind == kind).values(receipt=b"nothing\n"))

    held.database.write(alter)
    verified, wrong = look(held)
    assert verified.size == held.size()
    (line,) = wrong
    assert line.startswith(f"consent log: what {kind} (")
    assert "is not for that checkpoint as it is kept: one of them was altered" in line
