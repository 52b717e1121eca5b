"""What calls leave in the consent log: nothing personal that cannot be erased, nothing left out, nothing twice."""

import json
from base64 import urlsafe_b64decode

import pytest
from sqlalchemy import delete, select

from storage.database.tables import disclosure, log_leaf, permit, reply
from storage.log import verification as log_verification
from tests.callflow.conftest import CALLER, Installation
from tests.callflow.whole_calls import call_every_way

CARD = "4111111111111111"


def leaves(installation: Installation) -> list[str]:
    with installation.database.read() as connection:
        return list(connection.scalars(select(log_leaf.c.leaf).order_by(log_leaf.c.idx)))


@pytest.mark.parametrize("caller", [CALLER, "sip:+15125550111@pbx.example", "client:m4rk", "m4rk <+15125550111>"])
def test_no_event_shows_who_called(installation: Installation, caller: str) -> None:
    made = call_every_way(installation.twilio, caller)
    public = "\n".join(leaves(installation))
    for call in made:
        assert call.sid not in public
        assert call.sid[2:] not in public  # a RecordingSid's letters here
        assert call.sid[:1:-1] not in public
    assert not any(secret in public for secret in (caller, CALLER[1:], CALLER[2:], "m4rk", CARD))


def test_every_event_of_a_call_is_numbered_and_its_end_says_how_many_there_were(installation: Installation) -> None:
    for call in call_every_way(installation.twilio, CALLER):
        events = installation.events(call.sid)
        assert [event["n"] for event in events] == list(range(len(events)))
        assert installation.call(call.sid).events == len(events)
        (ended,) = (event for event in events if event["type"] == "call.completed")
        assert ended["events"] == int(str(ended["n"])) + 1
        assert events[0]["type"] == "call.received"


def test_the_log_of_all_calls_verifies(installation: Installation) -> None:
    call_every_way(installation.twilio, CALLER)
    assert log_verification.verify(installation.database.read).size == len(leaves(installation))


def test_erasing_who_called_breaks_no_proof(installation: Installation) -> None:
    (call, *_) = call_every_way(installation.twilio, CALLER)
    erase = delete(disclosure).where(disclosure.c.call_id == installation.call(call.sid).id)
    assert installation.database.write(lambda connection: connection.execute(erase).rowcount) > 0
    log_verification.verify(installation.database.read)


def test_who_called_is_kept_nowhere_but_where_it_can_be_erased(installation: Installation) -> None:
    call_every_way(installation.twilio, CALLER)
    kept = installation.everything()
    assert any(CALLER[1:] in decoded(body) for _, _, body in kept.pop("disclosure"))
    assert CALLER[1:] not in repr(kept)
    assert CARD not in repr(kept)


def decoded(body: object) -> str:
    padded = str(body) + "=" * (-len(str(body)) % 4)
    return urlsafe_b64decode(padded).decode()


def test_the_permission_is_in_the_log_before_the_answer_that_uses_it(installation: Installation) -> None:
    """Each answer that starts a recording was kept in the transaction of its events, and has a permit."""
    made = call_every_way(installation.twilio, CALLER)
    started = {answer.data for _, answer in installation.twilio.sent if b"<Start>" in answer.data}
    assert len(started) == 7
    with installation.database.read() as connection:
        rows = connection.execute(
            select(reply.c.call_id, reply.c.body).join(permit, permit.c.call_id == reply.c.call_id)
        )
        assert started <= {bytes(row.body) for row in rows}
    for call in made[:3]:
        types = installation.event_types(call.sid)
        assert types.index("recording.permitted") < types.index("recording.started")


def test_an_answer_is_told_as_what_was_pressed_and_what_followed(installation: Installation) -> None:
    call = installation.twilio.dial()
    call.presses(call.presses(call.to_the_question(), "5"), "2")
    told = [event for event in installation.events(call.sid) if event["type"] == "consent.choice"]
    shown = [{name: event[name] for name in ("attempt", "digit", "answer", "action")} for event in told]
    assert shown == [
        {"attempt": 1, "digit": "5", "answer": "unrecognized", "action": "ask"},
        {"attempt": 2, "digit": "2", "answer": "declined", "action": "suppress"},
    ]
    assert all(json.dumps(event) for event in told)


def test_the_permission_says_for_what_and_until_when(installation: Installation) -> None:
    call = installation.twilio.dial()
    call.presses(call.to_the_question(), "1")
    (told,) = (event for event in installation.events(call.sid) if event["type"] == "recording.permitted")
    assert told["purposes"] == ["quality"]
    assert told["usable_until"] == {"quality": told["retain_until"]}
