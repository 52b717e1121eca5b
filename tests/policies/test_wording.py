import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest

from policies.consent import Mode
from policies.wording import (
    NoWording,
    Wording,
    hashed_texts,
    languages,
    menu_line,
    native_review_of,
    nearest,
    purposes_in,
    spoken_length_s,
    variant_of,
    wording_for,
)
from policies.wording_pack import KEYS_OF, LANGUAGES, texts_of

NOT_SPOKEN = {
    "id",
    "version",
    "language",
    "voice",
    "mode",
    "variant",
    "disclosure_audio",
    "question_audio",
    "disclosure_length_ms",
    "sha256",
    "approved_by",
    "approved_on",
}
SPOKEN = [name for name in Wording.__dataclass_fields__ if name not in NOT_SPOKEN]
VARIANTS = list(KEYS_OF)
BUSINESS = "Acme & Söhne"

# How each variant comes about: the mode, whether silence is consent, whether the number declined before.
ARISES: dict[str, tuple[Mode, bool, bool]] = {
    "notice": (Mode.NOTICE, False, False),
    "opt_out": (Mode.OPT_OUT, False, False),
    "opt_out_by_staying": (Mode.OPT_OUT, True, False),
    "opt_in": (Mode.OPT_IN, False, False),
    "never": (Mode.NEVER, False, False),
    "must_record": (Mode.MUST_RECORD, False, False),
    "remembered": (Mode.OPT_IN, False, True),
}

AGREES_BY_STAYING = {
    "en": "By staying on the line you agree to be recorded",
    "es": "Si permanece en la línea, acepta la grabación",
    "fr": "En restant en ligne, vous acceptez l'enregistrement",
    "de": "Wenn Sie dranbleiben, stimmen Sie der Aufzeichnung zu",
    "pt": "Ao continuar na linha, você aceita a gravação|Ao manter-se em linha, aceita a gravação",
    "hi": "लाइन पर बने रहकर आप सहमति देते हैं",
}
STAYING_COUNTS = {
    "en": "Staying on the line counts as a yes",
    "es": "Permanecer en la línea cuenta como un sí",
    "fr": "Rester en ligne compte comme un oui",
    "de": "Wenn Sie dranbleiben, gilt das als Ja",
    "pt": "(Continuar na linha|Manter-se em linha) conta como um sim",
    "hi": "लाइन पर बने रहना हाँ माना जाएगा",
}
HANG_UP = {
    "en": "If you do not agree, please hang up",
    "es": "Si no está de acuerdo, cuelgue",
    "fr": "Si vous n'êtes pas d'accord, raccrochez",
    "de": "Wenn Sie nicht einverstanden sind, legen Sie bitte jetzt auf",
    "pt": "Se não concordar, desligue",
    "hi": "सहमत नहीं हैं, तो अभी फ़ोन रख दें",
}
STAY = {
    "en": "stay on the line",
    "es": "permanezca en la línea",
    "fr": "restez (simplement )?en ligne",
    "de": "bleiben Sie (bitte|einfach) dran",
    "pt": "continue na linha|mantenha-se (apenas )?em linha",
    "hi": "लाइन पर बने रहें",
}
HEAR_AGAIN = {
    "en": "9 to hear this again|To hear this again, press 9",
    "es": "9 para oír esto otra vez|Para oír esto otra vez, marque 9",
    "fr": "9 pour réécouter|Pour réécouter, appuyez sur 9",
    "de": "die 9 zum Wiederholen|Zum Wiederholen drücken Sie die 9",
    "pt": "9 para ouvir de novo|Para ouvir de novo, (digite|prima) 9",
    "hi": "दोबारा सुनने के लिए 9 दबाएँ",
}
PRESSING_NOTHING = {
    "en": "If you press nothing, we do not record",
    "es": "Si no marca nada, no grabamos",
    "fr": "Si vous n'appuyez sur rien, nous n'enregistrons pas",
    "de": "Wenn Sie nichts drücken, zeichnen wir nicht auf",
    "pt": "Se não (digitar|premir) nada, não gravamos",
    "hi": "कुछ न दबाने पर हम रिकॉर्ड नहीं करेंगे",
}
NOT_RECORDED = {
    "en": "is not (being )?recorded",
    "es": "no se (está graba|graba)",
    "fr": "n'est pas enregistré",
    "de": "wird (dieses Gespräch )?nicht aufgezeichnet",
    "pt": "não (é|está sendo|está a ser) gravada",
    "hi": "रिकॉर्ड नहीं (हो रही है|होगी)",
}
WITHOUT_RECORDING = {
    "en": "without recording|to go on without|2 for no|same service",
    "es": "sin grabación|2 para no|la misma",
    "fr": "sans enregistrement|2 pour non|le même",
    "de": "ohne Aufzeichnung|2 für Nein|bleibt gleich",
    "pt": "sem gravação|2 para não|o mesmo",
    "hi": "बिना रिकॉर्डिंग|नहीं के लिए 2|एक जैसी",
}
FOR_THE_NUMBER = {
    "en": "asked before not to record calls from your number",
    "es": "se nos pidió no grabar las llamadas de su número",
    "fr": "demandé de ne pas enregistrer les appels de votre numéro",
    "de": "gebeten, Anrufe von Ihrer Nummer nicht aufzuzeichnen",
    "pt": "nos pediram para não gravar as (ligações|chamadas) do seu número",
    "hi": "आपके नंबर से रिकॉर्डिंग मना की गई थी",
}
CALLED_WITH = {
    "en": f"calling {BUSINESS}",
    "es": f"llamar a {BUSINESS}",
    "fr": f"appeler {BUSINESS}",
    "de": f"Anruf bei {BUSINESS}",
    "pt": f"ligar para {BUSINESS}",
    "hi": f"{BUSINESS} को कॉल करने",
}

