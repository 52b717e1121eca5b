"""What of a call is erased, what stays, and what is waited for."""

from dataclasses import replace
from itertools import product

import pytest

from policies.erasure import Standing, goes, is_basis, obstacle
from policies.lifecycle import RecordingState

AT_REST = Standing(has_ended=True, is_asked_about=False, recordings=(), holds=())


@pytest.mark.parametrize("basis", ["gdpr-17", "ccpa-1798.105", "lgpd-18", "request", "uk-gdpr-17", "pipl-47"])
def test_a_law_and_its_article_is_a_basis(basis: str) -> None:
    assert is_basis(basis)


@pytest.mark.parametrize(
    "basis",
    [
        "",
        "GDPR-17",
        "gdpr 17",
        "gdpr-15125550111",
        "x-1512.5550",
        "art-1.2.3",
        "a-b-c-d-e",
        "gdpr-17\n",
        "+15125550111",
    ],
)
def test_what_could_name_somebody_is_no_basis(basis: str) -> None:
    assert not is_basis(basis)


@pytest.mark.parametrize(
    "field", ["caller", "callee", "provider_call_id", "audio_sha256", "object", "declined_on_call"]
)
def test_what_is_about_the_caller_goes(field: str) -> None:
    assert goes(field)


@pytest.mark.parametrize("field", ["actor", "approver", "requester", "ticket", "reason"])
def test_who_of_the_staff_did_what_and_why_stays(field: str) -> None:
    assert not goes(field)


def test_a_call_at_rest_can_be_erased() -> None:
    quiet = (RecordingState.KEPT, RecordingState.ABSENT, RecordingState.DESTROYED)
    assert obstacle(Standing(True, False, quiet, ()), again=False) == ""


def test_of_all_that_can_stand_in_the_way_each_does() -> None:
    """One of them is enough; and of a call that is erased again only a hold is."""
    for ended, asked, state, holds in product([True, False], [True, False], RecordingState, [(), (3, 4)]):
        standing = Standing(ended, asked, (RecordingState.KEPT, state), holds)
        moves = state not in {RecordingState.KEPT, RecordingState.ABSENT, RecordingState.DESTROYED}
        assert bool(obstacle(standing, again=False)) is (not ended or asked or moves or bool(holds))
        assert bool(obstacle(standing, again=True)) is bool(holds)


def test_a_hold_is_named_by_its_number() -> None:
    assert obstacle(Standing(False, True, (), (3, 4)), again=False) == "a legal hold keeps it (3, 4)"


def test_a_text_that_is_still_at_twilio_makes_the_call_wait() -> None:
    """Afterwards nobody could find it any more."""
    assert obstacle(replace(AT_REST, copies=1), again=False).startswith("a text of it is still at Twilio")
    assert obstacle(replace(AT_REST, copies=1), again=True) == ""
