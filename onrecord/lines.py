"""Tells Twilio the URLs of the lines."""

from collections.abc import Iterator

from callflow.urls import FALLBACK_PATH, Urls
from onrecord.installation import Installation
from onrecord.twilio_account import provider


def sync_lines(installation: Installation, *, fallback: str | None = None) -> Iterator[str]:
    """Set the URLs of every line at Twilio. `fallback` is a document elsewhere, with {number} for the line's."""
    twilio = provider(installation.settings)
    urls = Urls(installation.settings.public_base_url, installation.keys.url_mac_key)
    known = {number.e164: number.fallback_url for number in twilio.numbers()}
    for line in installation.rulebook.lines:
        elsewhere = _elsewhere(fallback, line.number, known.get(line.number, ""))
        twilio.configure_number(
            line.number,
            voice_url=urls.answer(),
            fallback_url=elsewhere or urls.fallback(),
            fallback_method="GET" if elsewhere else "POST",  # hosts of static files take no POST
            status_callback=urls.call_progress(),
        )
        worst_day = elsewhere or "here too: see `onrecord lines fallback`"
        yield f"{line.number}: its calls come to {installation.settings.public_base_url}; on the worst day, {worst_day}"


def _elsewhere(fallback: str | None, number: str, present: str) -> str:
    """The URL of the document to fall back to: the given one, or the one elsewhere that is set at Twilio already."""
    if fallback is not None:
        return fallback.replace("{number}", number.removeprefix("+"))
    return "" if present.partition("#")[0].endswith(FALLBACK_PATH) else present