every_text = pytest.mark.parametrize(("variant", "language"), [(v, locale) for v in VARIANTS for locale in languages()])
every_language = pytest.mark.parametrize("language", languages())


def of_variant(variant: str, language: str = "en-US", purposes: tuple[str, ...] = ("quality",)) -> Wording:
    mode, silence_is_consent, remembered = ARISES[variant]
    return wording_for(mode, language, BUSINESS, purposes, silence_is_consent=silence_is_consent, remembered=remembered)


def said_in(phrases: dict[str, str], language: str, text: str) -> bool:
    return re.search(phrases[language[:2]], text) is not None


@every_text
def test_every_text_is_there_and_complete(variant: str, language: str) -> None:
    spoken = of_variant(variant, language)
    assert (spoken.variant, spoken.language) == (variant, language)
    for name in SPOKEN:
        text = asdict(spoken)[name]
        assert text or (name == "question" and not KEYS_OF[variant])
        assert not set("{}<>\n") & set(text)
        assert text == " ".join(text.split())
        assert text == unicodedata.normalize("NFC", text)
        assert not text or text[-1] in ".?।"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_one_language_was_left_in_another(language: str) -> None:
    here, english = (of_variant("opt_in", locale) for locale in (nearest(language), "en-US"))
    same = [name for name in SPOKEN if asdict(here)[name] == asdict(english)[name]]
    assert same == (SPOKEN if language == "en" else [])


@every_text
def test_each_variant_says_something_of_its_own(variant: str, language: str) -> None:
    texts = [of_variant(other, language) for other in VARIANTS]
    assert [text.variant for text in texts if text.disclosure == of_variant(variant, language).disclosure] == [variant]


@every_text
def test_the_disclosure_says_who_and_why(variant: str, language: str) -> None:
    purposes = purposes_in(language)
    disclosure = of_variant(variant, language, purposes).disclosure
    assert said_in(CALLED_WITH, language, disclosure)
    for purpose in purposes:
        assert (spoken_purpose(purpose, language) in disclosure) == (variant != "never")


def spoken_purpose(purpose: str, language: str) -> str:
    """What tells a notice for one purpose from a notice for another."""
    others = [of_variant("notice", language, (other,)).disclosure for other in purposes_in(language)]
    text = of_variant("notice", language, (purpose,)).disclosure
    start = len(common_start(others))
    end = len(common_start([other[::-1] for other in others]))
    assert len(text[start:-end]) >= 10
    return text[start:-end]


