"""Each URL belongs to one call and one step; nothing in it needs spelling or tells who is calling."""

import re
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from callflow.urls import ANSWER_PATH, CALL_PROGRESS_PATH, FALLBACK_PATH, Kind, Urls

BASE = "https://calls.example.org"
CALL, OTHER = "kXz8-_0Ab", "kXz8-_0Ac"
URLS = Urls(BASE, b"k" * 32)

KINDS: list[Kind] = ["choice", "consent", "ended", "whisper", "recording"]
MADE: list[tuple[Kind, str, Callable[[str], str]]] = [
    ("choice", "1", lambda call_id: URLS.choice(call_id, 1)),
    ("choice", "2", lambda call_id: URLS.choice(call_id, 2)),
    ("consent", "1", lambda call_id: URLS.consent(call_id, 1)),
    ("consent", "2", lambda call_id: URLS.consent(call_id, 2)),
    ("ended", "", URLS.ended),
    ("whisper", "recorded", lambda call_id: URLS.whisper(call_id, recorded=True)),
    ("whisper", "unrecorded", lambda call_id: URLS.whisper(call_id, recorded=False)),
    ("recording", "", URLS.recording),
]
NUMBERS_OWN = [URLS.answer(), URLS.fallback(), URLS.call_progress()]


def path_of(url: str) -> str:
    return urlsplit(url).path


def mac_of(url: str) -> str:
    return path_of(url).rsplit("/", 1)[1]


def test_the_paths_are_the_agreed_ones() -> None:
    assert [path_of(make(CALL)).replace(mac_of(make(CALL)), "MAC") for _, _, make in MADE] == [
        f"/voice/choice/{CALL}/1/MAC",
        f"/voice/choice/{CALL}/2/MAC",
        f"/voice/consent/{CALL}/1/MAC",
        f"/voice/consent/{CALL}/2/MAC",
        f"/voice/ended/{CALL}/MAC",
        f"/voice/whisper/{CALL}/recorded/MAC",
        f"/voice/whisper/{CALL}/unrecorded/MAC",
        f"/callbacks/recording/{CALL}/MAC",
    ]
    assert [path_of(url) for url in NUMBERS_OWN] == [ANSWER_PATH, FALLBACK_PATH, CALL_PROGRESS_PATH]


@given(
    st.binary(min_size=1, max_size=80), st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), st.text("0123456789-")
)
def test_a_url_that_an_earlier_version_made_is_good(mac_key: bytes, call_id: str, step: str) -> None:
    signer = Signer(mac_key, salt="onrecord url star", key_derivation="hmac", digest_method=sha256)
    assert Urls(BASE, mac_key).check("star", call_id, step, signer.get_signature(f"{call_id}/{step}").decode())


@pytest.mark.parametrize("number", range(len(MADE)))
def test_a_url_is_good_for_exactly_its_own_purpose_and_step(number: int) -> None:
    made_kind, made_step, make = MADE[number]
    good_for = {
        (kind, step)
        for kind in KINDS
        for step in ("", "0", "1", "2", "01", "recorded", "unrecorded")
        if URLS.check(kind, CALL, step, mac_of(make(CALL)))
    }
    assert good_for == {(made_kind, made_step)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_url_is_good_for_no_other_call_and_under_no_other_key(kind: Kind) -> None:
    for made_kind, step, make in MADE:
        mac = mac_of(make(CALL))
        assert not URLS.check(kind, OTHER, step, mac)
        assert not Urls(BASE, b"K" * 32).check(kind, CALL, step, mac)
        assert URLS.check(kind, CALL, step, mac) == (kind == made_kind)


def test_a_step_cannot_be_shifted_into_the_call_id() -> None:
    assert not URLS.check("consent", f"{CALL}/1", "", mac_of(URLS.consent(CALL, 1)))
    assert not URLS.check("consent", f"{CALL}1", "", mac_of(URLS.consent(CALL, 1)))


@given(position=st.integers(0, 42), letter=st.characters())
def test_one_wrong_character_spoils_a_mac(position: int, letter: str) -> None:
    mac = mac_of(URLS.choice(CALL, 1))
    changed = mac[:position] + letter + mac[position + 1 :]
    assert URLS.check("choice", CALL, "1", changed) == (changed == mac)


@pytest.mark.parametrize("mac", ["", "é", "\ud800", "A" * 1_000_000, "=", mac_of(URLS.choice(CALL, 1)) + "="])
def test_what_is_no_mac_of_ours_is_refused_without_an_exception(mac: str) -> None:
    assert not URLS.check("choice", CALL, "1", mac)


@given(call_id=st.text(max_size=80), step=st.text(max_size=10), mac=st.text(max_size=50))
def test_whatever_stands_in_a_path_is_refused_without_an_exception(call_id: str, step: str, mac: str) -> None:
    assert not URLS.check("consent", call_id, step, mac)


@pytest.mark.parametrize("call_id", ["", "a/b", "a b", "+14155550100", "é", "x" * 65, "a\n", ".."])
def test_no_url_is_made_for_what_cannot_be_our_call_id(call_id: str) -> None:
    for _, _, make in MADE:
        with pytest.raises(ValueError, match="call id"):
            make(call_id)


@given(call_id=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), prompt=st.integers(1, 9))
def test_nothing_in_a_url_has_two_spellings(call_id: str, prompt: int) -> None:
    for url in (URLS.consent(call_id, prompt), URLS.recording(call_id), *NUMBERS_OWN):
        assert re.fullmatch(rf"{BASE}/[A-Za-z0-9/_-]+", url.partition("#")[0])


@pytest.mark.parametrize("url", [*(make(CALL) for _, _, make in MADE), *NUMBERS_OWN], ids=path_of)
def test_the_retries_asked_for_are_ones_twilio_takes(url: str) -> None:
    overrides = dict(pair.split("=") for pair in urlsplit(url).fragment.split("&"))
    assert set(overrides) == {"rc", "rp", "ct", "rt"}
    assert 0 < int(overrides["rc"]) <= 5
    assert set(overrides["rp"].split(",")) <= {"4xx", "5xx", "ct", "rt", "all"}
    assert 100 <= int(overrides["ct"]) <= 10_000
    assert 100 <= int(overrides["rt"]) <= 15_000


def test_a_caller_is_not_left_waiting_by_a_slow_answer() -> None:
    """One attempt leaves the fallback more than half of the 15 seconds Twilio has for a request."""
    overrides = dict(pair.split("=") for pair in urlsplit(URLS.choice(CALL, 1)).fragment.split("&"))
    assert int(overrides["ct"]) + int(overrides["rt"]) <= 7_500
    assert "rt" not in overrides["rp"].split(",")


def test_the_key_is_not_in_the_repr() -> None:
    assert "kkk" not in repr(URLS)
