"""Connection overrides: what the fragment of a webhook's URL asks of the request, as `#rc=2&rp=ct,5xx`."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urldefrag

from simulator.whole_numbers import whole_number

CEILING_S = 15.0  # Twilio's own, for every request during a call; no override lifts it
FAILURES = frozenset({"ct", "rt", "4xx", "5xx"})


@dataclass(frozen=True)
class Overrides:
    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = CEILING_S
    retries: int = 1
    retry_on: frozenset[str] = frozenset({"ct"})

    @classmethod
    def of(cls, url: str) -> "Overrides":
        """Read the fragment. A value out of its range is brought to the nearest that is allowed."""
        asked = {key: values[-1] for key, values in parse_qs(urldefrag(url).fragment).items()}
        policy = set(asked.get("rp", "ct").split(","))
        return cls(
            connect_s=_number(asked.get("ct", "5000"), 100, 10_000) / 1000,
            read_s=_number(asked.get("rt", "15000"), 100, 15_000) / 1000,
            total_s=_number(asked.get("tt", "15000"), 100, 15_000) / 1000,
            retries=_number(asked.get("rc", "1"), 0, 5),
            retry_on=FAILURES if "all" in policy else frozenset(policy & FAILURES),
        )


def _number(text: str, low: int, high: int) -> int:
    return min(max(whole_number(text, high), low), high)