def common_start(texts: list[str]) -> str:
    first, last = min(texts), max(texts)
    return first[: next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]


@every_language
def test_a_notice_says_that_staying_is_consent_and_how_not_to(language: str) -> None:
    notice = of_variant("notice", language)
    assert said_in(AGREES_BY_STAYING, language, notice.disclosure)
    assert said_in(HANG_UP, language, notice.disclosure)
    assert notice.question == ""


@every_text
def test_only_where_staying_is_consent_does_the_disclosure_say_that_it_counts(variant: str, language: str) -> None:
    disclosure = of_variant(variant, language).disclosure
    assert said_in(AGREES_BY_STAYING, language, disclosure) == (variant == "notice")
    assert said_in(STAYING_COUNTS, language, disclosure) == (variant == "opt_out_by_staying")


@every_text
def test_only_where_staying_decides_is_the_caller_told_to_stay(variant: str, language: str) -> None:
    question = of_variant(variant, language).question
    assert said_in(STAY, language, question) == (variant in {"opt_out_by_staying", "remembered"})


@every_text
def test_only_an_opt_out_in_which_silence_is_no_consent_says_so(variant: str, language: str) -> None:
    assert said_in(PRESSING_NOTHING, language, of_variant(variant, language).question) == (variant == "opt_out")


@every_text
def test_a_question_names_its_keys_and_no_other(variant: str, language: str) -> None:
    question = of_variant(variant, language).question
    assert re.findall(r"\d", question) == sorted(KEYS_OF[variant])
    assert said_in(HEAR_AGAIN, language, question) == bool(question)


@every_text
def test_a_disclosure_names_no_keys_because_none_is_heard_yet(variant: str, language: str) -> None:
    assert not re.search(r"\d", of_variant(variant, language).disclosure)


@every_language
def test_where_calls_must_be_recorded_nothing_offers_to_go_on_without(language: str) -> None:
    offered = of_variant("opt_in", language)
    assert said_in(WITHOUT_RECORDING, language, f"{offered.disclosure} {offered.question}")
    must = of_variant("must_record", language)
    for text in (must.disclosure, must.question, must.refused_end_call, must.refused_other_channel):
        assert not said_in(WITHOUT_RECORDING, language, text)
        assert not said_in(NOT_RECORDED, language, text)


@every_text
def test_only_what_is_not_recorded_says_so_before_the_answer(variant: str, language: str) -> None:
    unrecorded = variant in {"never", "remembered"}
    assert said_in(NOT_RECORDED, language, of_variant(variant, language).disclosure) == unrecorded


@every_language
def test_a_caller_who_declined_before_hears_that_it_is_remembered_for_the_number(language: str) -> None:
    assert said_in(FOR_THE_NUMBER, language, of_variant("remembered", language).disclosure)


@every_language
def test_an_unrecorded_call_is_told_so_and_so_is_its_agent(language: str) -> None:
    said = of_variant("opt_in", language)
    for text in (said.not_recorded, said.declined, said.whisper_not_recorded):
        assert said_in(NOT_RECORDED, language, text)
    for text in (said.recorded_tag, said.whisper_recorded):
        assert not said_in(NOT_RECORDED, language, text)


@pytest.mark.parametrize("silence_is_consent", [False, True])
@pytest.mark.parametrize("mode", [Mode.NEVER, Mode.MUST_RECORD])
def test_where_there_is_no_choice_an_earlier_no_is_not_offered_to_be_taken_back(
    mode: Mode, silence_is_consent: bool
) -> None:
    assert variant_of(mode, silence_is_consent=silence_is_consent, remembered=True) == mode.value


@pytest.mark.parametrize("silence_is_consent", [False, True])
@pytest.mark.parametrize("mode", [Mode.NOTICE, Mode.OPT_OUT, Mode.OPT_IN])
def test_an_earlier_no_is_remembered_whatever_else_would_be_asked(mode: Mode, silence_is_consent: bool) -> None:
    assert variant_of(mode, silence_is_consent=silence_is_consent, remembered=True) == "remembered"


