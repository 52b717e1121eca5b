"""The copies of calls that Twilio keeps, looked for and deleted on the simulator's hosts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from outbound.twilio_client import Account
from outbound.twilio_provider import TwilioProvider
from policies.copies import ACCOUNT_WIDE, CopyKind
from simulator.server import Server
from storage.errors import Refused, Unavailable
from storage.provider import CopiesSeen, CopyDeletion, ProviderCopy, Sight
from tests.simulator.hosts import make, recorded, shown, switch
from tests.simulator.office import ACCOUNT, TOKEN, Office

BEFORE = datetime(2000, 1, 1, tzinfo=UTC)
EACH_KIND = pytest.mark.parametrize("kind", CopyKind)


@pytest.fixture
def office() -> Iterator[Office]:
    office = Office()
    with Server(office.exchange):
        yield office


@pytest.fixture
def twilio(office: Office) -> TwilioProvider:
    account = Account(ACCOUNT, ACCOUNT, TOKEN, office.exchange.config.api_url)
    return TwilioProvider(account, pause=office.clock.sleep)


def a_copy(office: Office, kind: CopyKind) -> ProviderCopy:
    """A copy of a new recording, or of its call, as it is to be found."""
    recording = recorded(office)
    if kind is CopyKind.CONVERSATION:
        return ProviderCopy(kind, make(office, kind=kind, call_sid=recording.call_sid), call_sid=recording.call_sid)
    sid = make(office, kind=kind, recording_sid=recording.sid)
    return ProviderCopy(kind, f"{recording.sid}/{sid}" if kind is CopyKind.ADD_ON_RESULT else sid, recording.sid)


def of_kind(found: tuple[CopiesSeen, ...], kind: CopyKind) -> CopiesSeen:
    (seen,) = [seen for seen in found if seen.kind is kind]
    return seen


def look(twilio: TwilioProvider, copy: ProviderCopy) -> CopiesSeen:
    return of_kind(twilio.copies_of(copy.recording_sid, copy.call_sid), copy.kind)


@EACH_KIND
def test_a_copy_is_found_by_its_own_recording_or_call_alone(
    office: Office, twilio: TwilioProvider, kind: CopyKind
) -> None:
    copy, other = a_copy(office, kind), recorded(office)
    assert look(twilio, copy) == CopiesSeen(kind, Sight.SEEN, (copy,))
    found = twilio.copies_of(other.sid, other.call_sid)
    assert [seen.kind for seen in found] == list(CopyKind)
    assert {(seen.sight, seen.copies) for seen in found} == {(Sight.SEEN, ())}
    assert {seen.copies for seen in twilio.copies_of("", "")} == {()}


@EACH_KIND
def test_a_copy_that_was_deleted_is_gone_and_stays_gone(office: Office, twilio: TwilioProvider, kind: CopyKind) -> None:
    switch(office, batch_delete=True)
    copy, other = a_copy(office, kind), a_copy(office, kind)
    for _ in range(2):
        assert twilio.delete_copy(copy) == CopyDeletion(True)
    assert look(twilio, copy).copies == ()
    assert look(twilio, other).copies == (other,)


def test_a_transcript_is_found_by_the_call_that_it_was_made_of(office: Office, twilio: TwilioProvider) -> None:
    call_sid = recorded(office).call_sid
    name = make(office, kind="transcript", call_sid=call_sid)
    copy = ProviderCopy(CopyKind.TRANSCRIPT, name, call_sid=call_sid)
    assert look(twilio, copy).copies == (copy,)
    assert twilio.copies_since(CopyKind.TRANSCRIPT, BEFORE).copies == (copy,)


@pytest.mark.parametrize("kind", ACCOUNT_WIDE)
def test_the_lists_of_the_account_name_the_recording_or_the_call(
    office: Office, twilio: TwilioProvider, kind: CopyKind
) -> None:
    first, last = a_copy(office, kind), a_copy(office, kind)
    assert twilio.copies_since(kind, BEFORE) == CopiesSeen(kind, Sight.SEEN, (last, first))
    assert twilio.copies_since(kind, office.clock.now() + timedelta(days=1)).copies == ()
    assert twilio.copies_since(kind, office.clock.now() - timedelta(seconds=1)).copies == (last,)


def test_results_of_add_ons_have_no_list_for_the_whole_account(twilio: TwilioProvider) -> None:
    with pytest.raises(Refused, match="add-ons"):
        twilio.copies_since(CopyKind.ADD_ON_RESULT, BEFORE)


@EACH_KIND
def test_a_refusal_to_look_is_no_sight_and_a_missing_service_is_one(
    office: Office, twilio: TwilioProvider, kind: CopyKind
) -> None:
    copy = a_copy(office, kind)
    for answer, sight, words in (
        (403, Sight.FORBIDDEN, "403"),
        ("no_service", Sight.NO_SERVICE, "20403"),
        (405, Sight.FORBIDDEN, "405"),
    ):
        switch(office, refuses={kind: {"list": answer}})
        seen = look(twilio, copy)
        assert (seen.sight, seen.copies) == (sight, ())
        assert words in seen.answer
    switch(office, refuses={kind: {"list": 503}})
    with pytest.raises(Unavailable):
        look(twilio, copy)


def test_a_list_that_is_not_there_is_no_missing_service(office: Office, twilio: TwilioProvider) -> None:
    """404 with the code of any missing resource says nothing about the account's services."""
    copy = a_copy(office, CopyKind.TRANSCRIPT)
    switch(office, refuses={"transcript": {"list": 404}})
    assert look(twilio, copy).sight is Sight.FORBIDDEN


