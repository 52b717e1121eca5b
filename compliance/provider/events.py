"""What the log tells of the provider: what it saw of a call, and which calls it lists."""

import re
from collections.abc import Sequence
from hashlib import sha256

from evidence.events import Event, Value
from policies import corroboration
from policies.corroboration import Differs, Logged, Request
from policies.day_comparison import DayCompared

SOURCE = "twilio call events"
_SHA256 = re.compile(r"[0-9a-f]{64}")


def corroborated(
    seen: Sequence[Request],
    logged: Logged,
    differs: Sequence[Differs],
    *,
    requests: int,
    recordings_at_provider: int,
    account: bytes,
) -> Event:
    """What Twilio says was asked and answered, and in which of it our log says something else.

    The prompt is named as the log names it where its words are the same. `account` is what was fetched, and can be
    erased, and with it the hash of it.
    """
    public: dict[str, Value] = {
        "source": SOURCE,
        "match": not differs,
        "differs": [str(name) for name in differs],
        "asked": _asked(seen, logged),
        "answered": [
            {"attempt": prompt, "input": "none" if key.is_silent else "dtmf", "digit": key.digit}
            for prompt, key in corroboration.answered(seen).items()
        ],
        "recording": corroboration.starts_recording(seen),
        "requests": requests,
        "recordings_at_provider": recordings_at_provider,
    }
    return Event("provider.corroborated", public, {"response_sha256": sha256(account).hexdigest()})


def not_corroborated(reason: str) -> Event:
    return Event("provider.corroborated", {"source": SOURCE, "match": None, "differs": [], "reason": reason})


def reconciled(day: DayCompared) -> Event:
    """A sid could be tied to a person, so which calls differ can be erased."""
    public: dict[str, Value] = {
        "day": day.day.isoformat(),
        "provider_calls": day.provider_calls,
        "logged_calls": day.logged_calls,
        "erased": day.erased,
        "missing": len(day.missing),
        "unknown_to_provider": len(day.unknown),
    }
    differing = {"missing_ids": list(day.missing), "unknown_ids": list(day.unknown)}
    return Event("reconcile.done", public, {name: sids for name, sids in differing.items() if sids})


def _asked(seen: Sequence[Request], logged: Logged) -> dict[str, Value]:
    heard = corroboration.disclosed(seen)
    return {
        "prompt_sha256": logged.prompt_sha256 if heard == {logged.disclosure} else None,
        "disclosure_sha256": sorted(_hash(words) for words in heard),
        "question_sha256": sorted(_hash(words) for words in corroboration.asked(seen)),
    }


def _hash(words: str) -> str:
    """A recorded prompt is told by its own hash already."""
    return words if _SHA256.fullmatch(words) else sha256(words.encode()).hexdigest()