@pytest.mark.parametrize("mode", Mode)
def test_only_an_opt_out_is_worded_otherwise_where_silence_is_consent(mode: Mode) -> None:
    by_staying = variant_of(mode, silence_is_consent=True, remembered=False)
    assert by_staying == ("opt_out_by_staying" if mode is Mode.OPT_OUT else mode.value)
    assert variant_of(mode, silence_is_consent=False, remembered=False) == mode.value


@every_text
def test_a_caller_is_told_within_15_seconds_and_asked_within_12(variant: str, language: str) -> None:
    for purpose in purposes_in(language):
        spoken = of_variant(variant, language, (purpose,))
        assert spoken_length_s(spoken.disclosure) <= 15
        assert spoken_length_s(spoken.question) <= 12


@every_text
def test_the_length_of_the_disclosure_is_that_of_its_words(variant: str, language: str) -> None:
    spoken = of_variant(variant, language)
    assert spoken.disclosure_length_ms == len(spoken.disclosure.split()) * 400


def test_every_language_says_the_same_purposes() -> None:
    purposes = ("quality", "training", "proof", "transcription")
    assert {purposes_in(language) for language in languages()} == {purposes}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_locale_of_a_language_speaks_with_its_own_voice(language: str) -> None:
    voices = [of_variant("opt_in", locale).voice for locale in languages() if locale[:2] == language]
    assert voices
    assert len(set(voices)) == len(voices)


def test_portugal_says_it_in_its_own_way_and_in_no_brazilian_words() -> None:
    brazil, portugal = (
        {text for variant in VARIANTS for text in spoken_texts(of_variant(variant, locale))}
        for locale in ("pt-BR", "pt-PT")
    )
    words = re.compile(r"\b(você|ligaç|digit|equipe|contato)", re.IGNORECASE)
    assert [text for text in portugal if words.search(text)] == []
    assert len([text for text in brazil if words.search(text)]) > 10


def spoken_texts(wording: Wording) -> Iterator[str]:
    yield from (asdict(wording)[name] for name in SPOKEN)


@pytest.mark.parametrize(
    ("language", "review"),
    [
        ("en-GB", "no"),
        ("es-MX", "advised"),
        ("fr", "advised"),
        ("de", "advised"),
        ("pt-PT", "advised"),
        ("hi", "needed"),
    ],
)
def test_a_language_says_whether_a_native_speaker_must_review_it(language: str, review: str) -> None:
    assert native_review_of(language) == review


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en-AU", "For English, press 3."),
        ("es-ES", "Para español, marque 3."),
        ("fr-CA", "Pour le français, appuyez sur 3."),
        ("de-AT", "Für Deutsch drücken Sie die 3."),
        ("pt-BR", "Para português, digite 3."),
        ("pt-PT", "Para português, prima 3."),
        ("hi-IN", "हिंदी के लिए 3 दबाएँ।"),
    ],
)
def test_a_language_is_offered_in_that_language(language: str, line: str) -> None:
    assert menu_line(language, "3") == line


def test_purposes_are_listed_as_people_speak() -> None:
    three = of_variant("notice", "en-US", ("training", "quality", "proof")).disclosure
    assert "for training our staff, checking and improving our service and keeping proof of what we agree." in three
    spanish = of_variant("notice", "es-ES", ("training", "transcription")).disclosure
    assert "para formar a nuestro personal y convertir la grabación en texto." in spanish


@pytest.mark.parametrize("purposes", [[], ["sales"], ["quality", "sales"]])
def test_a_purpose_that_cannot_be_said_is_refused(purposes: list[str]) -> None:
    with pytest.raises(NoWording, match="no wording"):
        wording_for(Mode.OPT_IN, "en-US", "B", purposes)


