"""Events as a test writes them down, for what is drawn from a log without a database."""

from datetime import datetime, timedelta
from typing import Any

from compliance.call_log import Entry
from compliance.call_page.strip import Strip
from compliance.call_page.strip_parts import Span
from tests.conftest import NOON

RECORDING = "r" * 32
Told = tuple[float, str, dict[str, Any]]
"""The second at which an event is logged, its type and its fields."""


def happens(*told: Told, begin: datetime = NOON) -> list[Entry]:
    return [
        Entry(index, begin + timedelta(seconds=second), "", {"type": name, **fields}, {})
        for index, (second, name, fields) in enumerate(told, start=100)
    ]


def drawn(strip: Strip | None) -> list[str]:
    """The strip in lines, its times in seconds."""
    assert strip is not None
    lines = []
    for part in strip.in_order:
        to = f" to {part.to_ms / 1000:g}" if isinstance(part, Span) else ""
        led_to = f"-> {part.led_to}" if isinstance(part, Span) and part.led_to else ""
        number = f"#{part.number}" if part.number else ""
        key = f"[{part.digit}]" if part.digit else ""
        words = (f"{part.from_ms / 1000:g}{to}", part.what, number, key, part.how, led_to)
        lines.append(" ".join(word for word in words if word))
    return lines
