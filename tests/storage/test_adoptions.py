"""Which rulebook is in force: the one that was adopted last, for whoever asks, and the log says the same."""

import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from policies.rulebook.read import parse
from policies.rules import Rulebook
from storage.database.engine import Database
from storage.database.tables import log_leaf, rulebook_version, rules_adopted
from storage.moment import Moment
from storage.row_check.rows_of_no_call import differences_of_no_call
from storage.rows import adoptions
from storage.rows.rules_in_force import RulesInForce
from tests.conftest import NOON
from tests.source import ROOT

EXAMPLE = (ROOT / "onrecord" / "example.toml").read_text()
TEXTS = [EXAMPLE, *(EXAMPLE.replace("P90D", f"P{days}D") for days in (80, 70))]
FIRST, SECOND, THIRD = (parse(text) for text in TEXTS)


@pytest.fixture
def kept(database: Database) -> Database:
    """With the texts of three rulebooks, of which none is in force."""
    rows = [{"sha256": parse(text).sha256, "text": text, "adopted_at": NOON} for text in TEXTS]
    database.write(lambda connection: connection.execute(insert(rulebook_version), rows))
    return database


def adopt(database: Database, rulebook: Rulebook, *, actor: str = "ann", minutes: int = 0) -> adoptions.Adopted:
    moment = Moment(NOON + timedelta(minutes=minutes))
    return database.write(lambda connection: adoptions.adopt(connection, moment, rulebook.sha256, actor=actor))


def events(database: Database) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [json.loads(leaf) for leaf in connection.scalars(select(log_leaf.c.leaf).order_by(log_leaf.c.idx))]


def in_force(database: Database) -> adoptions.Adoption | None:
    with database.read() as connection:
        return adoptions.in_force(connection)


def test_none_is_in_force_until_one_is_adopted(kept: Database) -> None:
    assert in_force(kept) is None
    adopted = adopt(kept, FIRST)
    assert (adopted.before, adopted.is_new) == (None, True)
    assert in_force(kept) == adopted.now == adoptions.Adoption(adopted.now.id, FIRST.sha256, NOON, "ann")


def test_the_log_says_which_came_in_force_and_seals_on_whose_word(kept: Database) -> None:
    number = adopt(kept, FIRST).now.id
    (event,) = events(kept)
    assert (event["type"], event["rules_sha256"], event["adoption"]) == ("rules.adopted", FIRST.sha256, number)
    assert event["sd"].keys() == {"actor"}
    assert "ann" not in json.dumps(event)


def test_what_is_in_force_already_is_not_adopted_again_and_what_comes_back_is(kept: Database) -> None:
    for minutes, rulebook in enumerate((FIRST, FIRST, SECOND, FIRST)):
        adopt(kept, rulebook, minutes=minutes)
    assert [event["rules_sha256"] for event in events(kept)] == [FIRST.sha256, SECOND.sha256, FIRST.sha256]
    standing = in_force(kept)
    assert standing is not None
    assert (standing.sha256, standing.adopted_at) == (FIRST.sha256, NOON + timedelta(minutes=3))


def test_of_many_adoptions_at_once_the_last_in_the_log_is_the_one_in_force(kept: Database) -> None:
    wanted = [FIRST, SECOND, THIRD] * 8
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(adopt, kept, rulebook) for rulebook in wanted]:
            done.result()
    logged, standing = events(kept), in_force(kept)
    assert len(logged) > 2
    assert standing is not None
    assert (standing.sha256, standing.id) == (logged[-1]["rules_sha256"], logged[-1]["adoption"])
    assert [event["adoption"] for event in logged] == sorted(event["adoption"] for event in logged)
    assert all(one["rules_sha256"] != other["rules_sha256"] for one, other in pairwise(logged))
    assert differences_of_no_call(kept.read) == []


def test_a_rulebook_that_is_not_kept_does_not_come_in_force(kept: Database) -> None:
    with pytest.raises(Exception, match="constraint"):
        kept.write(lambda connection: adoptions.adopt(connection, Moment(NOON), "0" * 64, actor="ann"))
    assert (in_force(kept), events(kept)) == (None, [])


def test_a_process_follows_what_another_adopts_in_its_very_next_transaction(kept: Database) -> None:
    rules = RulesInForce(FIRST)
    with kept.read() as connection:
        assert rules.read(connection) is FIRST  # none is adopted yet
    adopt(kept, SECOND)
    assert rules.seen is FIRST
    assert kept.write(rules.read) == rules.seen == SECOND


def test_a_rulebook_that_cannot_be_read_leaves_the_one_before_in_use_and_is_logged_once(
    kept: Database, caplog: pytest.LogCaptureFixture
) -> None:
    adopt(kept, FIRST)
    adopt(kept, SECOND)
    spoiled = update(rulebook_version).where(rulebook_version.c.sha256 == SECOND.sha256).values(text="x = 1")
    kept.write(lambda connection: connection.execute(spoiled))
    rules = RulesInForce(FIRST)
    with caplog.at_level(logging.ERROR):
        assert [kept.write(rules.read) for _ in range(3)] == [FIRST] * 3
    assert len(caplog.records) == 1
    adopt(kept, THIRD)
    assert kept.write(rules.read) == THIRD


TAMPERINGS: dict[str, tuple[Callable[[Connection], object], str]] = {
    "another rulebook": (
        lambda connection: connection.execute(update(rules_adopted).values(sha256=THIRD.sha256)),
        "its row says that sha256 is",
    ),
    "another time": (
        lambda connection: connection.execute(update(rules_adopted).values(adopted_at=NOON + timedelta(days=1))),
        "its row says that adopted_at is",
    ),
    "another person": (
        lambda connection: connection.execute(update(rules_adopted).values(adopted_by="bob")),
        "its row has another adopted_by than its events",
    ),
    "one that nobody made": (
        lambda connection: connection.execute(
            insert(rules_adopted), {"sha256": THIRD.sha256, "adopted_at": NOON, "adopted_by": "bob"}
        ),
        "it has a row and no event",
    ),
    "one taken away": (lambda connection: connection.execute(delete(rules_adopted)), "it has an event and no row"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_a_row_that_says_otherwise_than_the_log_is_found(tampering: str, kept: Database) -> None:
    adopt(kept, FIRST)
    assert differences_of_no_call(kept.read) == []
    tamper, said = TAMPERINGS[tampering]
    kept.write(tamper)
    (difference,) = map(str, differences_of_no_call(kept.read))
    assert difference.startswith("adoption ")
    assert said in difference
    assert "bob" not in difference
