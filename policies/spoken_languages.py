"""Which of our languages are spoken where, and so in which of a line's languages a call begins."""

from collections.abc import Sequence

from policies.wording_pack import languages

# By language, the places (ISO 3166) where it is official or the main one, and many speak it. A part of a country
# stands here only where it differs from the whole.
_PLACES = {
    "en": """
        US CA CA-NB GB GG IM JE IE AU NZ ZA IN HK MT PH PK SG
        BW CM GH GM KE LR LS MU MW NA NG RW SC SL SS SZ TZ UG ZM ZW
        AG AI BB BM BS BZ DM FK GD GI GY JM KN KY LC MS SH TC TT VC VG
        AS CK FJ FM GU KI MH MP NF NR NU PG PW SB TO TV VI VU WS
    """,
    "es": "AR BO CL CO CR CU DO EC ES GQ GT HN MX NI PA PE PY SV US-PR PR UY VE",
    "fr": """
        FR MC BE CH LU CA CA-NB CA-QC
        BF BI BJ CD CF CG CI CM DJ GA GN KM MG ML MU NE RW SC SN TD TG
        GF GP MQ RE YT BL MF PM NC PF WF HT VU
    """,
    "de": "DE AT LI CH BE LU",
    "pt": "BR PT AO MZ CV GW ST TL",
    "hi": "IN",
}
_SPOKEN_IN = {
    place: frozenset(language for language, there in _PLACES.items() if place in there.split())
    for places in _PLACES.values()
    for place in places.split()
}
# Nearly all of these provinces and territories speak English; of a Canadian number without one, nothing is known.
_SPOKEN_IN |= {
    f"CA-{part}": frozenset({"en"}) for part in ("AB", "BC", "MB", "NL", "NS", "NT", "NU", "ON", "PE", "SK", "YT")
}


def languages_spoken_in(place: str) -> frozenset[str]:
    """Two-letter codes (ISO 639), those of our languages only; of a place that is unknown, none."""
    return _SPOKEN_IN.get(place, _SPOKEN_IN.get(place.partition("-")[0], frozenset()))


def language_for(place: str, offered: Sequence[str]) -> str:
    """The one of a line's locales, in the operator's order, for a caller from `place` (see `place_of`).

    The one of the caller's own country, of a language spoken there; else any of such a language; else the first.
    A language that has no voice in that country is at home there in any of its voices: without an en-CA, a line's
    en-US must not lose to its fr-CA in all of Canada.
    """
    fitting = [locale for locale in offered if _language(locale) in languages_spoken_in(place)]
    at_home = [locale for locale in fitting if _home(locale, place) in (locale, None)]
    return (*at_home, *fitting, *offered)[0]


def _home(locale: str, place: str) -> str | None:
    """The locale of the same language in the country of `place`, if there is such a voice."""
    home = f"{_language(locale)}-{place.partition('-')[0]}"
    return home if home in languages() else None


def _language(locale: str) -> str:
    return locale.partition("-")[0]
