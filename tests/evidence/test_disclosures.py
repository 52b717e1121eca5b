"""Private fields are told as far as their disclosures are left, and never beyond what the event committed to."""

import json
import os
from datetime import UTC, datetime

from evidence.disclosures import opened
from evidence.events import Event, write_leaf

AT = datetime(2026, 11, 22, tzinfo=UTC)
LEAF = write_leaf(
    Event("call.received", {}, {"caller": "anna", "caller_hash": 3}), call="c" * 32, n=0, at=AT, random=os.urandom
)
OTHER = write_leaf(Event("call.received", {}, {"caller": "berta"}), call="c" * 32, n=0, at=AT, random=os.urandom)


def test_what_was_disclosed_is_opened() -> None:
    assert opened(json.loads(LEAF.line), LEAF.disclosures.values()) == {"caller": "anna", "caller_hash": 3}


def test_what_was_erased_is_absent() -> None:
    left = [body for digest, body in LEAF.disclosures.items() if digest != json.loads(LEAF.line)["sd"]["caller"]]
    assert opened(json.loads(LEAF.line), left) == {"caller_hash": 3}
    assert opened({"type": "call.received"}, left) == {}


def test_what_the_event_never_committed_to_is_not_believed() -> None:
    assert opened(json.loads(LEAF.line), OTHER.disclosures.values()) == {}
