"""The words in which pages name outcomes, states and ways of asking, in the language of the request."""

from collections.abc import Mapping

from console.language import gettext as _


def outcomes() -> Mapping[str, str]:
    return {
        "open": _("not decided yet"),
        "consented": _("agreed by key"),
        "consented_by_staying": _("agreed by staying"),
        "declined": _("declined"),
        "silent": _("said nothing"),
        "unclear": _("unclear answer"),
        "hung_up_in_disclosure": _("hung up while being told"),
        "hung_up_in_choice": _("hung up while being asked"),
        "disclosure_cut_short": _("not told to the end"),
        "disclosure_failed": _("could not be told"),
        "not_asked": _("not asked"),
        "withdrawn": _("withdrawn"),
    }


def audio() -> Mapping[str, str]:
    """The recording of a call as the list has it (`policies.listing.ListedAudio`)."""
    return {
        "none": _("not recorded"),
        "expected": _("being fetched"),
        "kept": _("kept"),
        "in_doubt": _("unclear whose it is"),
        "condemned": _("being destroyed"),
        "destroyed": _("destroyed"),
    }


def modes() -> Mapping[str, str]:
    return {
        "notice": _("told, and staying is agreeing"),
        "opt_out": _("asked, with a key to decline"),
        "opt_in": _("asked, and only a key agrees"),
        "never": _("never recorded"),
        "must_record": _("cannot be served without recording"),
    }


def languages() -> Mapping[str, str]:
    return {
        "en": _("English"),
        "es": _("Spanish"),
        "de": _("German"),
        "fr": _("French"),
        "pt": _("Portuguese"),
        "hi": _("Hindi"),
    }


def language(tag: str) -> str:
    """Such as "Spanish (es-US)"."""
    name = languages().get(tag.partition("-")[0])
    return f"{name} ({tag})" if name else tag


def due(days: int) -> str:
    return _("%(days)s days") % {"days": days}
