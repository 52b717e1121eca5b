"""The list of calls and the page of a call say the same, whatever becomes of the call."""

from collections.abc import Collection, Mapping
from random import Random

import pytest

from compliance.call_page.no_recording import WhyNone
from compliance.call_page.page import CallPage, call_page
from policies.lifecycle import RecordingState
from policies.listing import ListedAudio
from policies.purposes import NotGranted
from storage.rows.listing import Listed
from tests.faults.premises import ONE_MACHINE, Premises
from tests.faults.test_listing import ACTS, rows, up_to_date

pytestmark = ONE_MACHINE
NOTHING = frozenset({ListedAudio.NONE})
GOING = frozenset({ListedAudio.CONDEMNED})
GONE = frozenset({ListedAudio.DESTROYED})
THERE: Mapping[WhyNone | None, Collection[ListedAudio]] = {
    None: {ListedAudio.KEPT, ListedAudio.IN_DOUBT},
    WhyNone.RUNNING: {ListedAudio.EXPECTED, ListedAudio.IN_DOUBT},
    WhyNone.NOT_FETCHED: {ListedAudio.EXPECTED, ListedAudio.IN_DOUBT},
    WhyNone.NONE_REPORTED: {ListedAudio.EXPECTED},
    WhyNone.NOT_SETTLED: {ListedAudio.KEPT, ListedAudio.IN_DOUBT},
    WhyNone.IN_DOUBT: {ListedAudio.IN_DOUBT},
    WhyNone.GOING: GOING,
    WhyNone.WITHDRAWN_GOING: GOING,
    WhyNone.EXPIRED: GONE,
    WhyNone.DESTROYED: GONE,
    WhyNone.WITHDRAWN: GONE,
    WhyNone.ERASED: GOING | GONE,
}
"""What the list says of the audio where the page says that. Of any other reason it has none, but for a recording
without permit, of which the page's certificate tells."""


def page(premises: Premises, call_id: str) -> CallPage:
    with premises.shop.database.read() as connection:
        found = call_page(connection, call_id, premises.clock.now)
    assert found is not None
    return found


def assert_same(found: CallPage, listed: Listed) -> None:
    assert (found.differs, found.faults) == ((), ())
    facts, made = found.facts, found.recording
    assert (facts.outcome, facts.mode, facts.language, facts.line) == (
        listed.outcome,
        listed.mode,
        listed.language,
        listed.line,
    )
    assert listed.audio in THERE.get(found.why_none, NOTHING | GOING | GONE), (found.why_none, found.recordings)
    if listed.audio in GOING | GONE:
        assert found.certificate is not None
    is_made = made is not None and made.state is not RecordingState.ABSENT
    assert listed.recorded_s == (made.duration_s if is_made and made else None)
    if listed.retain_until is not None:
        assert found.why_heard is not None
        assert listed.retain_until == (
            made.retain_until if made and made.retain_until else found.why_heard.retain_until
        )
        assert not found.is_gone
    if listed.audio is ListedAudio.IN_DOUBT and found.why_heard:
        assert not found.why_heard.can_be_heard
        assert all(isinstance(one.opens, NotGranted) for one in found.why_heard.purposes)


@pytest.mark.parametrize("seed", range(8))
def test_the_list_says_what_the_page_says(premises: Premises, seed: int) -> None:
    chance = Random(seed)
    for _ in range(40):
        chance.choice(ACTS)(premises, chance)
    up_to_date(premises)
    for call_id, listed in rows(premises).items():
        assert_same(page(premises, call_id), listed)
