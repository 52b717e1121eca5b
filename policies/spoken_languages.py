"""The places where our languages are spoken, and so the language of a line that a call begins in."""

from collections.abc import Sequence

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
    """Two-letter codes (ISO 639) of our languages that are spoken in a place; none for an unknown place."""
    return _SPOKEN_IN.get(place, _SPOKEN_IN.get(place.partition("-")[0], frozenset()))


def language_for(place: str, offered: Sequence[str]) -> str:
    """The language for a caller from a place, out of a line's languages in the operator's order.

    The caller's own country's form of a language spoken there; else any form of such a language; else the first
    offered.
    """
    country = place.partition("-")[0]
    fitting = [locale for locale in offered if _language(locale) in languages_spoken_in(place)]
    at_home = [locale for locale in fitting if locale.endswith(f"-{country}")]
    return (*at_home, *fitting, *offered)[0]


def _language(locale: str) -> str:
    return locale.partition("-")[0]
