"""A review of a call is noted once for each member of staff, with an event that names them in private."""

import pytest

from storage.errors import Broken
from storage.row_check import check as row_check
from storage.rows import reviews
from tests.faults.premises import Premises


def mark(premises: Premises, call_id: str, name: str) -> bool:
    staff_id = premises.staff_id(name)
    return premises.write(
        lambda connection: reviews.mark(connection, premises.moment(), call_id, staff_id=staff_id, actor=name)
    )


def test_each_member_of_staff_reviews_a_call_once(premises: Premises) -> None:
    owner = premises.call()
    first_at = premises.clock.now
    assert mark(premises, owner.id, "ann")
    premises.clock.passes(hours=1)
    assert not mark(premises, owner.id, "ann")
    assert mark(premises, owner.id, "bob")
    ann, bob = premises.staff_id("ann"), premises.staff_id("bob")
    with premises.shop.database.read() as connection:
        assert reviews.of_call(connection, owner.id) == {ann: first_at, bob: premises.clock.now}
        assert row_check.of_call(connection, owner.id, None) == []
    told = [event for event in premises.story(owner).events if event["type"] == "call.reviewed"]
    assert [[*event["sd"]] for event in told] == [["actor"], ["actor"]]


def test_a_call_that_is_not_there_cannot_be_reviewed(premises: Premises) -> None:
    with pytest.raises(Broken, match="no such row"):
        mark(premises, "0" * 32, "ann")