@pytest.mark.parametrize(
    ("language", "locale"),
    [
        ("es-AR", "es-US"),
        ("es", "es-US"),
        ("en-CA", "en-US"),
        ("en-GB", "en-GB"),
        ("fr-CH", "fr-FR"),
        ("pt-AO", "pt-BR"),
    ],
)
def test_an_unknown_locale_gets_the_nearest_of_its_language(language: str, locale: str) -> None:
    assert nearest(language) == locale
    assert of_variant("opt_in", language).language == locale


@pytest.mark.parametrize("language", ["nl-NL", "", "e", "EN-us", "../en", "english"])
def test_a_language_without_texts_is_refused(language: str) -> None:
    for asked in (lambda: of_variant("opt_in", language), lambda: native_review_of(language)):
        with pytest.raises(NoWording, match="no wording"):
            asked()


def test_braces_in_a_business_name_are_only_characters() -> None:
    name = "{purposes} {0} {business.x} %s"
    assert name in wording_for(Mode.NOTICE, "en-US", name, ["quality"]).disclosure


def test_the_hash_changes_with_the_language_and_with_all_that_is_spoken() -> None:
    hashes = {
        wording_for(mode, language, business, purposes, silence_is_consent=silence, remembered=remembered).sha256
        for mode, silence, remembered in ARISES.values()
        for language in languages()
        for business in ("A", "B")
        for purposes in (["quality"], ["proof"])
    }
    with_purposes, without = len(VARIANTS) - 1, 1
    assert len(hashes) == (with_purposes * 2 + without) * len(languages()) * 2


def test_anyone_can_compute_the_hash_from_what_was_said() -> None:
    said = asdict(of_variant("opt_in", "es-MX"))
    hashed = {name: said[name] for name in ["language", "voice", "disclosure_audio", "question_audio", *SPOKEN]}
    text = json.dumps(hashed, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert said["sha256"] == hashlib.sha256(text.encode()).hexdigest()


def test_150_words_take_a_minute() -> None:
    assert spoken_length_s("word " * 150) == pytest.approx(60)
    assert spoken_length_s("") == 0


@pytest.mark.parametrize("language", ["en-US", "es-US", "hi-IN"])
def test_what_the_hash_is_of_can_be_handed_out_and_hashed_again(language: str) -> None:
    spoken = of_variant("opt_in", language)
    assert hashlib.sha256(hashed_texts(asdict(spoken))).hexdigest() == spoken.sha256
    approved = replace(spoken, approved_by="Counsel", approved_on="2026-11-01")
    assert hashed_texts(asdict(approved)) == hashed_texts(asdict(spoken))


@every_text
def test_the_star_key_is_named_where_it_is_heard_and_nothing_else_changes(variant: str, language: str) -> None:
    mode, silence_is_consent, remembered = ARISES[variant]
    plain = of_variant(variant, language)
    keyed = wording_for(
        mode,
        language,
        BUSINESS,
        ("quality",),
        silence_is_consent=silence_is_consent,
        remembered=remembered,
        withdrawal_key=True,
    )
    said = texts_of(language).withdrawal_key
    if variant == "never":
        assert keyed == plain
        return
    assert keyed.disclosure == f"{plain.disclosure} {said.disclosure}"
    assert keyed.sha256 != plain.sha256
    assert keyed.disclosure_length_ms > plain.disclosure_length_ms
    assert any(name in said.disclosure.casefold() for name in said.named)


@every_language
def test_the_menu_after_a_star_names_the_key_that_withdraws_and_no_other(language: str) -> None:
    said = texts_of(language).withdrawal_key
    menus = {said.menu(keeps=keeps, ends_call=ends_call) for keeps in (False, True) for ends_call in (False, True)}
    assert len(menus) == 4
    assert all(re.findall(r"\d+", menu) == ["1"] for menu in menus)
    assert said.done(keeps=True) != said.done(keeps=False)


@pytest.mark.parametrize("language", [locale for locale in languages() if not locale.startswith("en")])
def test_no_text_about_the_star_key_is_left_in_english(language: str) -> None:
    here, english = (asdict(texts_of(locale).withdrawal_key) for locale in (language, "en-US"))
    assert [name for name in here if here[name] == english[name]] == []
