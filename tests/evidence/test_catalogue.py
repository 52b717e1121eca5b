"""The catalogue has each event that is made anywhere, and an event that it does not have cannot be made."""

import ast
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from evidence.catalogue import CATALOGUE, PRIVATE_FIELDS, in_words
from evidence.events import Event, NotInCatalogue, write_leaf
from tests.source import ROOMS, modules, tree_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
# A field is a text where nothing else is said.
VALUES: dict[str, Any] = {
    "languages": ["en", "de"],
    "purposes": ["quality"],
    "differs": ["answer"],
    "failed": ["uncut"],
    "findings": ["trunks"],
    "unable": [],
    "disclosed": ["caller"],
    "match": False,
    "at_ms": 12_400,
    "ranges": [[0, 4_000], [61_000, 3_700_000]],
    "handed_out": [[0, 24_000]],
    "final": True,
    "bridged": True,
    "was_connected": True,
}


@pytest.mark.parametrize(
    ("public", "private"),
    [
        ({"stat": "x"}, {}),
        ({"state": "x"}, {"reason": "x"}),
        ({}, {"state": "x"}),
        ({"n": 7}, {}),
    ],
    ids=["a field misspelt", "a private field of another type", "a public field made private", "a name of the log's"],
)
def test_an_event_with_a_field_that_its_type_does_not_have_is_refused(
    public: dict[str, Any], private: dict[str, Any]
) -> None:
    with pytest.raises(NotInCatalogue, match=r"event call\.hung_up: .* (stat|reason|state|n)$"):
        Event("call.hung_up", public, private)


def test_a_private_field_is_not_to_be_made_public() -> None:
    with pytest.raises(NotInCatalogue, match=r"event call\.received: .* caller$"):
        Event("call.received", {"caller": "anonymous"})


def test_an_event_of_a_type_that_there_is_not_is_refused() -> None:
    with pytest.raises(NotInCatalogue, match=r"event call\.recieved: the catalogue has no such type"):
        Event("call.recieved")


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_leaf_tells_every_field_of_its_type_and_puts_no_other_in_its_place(name: str) -> None:
    kind = CATALOGUE[name]
    event = Event(name, dict.fromkeys(kind.public, "public"), dict.fromkeys(kind.private, "private"))
    leaf = json.loads(write_leaf(event, call="c" * 32, n=0, at=NOON, random=os.urandom).line)
    assert {field: leaf.pop(field) for field in kind.public} == event.public
    assert leaf.pop("sd", {}).keys() == kind.private
    assert leaf == {"call": "c" * 32, "n": 0, "ts": "2026-11-22T12:00:00.000Z", "type": name, "v": 1}


@pytest.mark.parametrize("name", CATALOGUE)
def test_no_field_is_public_and_private(name: str) -> None:
    assert CATALOGUE[name].public & CATALOGUE[name].private == set()
    assert CATALOGUE[name].private <= {*PRIVATE_FIELDS}


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_event_has_words(name: str) -> None:
    kind = CATALOGUE[name]
    told = {field: VALUES.get(field, "something") for field in kind.public | kind.private}
    said = in_words({**told, "type": name}, {})
    assert said != [name]
    assert re.fullmatch(r"[A-Z].*[.:)]", said[0])


def test_an_event_of_another_version_is_told_by_its_name() -> None:
    assert in_words({"type": "call.moved", "to": 7}, {}) == ["call.moved"]
    assert in_words({"type": "call.completed"}, {}) == ["call.completed"]
    assert in_words({"type": "language.asked", "languages": [1]}, {}) == ["language.asked"]


def test_the_seconds_that_were_heard_are_told() -> None:
    heard = {"type": "recording.heard", "actor": "jane", "purpose": "quality", "why": "", "final": False}
    assert in_words({**heard, "ranges": VALUES["ranges"]}, {}) == [
        "The recording was heard by jane, for quality: 0:00 to 0:04, 1:01 to 1:01:40."
    ]
    assert in_words({**heard, "ranges": [], "final": True, "why": "its consent was withdrawn"}, {}) == [
        "The recording was heard by jane, for quality: nothing of it.",
        "The listening ended: its consent was withdrawn.",
    ]


def test_sound_that_was_handed_out_is_told_beside_what_was_heard() -> None:
    heard = {"type": "recording.heard", "purpose": "quality", "ranges": [], "final": True, "why": ""}
    assert in_words({**heard, "handed_out": [[0, 20_000]]}, {}) == [
        "The recording was heard (by whom is not opened here), for quality: nothing of it.",
        "Sound was handed out of 0:00 to 0:20.",
        "The listening ended: it was closed.",
    ]


@pytest.mark.parametrize(("count", "more"), [(6, ""), (7, " and 1 more"), (60, " and 54 more")])
def test_of_many_ranges_only_the_first_are_told(count: int, more: str) -> None:
    ranges = [[n * 2000, n * 2000 + 1000] for n in range(count)]
    event = {"type": "recording.heard", "purpose": "quality", "ranges": ranges, "final": False, "why": ""}
    (said,) = in_words(event, {})
    assert said.endswith(f"0:10 to 0:11{more}.")


def test_the_source_makes_the_events_of_the_catalogue_and_no_others() -> None:
    made = {name for path in modules(*ROOMS) for name in types_made(tree_of(path))}
    assert made == CATALOGUE.keys()


@pytest.mark.parametrize(
    "made",
    [
        'Event("call.lost")',
        'Event("call.lost" if lost else "call.found")',
        '_event("call.lost", now)',
        'AS = {State.LOST: "call.lost"}',
    ],
)
def test_a_type_that_is_made_is_seen(made: str) -> None:
    assert "call.lost" in types_made(ast.parse(f"from evidence.events import Event\n{made}"))


def test_a_type_that_is_only_looked_for_is_not_taken_for_one_that_is_made() -> None:
    looked = 'from evidence.events import Event\nfound = event["type"] == "call.lost"'
    assert [*types_made(ast.parse(looked))] == []


def types_made(tree: ast.AST) -> Iterator[str]:
    """Every text that is formed as a type is, in a module that makes events, but for those that are compared with."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "evidence.events")
    if any(alias.name == "Event" for node in imports for alias in node.names):
        compared = {text for node in ast.walk(tree) if isinstance(node, ast.Compare) for text in ast.walk(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in compared:
                yield from re.findall(r"^[a-z]+\.[a-z_]+$", node.value)
