"""Whatever somebody with the database changes: no bundle and no document is made of it that its reader would have to
refuse, and `log verify` says what was changed.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, insert, select, text, update

from compliance.anchors.verify import held_checkpoints
from compliance.bundle.selection import Selection
from compliance.call_log import CallLog
from compliance.documents import gather
from compliance.explain_call import explain_call
from evidence.events import Event, digest_of
from evidence.merkle import leaf_hash
from onrecord.commands.log_text import tell_log_of
from storage.database.engine import Database
from storage.database.schema import migrate
from storage.database.tables import (
    disclosure,
    law_version,
    log_anchor,
    log_checkpoint,
    log_leaf,
    log_node,
    provider_account,
    rulebook_version,
    wording_version,
)
from storage.errors import Broken, Refused
from storage.log.verification import Verified, verify
from storage.moment import Moment
from storage.rows import calls, provider_accounts
from storage.rows.calls import Call
from tests.compliance.signed_log import disarm
from tests.compliance.test_bundle_export import Office, checked, make_office, with_three_calls, write

Change = Callable[[Connection, Call], object]
TABLES = ("log_leaf", "log_node", "log_checkpoint", "log_anchor")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Database.open(f"sqlite:///{tmp_path}/onrecord.db")
    migrate(opened)
    office = with_three_calls(make_office(opened, tmp_path))
    call, now = office.installation.call(office.sids[0]), office.installation.twilio.clock.now

    def told(connection: Connection) -> None:
        provider_accounts.keep(connection, call.id, b"[]", now, recording_asked_at=None)
        said = Event("provider.corroborated", {"match": True}, {"response_sha256": sha256(b"[]").hexdigest()})
        calls.append_events(connection, Moment(now, os.urandom), call, said)

    opened.write(told)
    office.anchoring.sign()
    office.anchoring.anchor_in_file()
    yield office
    opened.close()


@dataclass(frozen=True)
class Leaf:
    idx: int
    leaf: str


def leaf_of(connection: Connection, call: Call, kind: str) -> Leaf:
    query = select(log_leaf.c.idx, log_leaf.c.leaf).where(log_leaf.c.call_id == call.id)
    return next(Leaf(*row) for row in connection.execute(query) if f'"type":"{kind}"' in row.leaf)


def changes_leaf(kind: str, old: str, new: str, *, rehash: bool = False) -> Change:
    def change(connection: Connection, call: Call) -> None:
        found = leaf_of(connection, call, kind)
        changed = found.leaf.replace(old, new)
        assert changed != found.leaf
        values: dict[str, object] = {"leaf": changed}
        if rehash:
            values["hash"] = leaf_hash(changed.encode())
        connection.execute(update(log_leaf).where(log_leaf.c.idx == found.idx).values(values))

    return change


def loses_leaf(kind: str) -> Change:
    return lambda connection, call: connection.execute(
        delete(log_leaf).where(log_leaf.c.idx == leaf_of(connection, call, kind).idx)
    )


def of_another_call(connection: Connection, call: Call) -> None:
    """An event of a call that is not asked for: the tree over all of them is another one then."""
    row = connection.execute(select(log_leaf.c.idx, log_leaf.c.leaf).where(log_leaf.c.call_id != call.id)).first()
    assert row
    changed = row.leaf.replace('"v":1', '"v":2')
    values = {"leaf": changed, "hash": leaf_hash(changed.encode())}
    connection.execute(update(log_leaf).where(log_leaf.c.idx == row.idx).values(values))


def digest_in(connection: Connection, call: Call, kind: str, name: str) -> str:
    return str(json.loads(leaf_of(connection, call, kind).leaf)["sd"][name])


def alters_disclosure(connection: Connection, call: Call) -> None:
    body = disclosure.c.digest == digest_in(connection, call, "call.received", "caller")
    connection.execute(update(disclosure).where(body).values(body="WyJ4IiwiY2FsbGVyIiwiKzE1MTI1NTUwMTk5Il0"))


def adds_disclosure(connection: Connection, call: Call) -> None:
    body = "WyJ4IiwiY2FsbGVyIiwiKzE1MTI1NTUwMTk5Il0"
    connection.execute(insert(disclosure), {"digest": digest_of(body), "call_id": call.id, "body": body})


def puts_back_what_was_erased(connection: Connection, call: Call) -> None:
    told = Event("privacy.erased", {"basis": "gdpr-17", "fields": ["caller"], "disclosures": 1, "recordings": 0})
    calls.append_events(connection, Moment(call.received_at, os.urandom), call, told)


def text_of(table: object, old: str, new: str) -> Change:
    def change(connection: Connection, _: Call) -> None:
        for row in connection.execute(select(table.c.sha256, table.c.text)).all():  # type: ignore[attr-defined]  # any table
            values = {"text": row.text.replace(old, new)}
            connection.execute(update(table).where(table.c.sha256 == row.sha256).values(values))  # type: ignore[arg-type, attr-defined]  # any table

    return change


def node(connection: Connection, _: Call) -> None:
    connection.execute(update(log_node).where(log_node.c.lvl == 1, log_node.c.n == 0).values(hash=b"\x05" * 32))


CHANGES: dict[str, Change] = {
    "a key": changes_leaf("consent.choice", '"digit":"9"', '"digit":"1"'),
    "a key, and its hash": changes_leaf("consent.choice", '"digit":"9"', '"digit":"1"', rehash=True),
    "a time": changes_leaf("recording.permitted", '"ts":"2026', '"ts":"2025', rehash=True),
    "no event": changes_leaf("call.received", "{", "", rehash=True),
    "another call's event": of_another_call,
    "a lost event": loses_leaf("consent.choice"),
    "a lost end": loses_leaf("provider.corroborated"),
    "a caller": alters_disclosure,
    "a caller that no event has": adds_disclosure,
    "a caller that was erased": puts_back_what_was_erased,
    "words": text_of(wording_version, "Thank you", "No thanks"),
    "an approval": text_of(wording_version, '"approved_by": ""', '"approved_by": "counsel"'),
    "no words": text_of(wording_version, "{", ""),
    "lost words": lambda connection, _: connection.execute(delete(wording_version)),
    "rules": text_of(rulebook_version, "quality", "training"),
    "lost rules": lambda connection, _: connection.execute(delete(rulebook_version)),
    "law": text_of(law_version, "all", "one"),
    "what the provider said": lambda connection, _: connection.execute(
        update(provider_account).values(body=b'["nothing"]')
    ),
    "a checkpoint": lambda connection, _: connection.execute(
        update(log_checkpoint).values(
            note=text("replace(note, char(10) || size || char(10), char(10) || '1' || char(10))")
        )
    ),
    "a kept hash": node,
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_log_says_what_was_changed(office: Office, name: str) -> None:
    change(office, CHANGES[name])
    with pytest.raises(Broken):
        look(office)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("whole", [True, False])
def test_no_bundle_is_made_that_its_reader_would_refuse(office: Office, tmp_path: Path, name: str, whole: bool) -> None:
    right = bundle(office, whole)
    assert right
    change(office, CHANGES[name])
    with suppress(Broken, Refused):
        files = bundle(office, whole)
        lines = checked(write(files, tmp_path / "bundle"), office.vkey)
        before = checked(write(right, tmp_path / "right"), office.vkey)
        assert events_of_calls(lines) == events_of_calls(before)


@pytest.mark.parametrize("name", CHANGES)
def test_no_document_is_written_of_what_does_not_hold(office: Office, name: str) -> None:
    """Where a document is written all the same, it says what it would have said before."""
    sid = office.sids[0]
    with office.installation.database.read() as connection:
        before = gather(connection, office.installation.call(sid), disclosed=["caller"])
    change(office, CHANGES[name])
    with suppress(Broken), office.installation.database.read() as connection:
        after = gather(connection, office.installation.call(sid), disclosed=["caller"])
        assert (after.caller, after.presses) == (before.caller, before.presses)
        assert name == "lost words" or after.notices == before.notices  # lost ones are missing, and none stand for them
    with suppress(Broken), office.installation.database.read() as connection:
        explain_call(connection, office.installation.call(sid))
        assert name not in {"words", "rules", "no words", "no event"}  # the law is the program's own


@pytest.mark.parametrize(
    "name", ["a key", "a key, and its hash", "a caller", "a caller that was erased", "a lost event"]
)
def test_whoever_looks_at_a_call_is_told_what_of_it_does_not_hold(office: Office, name: str) -> None:
    change(office, CHANGES[name])
    with office.installation.database.read() as connection:
        known = office.installation.call(office.sids[0])
        assert CallLog.read(connection, known.id).faults
        assert any(line.startswith("WARNING: ") for line in tell_log_of(connection, known))


def test_a_line_of_the_anchor_file_that_is_kept_otherwise_goes_into_no_bundle(office: Office) -> None:
    def other(connection: Connection, _: Call) -> None:
        connection.execute(
            update(log_anchor).values(receipt=b'{"at": "2020-01-01T00:00:00+00:00", "checkpoint": "x"}\n')
        )

    change(office, other)
    with pytest.raises(Broken, match="is not for that checkpoint as it is kept: one of them was altered"):
        bundle(office, whole=False)


def test_what_was_changed_stays_unseen_by_nobody_where_nothing_was(office: Office, tmp_path: Path) -> None:
    """The control: the same questions to a log that nobody has touched."""
    for whole in (True, False):
        assert checked(write(bundle(office, whole), tmp_path / str(whole)), office.vkey)
    with office.installation.database.read() as connection:
        known = office.installation.call(office.sids[0])
        assert verify(office.installation.database.read).warnings == ()
        assert not CallLog.read(connection, known.id).faults
        assert gather(connection, known)
        assert explain_call(connection, known)


def look(office: Office) -> Verified:
    """As `log verify` does."""
    views = office.installation.database.read
    return verify(views, held_checkpoints(views, office.anchoring.file))


def change(office: Office, how: Change) -> None:
    call = office.installation.call(office.sids[0])

    def write(connection: Connection) -> None:
        disarm(connection, *TABLES)
        how(connection, call)

    office.installation.database.write(write)


def bundle(office: Office, whole: bool) -> dict[str, bytes]:
    selection = Selection() if whole else Selection((office.sids[0],))
    return office.export(selection, "all")


def events_of_calls(lines: list[str]) -> list[str]:
    return [line for line in lines if line[0].isdigit() and "call=" in line and "privacy.erased" not in line]
