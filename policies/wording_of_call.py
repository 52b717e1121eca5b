"""The words and the language of a call, from its line, its rulebook and the mode of consent."""

from policies.consent import Mode
from policies.rules import Line, Rulebook
from policies.ruling import Ruling
from policies.spoken_languages import language_for
from policies.wording import Wording, wording_for


def language_of(line: Line, places: tuple[str, ...]) -> str:
    """The line's first language, or its language that is spoken where the caller's number belongs."""
    return line.languages[0] if line.language_by == "line" else language_for(places[0], line.languages)


def wording_of(rulebook: Rulebook, line: Line, ruling: Ruling, language: str) -> Wording:
    standard = ruling.standard
    return words(
        rulebook,
        line,
        standard.mode,
        language,
        ruling.purposes,
        silence_is_consent=standard.silence_is_consent,
        remembered=standard.remembers_decline,
    )


def words(
    rulebook: Rulebook,
    line: Line,
    mode: Mode,
    language: str,
    purposes: tuple[str, ...],
    *,
    silence_is_consent: bool,
    remembered: bool,
) -> Wording:
    """The wording on a line under a rulebook. Where consent covers nothing, nothing is asked and no purpose named."""
    return wording_for(
        mode,
        language,
        rulebook.business.name,
        purposes or line.purposes,
        silence_is_consent=silence_is_consent,
        remembered=remembered,
        own=rulebook.wordings,
        approved=rulebook.approvals,
        line=line.number,
        withdrawal_key=line.withdrawal_key,
    )
