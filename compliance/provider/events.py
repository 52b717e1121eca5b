"""The log's events about the provider: its account of a call, and its list of a day's calls."""

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
    """The questions and answers of Twilio's account, and where our log differs from it.

    The prompt is named as the log names it where its words are the same. `account` is the fetched document, which can
    be erased, and its hash with it.
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
    """Sids of the calls that differ are personal fields, since a sid could be tied to a person."""
    public: dict[str, Value] = {
        "day": day.day.isoformat(),
        "provider_calls": day.provider_calls,
        "logged_calls": day.logged_calls,
        "erased": day.erased,
        "missing": len(day.missing),
        "unknown_to_provider": len(day.unknown),
        "strangers": day.strangers,
    }
    differing = {"missing_ids": list(day.missing), "unknown_ids": list(day.unknown)}
    return Event("reconcile.done", public, {name: sids for name, sids in differing.items() if sids})


def _asked(seen: Sequence[Request], logged: Logged) -> dict[str, Value]:
    disclosed = corroboration.disclosed(seen)
    return {
        "prompt_sha256": logged.prompt_sha256 if disclosed == {logged.disclosure} else None,
        "disclosure_sha256": sorted(_hash(words) for words in disclosed),
        "question_sha256": sorted(_hash(words) for words in corroboration.asked(seen)),
    }


def _hash(words: str) -> str:
    """A recorded prompt is named by its hash already."""
    return words if _SHA256.fullmatch(words) else sha256(words.encode()).hexdigest()
