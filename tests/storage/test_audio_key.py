from dataclasses import FrozenInstanceError
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.audio.audio_key import AudioKey, checked_prefix
from storage.errors import Refused

ID = "0123456789abcdef" * 2
KEY = AudioKey("quality-90d", date(2026, 1, 2), ID, "master.wav.sealed")
TEXT = f"rec/quality-90d/2026/01/02/{ID}/master.wav.sealed"


def test_a_key_reads_as_it_is_laid_out() -> None:
    assert str(KEY) == TEXT
    assert KEY.folder == f"rec/quality-90d/2026/01/02/{ID}/"
    assert str(KEY.sibling("peaks.bin.sealed")) == f"{KEY.folder}peaks.bin.sealed"


def test_a_key_parses_back_to_itself() -> None:
    assert AudioKey.parse(TEXT) == KEY
    assert AudioKey.read(TEXT) == KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        TEXT + "/",
        "/" + TEXT,
        TEXT.replace("rec/", "REC/"),
        TEXT.replace("quality", "Quality"),
        TEXT.replace("2026/01/02", "2026/1/2"),
        TEXT.replace("2026/01/02", "2026/02/30"),
        TEXT.replace("2026", "+226"),
        TEXT.replace("2026", "٢٠٢٦"),
        TEXT.replace(ID, ID.upper()),
        TEXT.replace(ID, ID[1:]),
        TEXT.replace(ID, ".."),
        TEXT.replace("master.wav.sealed", ".."),
        TEXT.replace("master.wav.sealed", ".hidden"),
        TEXT.replace("master.wav.sealed", "a..b"),
        TEXT.replace("master.wav.sealed", "a" * 65),
        TEXT.replace("master.wav.sealed", "a/b"),
        TEXT.replace("master.wav.sealed", "a\\b"),
        TEXT.replace("master.wav.sealed", "a\x00b"),
        TEXT + "\n",
        TEXT.replace("rec/", "rec//"),
        "../" + TEXT,
        TEXT.replace("rec/", "rec/../"),
    ],
)
def test_a_hostile_or_odd_key_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        AudioKey.parse(text)
    assert AudioKey.read(text) is None


@given(st.text(alphabet="./\\-_aZ0\x00\n ٣é", max_size=12))
def test_whatever_name_is_accepted_stays_in_its_folder(name: str) -> None:
    try:
        key = KEY.sibling(name)
    except Refused:
        return
    assert "/" not in name
    assert not name.startswith(".")
    assert AudioKey.parse(str(key)) == key


@pytest.mark.parametrize("prefix", ["", "rec/", "rec/quality", "rec/quality-90d/2026/01/", KEY.folder, TEXT])
def test_the_beginning_of_a_key_is_a_prefix(prefix: str) -> None:
    assert checked_prefix(prefix) == prefix


@pytest.mark.parametrize(
    "prefix", ["/", "..", "rec/..", "rec/../x", "rec//", "~", "rec/\x00", "rec\n", "Rec/", "a" * 5000 + "!"]
)
def test_what_no_key_begins_with_is_no_prefix(prefix: str) -> None:
    with pytest.raises(Refused):
        checked_prefix(prefix)


def test_a_key_cannot_be_changed_after_it_was_checked() -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(KEY, "name", "../../etc/passwd")  # noqa: B010 - mypy would not let the mistake be written
