import pytest

from policies.wording import language_spoken_in


@pytest.mark.parametrize(
    ("place", "language"), [("MX", "es"), ("US-PR", "es"), ("US-CA", None), ("US", None), ("ZZ", None), ("DE", None)]
)
def test_only_a_place_where_most_speak_it_offers_spanish(place: str, language: str | None) -> None:
    assert language_spoken_in(place) == language
