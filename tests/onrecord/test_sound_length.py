"""How long the self-test takes a prompt's sound to be."""

import pytest

from onrecord.selftest.checks import sound_length_s
from tests.onrecord.tested_service import SOUND


@pytest.mark.parametrize(("body", "length_s"), [(SOUND, 10), (b"", 0), (b"ID3", 0), (SOUND[:30], 0)])
def test_a_sound_is_as_long_as_its_samples(body: bytes, length_s: float) -> None:
    assert sound_length_s(body) == length_s
