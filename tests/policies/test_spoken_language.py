import phonenumbers
import pytest

from policies.spoken_languages import language_for, languages_spoken_in
from policies.wording import languages

EVERYWHERE = [*phonenumbers.SUPPORTED_REGIONS, "US-PR", "US-CA", "CA-QC", "CA-NB", "CA-ON", "ZZ", ""]


@pytest.mark.parametrize(
    ("place", "spoken"),
    [
        ("BR", "pt"),
        ("PT", "pt"),
        ("AO", "pt"),
        ("TL", "pt"),
        ("DE", "de"),
        ("LI", "de"),
        ("CH", "de fr"),
        ("BE", "fr de"),
        ("LU", "fr de"),
        ("MC", "fr"),
        ("SN", "fr"),
        ("CM", "en fr"),
        ("CA", "en fr"),
        ("CA-QC", "fr"),
        ("CA-NB", "en fr"),
        ("CA-ON", "en"),
        ("IN", "hi en"),
        ("MX", "es"),
        ("GQ", "es"),
        ("US", "en"),
        ("US-CA", "en"),
        ("US-GU", "en"),
        ("US-PR", "es"),
        ("ZA", "en"),
        ("IE", "en"),
        ("DE-BY", "de"),
        ("JP", ""),
        ("ZZ", ""),
        ("", ""),
    ],
)
def test_a_place_speaks_its_official_or_main_languages(place: str, spoken: str) -> None:
    assert languages_spoken_in(place) == set(spoken.split())


def test_only_places_that_exist_speak_a_language_that_we_have() -> None:
    ours = {locale.partition("-")[0] for locale in languages()}
    assert set().union(*(languages_spoken_in(place) for place in EVERYWHERE)) == ours
    assert all(
        languages_spoken_in(locale.partition("-")[2]) >= {locale[:2]} for locale in languages() if "US" not in locale
    )


@pytest.mark.parametrize(
    ("place", "offered", "language"),
    [
        ("CA-QC", ["en-US", "fr-FR", "fr-CA"], "fr-CA"),
        ("PT", ["en-US", "pt-BR", "pt-PT"], "pt-PT"),
        ("AO", ["en-US", "pt-BR", "pt-PT"], "pt-BR"),
        ("AT", ["de-DE", "de-AT"], "de-AT"),
        ("MX", ["en-US", "es-US"], "es-US"),
        ("MX", ["en-US", "es-ES", "es-MX"], "es-MX"),
        ("US-PR", ["en-US", "es-MX", "es-US"], "es-US"),
        ("US-CA", ["es-US", "en-GB", "en-US"], "en-US"),
        ("US-CA", ["en-US", "es-US"], "en-US"),
        ("IN", ["en-US", "hi-IN"], "hi-IN"),
        ("IN", ["en-IN", "hi-IN"], "en-IN"),
        ("CH", ["fr-FR", "de-DE"], "fr-FR"),
        ("CH", ["de-DE", "fr-FR"], "de-DE"),
        ("DE", ["en-US", "es-US"], "en-US"),
        ("ZZ", ["es-US", "en-US"], "es-US"),
        ("CA-ON", ["fr-CA", "en-US"], "en-US"),
        ("CA-NS", ["fr-CA", "en-US"], "en-US"),
        ("BE", ["en-US", "fr-FR", "de-DE"], "fr-FR"),
        ("BE", ["en-US", "de-DE", "fr-FR"], "de-DE"),
        ("BE", ["de-DE", "fr-BE"], "fr-BE"),
    ],
)
def test_a_caller_gets_a_language_of_their_country_or_the_lines_first(
    place: str, offered: list[str], language: str
) -> None:
    assert language_for(place, offered) == language


@pytest.mark.parametrize("place", EVERYWHERE)
def test_a_caller_always_gets_one_of_the_lines_languages(place: str) -> None:
    for offered in (languages(), languages()[::-1]):
        chosen = language_for(place, offered)
        assert chosen in offered
        assert chosen[:2] in languages_spoken_in(place) or (chosen == offered[0] and not languages_spoken_in(place))