@pytest.mark.parametrize("status", [403, 404, 405])
@EACH_KIND
def test_a_refused_deletion_is_a_value_and_the_copy_remains(
    office: Office, twilio: TwilioProvider, kind: CopyKind, status: int
) -> None:
    switch(office, batch_delete=True, refuses={kind: {"delete": status}})
    copy = a_copy(office, kind)
    deletion = twilio.delete_copy(copy)
    assert not deletion.is_gone
    assert str(status) in deletion.answer
    assert look(twilio, copy).copies == (copy,)
    by_a_person(office, copy)
    assert twilio.delete_copy(copy) == CopyDeletion(True)


def by_a_person(office: Office, copy: ProviderCopy) -> None:
    """Deleted on Twilio's own pages."""
    text = office.exchange.texts.find(copy.kind, copy.name.rpartition("/")[2])
    assert text is not None
    office.exchange.texts.delete(text)


@EACH_KIND
def test_a_deletion_whose_answer_is_lost_is_seen_at_the_next_try(
    office: Office, twilio: TwilioProvider, kind: CopyKind
) -> None:
    switch(office, batch_delete=True, refuses={kind: {"delete": "lost"}})
    copy = a_copy(office, kind)
    with pytest.raises(Unavailable):
        twilio.delete_copy(copy)
    office.exchange.settle()
    assert twilio.delete_copy(copy) == CopyDeletion(True)


def test_a_deletion_that_takes_long_is_to_be_tried_again(office: Office, twilio: TwilioProvider) -> None:
    switch(office, operation_s=3600.0)
    copy = a_copy(office, CopyKind.CONVERSATION)
    with pytest.raises(Unavailable, match="under way"):
        twilio.delete_copy(copy)
    assert look(twilio, copy).copies == (copy,)


def test_an_operation_that_fails_is_a_refusal(office: Office, twilio: TwilioProvider) -> None:
    switch(office, refuses={"conversation": {"delete": "fails"}})
    deletion = twilio.delete_copy(a_copy(office, CopyKind.CONVERSATION))
    assert not deletion.is_gone
    assert "failed" in deletion.answer


def test_parts_of_a_conversation_are_copies_and_come_before_it(office: Office, twilio: TwilioProvider) -> None:
    switch(office, capture_rules=[{}], memory_extraction=True, operator_results=True)
    call_sid = recorded(office).call_sid
    *parts, conversation = of_kind(twilio.copies_of("", call_sid), CopyKind.CONVERSATION).copies
    assert "/" not in conversation.name
    assert len(parts) == 3
    for part in parts:
        assert twilio.delete_copy(part).is_gone
        assert twilio.delete_copy(part).is_gone
    assert {row["kind"] for row in shown(office) if not row["deleted"]} == {"conversation"}


def test_parts_that_cannot_be_looked_for_leave_the_conversation_found(office: Office, twilio: TwilioProvider) -> None:
    switch(office, capture_rules=[{}], memory_extraction=True, refuses={"conversation_summary": {"list": 403}})
    seen = of_kind(twilio.copies_of("", recorded(office).call_sid), CopyKind.CONVERSATION)
    assert seen.sight is Sight.FORBIDDEN
    assert [copy.name for copy in seen.copies if "/" not in copy.name]


def test_the_media_of_a_transcript_must_go_with_it(office: Office, twilio: TwilioProvider) -> None:
    copy = a_copy(office, CopyKind.TRANSCRIPT)
    switch(office, refuses={"transcript_media": {"get": 403}})
    deletion = twilio.delete_copy(copy)
    assert (deletion.is_gone, "media" in deletion.answer) == (False, True)


@pytest.mark.parametrize("sids", [("RE1", ""), ("", "CA1"), ("CA" + "0" * 32, ""), ("../x", "")])
def test_only_sids_become_part_of_a_url(twilio: TwilioProvider, sids: tuple[str, str]) -> None:
    with pytest.raises(Refused):
        twilio.copies_of(*sids)
