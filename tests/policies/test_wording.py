import hashlib
import json
import re
from dataclasses import asdict

import pytest

from policies.consent import Mode
from policies.wording import (
    NoWording,
    Wording,
    language_for,
    languages,
    nearest,
    purposes_in,
    spoken_length_s,
    wording_for,
)

ASKING = [Mode.OPT_OUT, Mode.OPT_IN, Mode.MUST_RECORD]
NOT_SPOKEN = {"id", "version", "language", "voice", "mode", "sha256"}
SPOKEN = [name for name in Wording.__dataclass_fields__ if name not in NOT_SPOKEN]

AGREES_BY_STAYING = {"en": "By staying on the line you agree", "es": "Si permanece en la línea, acepta"}
HANG_UP = {"en": "If you do not agree, please hang up", "es": "Si no está de acuerdo, cuelgue"}
STAYING = {"en": "stay on the line", "es": "permanezca en la línea"}
HEAR_AGAIN = {"en": "9 to hear this again|To hear this again, press 9", "es": "9 para oír esto otra vez|marque 9"}


def wording(mode: Mode = Mode.OPT_IN, language: str = "en-US", *, silence_is_consent: bool = False) -> Wording:
    return wording_for(mode, language, "Acme & Söhne", ["quality"], silence_is_consent=silence_is_consent)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("silence_is_consent", [False, True])
def test_every_text_is_there_and_complete(mode: Mode, language: str, silence_is_consent: bool) -> None:
    said = asdict(wording(mode, language, silence_is_consent=silence_is_consent))
    for name in SPOKEN:
        assert said[name] or (name == "question" and mode not in ASKING)
        assert not set("{}<>\n") & set(said[name])
        assert said[name] == said[name].strip()


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("mode", Mode)
def test_the_disclosure_says_who_and_why(mode: Mode, language: str) -> None:
    purposes = purposes_in(language)
    disclosure = wording_for(mode, language, "Acme & Söhne", purposes).disclosure
    assert "Acme & Söhne" in disclosure
    if mode is not Mode.NEVER:
        for purpose in purposes:
            assert spoken_purpose(purpose, language) in disclosure


def spoken_purpose(purpose: str, language: str) -> str:
    """What a purpose adds to the shortest text that names one."""
    with_one = wording_for(Mode.NOTICE, language, "B", [purpose]).disclosure
    found = re.search(r"(?:recorded for|graba para) (.*?)\. ", with_one)
    assert found
    return found[1]


@pytest.mark.parametrize("language", languages())
def test_a_notice_says_that_staying_is_consent_and_how_not_to(language: str) -> None:
    notice = wording(Mode.NOTICE, language)
    assert AGREES_BY_STAYING[language[:2]] in notice.disclosure
    assert HANG_UP[language[:2]] in notice.disclosure
    assert notice.question == ""


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("mode", ASKING)
@pytest.mark.parametrize("silence_is_consent", [False, True])
def test_a_question_names_all_its_keys(mode: Mode, language: str, silence_is_consent: bool) -> None:
    question = wording(mode, language, silence_is_consent=silence_is_consent).question
    assert set(re.findall(r"\d", question)) == {"1", "2", "9"}
    assert re.search(HEAR_AGAIN[language[:2]], question)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("mode", Mode)
def test_a_disclosure_names_no_keys_because_none_is_heard_yet(mode: Mode, language: str) -> None:
    assert not re.search(r"\d", wording(mode, language).disclosure)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("silence_is_consent", [False, True])
def test_only_where_silence_counts_is_the_caller_told_to_stay(
    mode: Mode, language: str, silence_is_consent: bool
) -> None:
    question = wording(mode, language, silence_is_consent=silence_is_consent).question
    assert (STAYING[language[:2]] in question) == (mode is Mode.OPT_OUT and silence_is_consent)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("mode", Mode)
def test_a_caller_is_told_within_15_seconds_and_asked_within_12(mode: Mode, language: str) -> None:
    for silence_is_consent in (False, True):
        spoken = wording(mode, language, silence_is_consent=silence_is_consent)
        assert spoken_length_s(spoken.disclosure) <= 15
        assert spoken_length_s(spoken.question) <= 12


def test_every_language_says_the_same_purposes() -> None:
    assert {purposes_in(language) for language in languages()} == {("quality", "training", "proof")}


def test_each_locale_speaks_with_its_own_voice() -> None:
    assert len({wording(language=language).voice for language in languages()}) == len(languages())


def test_purposes_are_listed_as_people_speak() -> None:
    three = wording_for(Mode.NOTICE, "en-US", "B", ["training", "quality", "proof"]).disclosure
    assert "for training our staff, checking and improving our service and keeping proof of what we agree." in three
    assert "formar a nuestro personal y guardar prueba" in (
        wording_for(Mode.NOTICE, "es-ES", "B", ["training", "proof"]).disclosure
    )


@pytest.mark.parametrize("purposes", [[], ["sales"], ["quality", "sales"]])
def test_a_purpose_that_cannot_be_said_is_refused(purposes: list[str]) -> None:
    with pytest.raises(NoWording, match="no wording"):
        wording_for(Mode.OPT_IN, "en-US", "B", purposes)


@pytest.mark.parametrize(
    ("language", "locale"), [("es-AR", "es-US"), ("es", "es-US"), ("en-AU", "en-US"), ("en-GB", "en-GB")]
)
def test_an_unknown_locale_gets_the_nearest_of_its_language(language: str, locale: str) -> None:
    assert nearest(language) == locale
    assert wording(language=language).language == locale


@pytest.mark.parametrize("language", ["fr-FR", "", "e", "EN-us"])
def test_a_language_without_texts_is_refused(language: str) -> None:
    with pytest.raises(NoWording, match="no wording"):
        wording(language=language)


@pytest.mark.parametrize(
    ("wanted", "language"),
    [("es-US", "es-US"), ("es-MX", "es-US"), ("en-GB", "en-US"), ("fr-FR", "en-US"), (None, "en-US"), ("", "en-US")],
)
def test_a_caller_gets_the_lines_nearest_language_or_its_first(wanted: str | None, language: str) -> None:
    assert language_for(wanted, ["en-US", "es-US"]) == language


def test_braces_in_a_business_name_are_only_characters() -> None:
    name = "{purposes} {0} {business.x} %s"
    assert name in wording_for(Mode.NOTICE, "en-US", name, ["quality"]).disclosure


def test_the_hash_changes_with_the_language_and_with_all_that_is_spoken() -> None:
    hashes = {
        wording_for(mode, language, business, purposes, silence_is_consent=silent).sha256
        for mode in (Mode.NOTICE, Mode.OPT_OUT)
        for language in languages()
        for business in ("A", "B")
        for purposes in (["quality"], ["proof"])
        for silent in (False, True)
    }
    assert len(hashes) == (1 + 2) * len(languages()) * 2 * 2


def test_anyone_can_compute_the_hash_from_what_was_said() -> None:
    said = asdict(wording(language="es-MX"))
    hashed = {name: said[name] for name in ["language", "voice", *SPOKEN]}
    text = json.dumps(hashed, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert wording(language="es-MX").sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_150_words_take_a_minute() -> None:
    assert spoken_length_s("word " * 150) == pytest.approx(60)
    assert spoken_length_s("") == 0
