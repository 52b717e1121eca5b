"""What is known of one call, gathered for those who keep it in formats of others: the vCon and the consent receipt."""

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from compliance.call_log import CallLog, Entry
from compliance.disclosable import CALLER
from evidence.call_record import Basis, Business, CallRecord, Grant, KeyPress, Notice, Proven, RecordedAudio
from policies.consent import Outcome
from policies.jurisdiction.places import valid_number
from policies.rules import Rulebook
from policies.wording import Wording
from storage.log.proofs import Prover
from storage.rows import permits, recordings
from storage.rows.calls import Call
from storage.rows.permits import Permit
from storage.rows.recordings import Recording
from storage.rows.rules_in_force import kept_rulebook, kept_wording
from storage.rows.terms import Terms

_RESTS_ON = (
    "disclosure.served",
    "disclosure.completed",
    "consent.choice",
    "recording.permitted",
    "recording.suppressed",
    "call.refused",
    "call.completed",
    "consent.withdrawn",
    "privacy.erased",
)
_BASES: dict[str, Basis] = {"express": "express", "implied": "implied"}
_SIP = re.compile(r"sips?:\S+")


def gather(
    connection: Connection, known: Call, *, disclosed: Collection[str] = (), prover: Prover | None = None
) -> CallRecord:
    """The rules and words are those that the call came in under. `disclosed`: names of `DISCLOSABLE`. Raises Broken
    where the log of the call, or what it names, is not as it was signed.

    `prover` is for whoever gathers many calls, in one view of the database.
    """
    prover = prover or Prover(connection)
    log = CallLog.read(connection, known.id, prover)
    log.require_sound(known.id)
    received, permitted, ended = (
        log.first(name) for name in ("call.received", "recording.permitted", "call.completed")
    )
    given = permits.permit_of(connection, known.id)
    rulebook, terms = kept_rulebook(connection, known.rules_sha256), Terms.read(known.terms)
    return CallRecord(
        id=known.id,
        received_at=known.received_at,
        line=known.line,
        mode=known.mode,
        language=known.language,
        outcome=known.outcome,
        reason=known.reason,
        basis=_BASES.get(_public(permitted, "basis"), ""),
        decided_at=permitted.at if permitted else known.decided_at,
        caller=_caller(received) if CALLER in disclosed else "",
        business=_business(rulebook, known) if rulebook else None,
        provider=_public(received, "provider"),
        ended_at=known.ended_at,
        status=_public(ended, "status"),
        withdrawn_at=_withdrawn_at(log, known),
        erased_at=known.erased_at,
        is_synthetic=known.synthetic,
        notices=list(_notices(log, kept_wording(connection, known))),
        presses=list(_presses(log)),
        purposes=terms.names,
        **_granted(given, rulebook),
        tapes=[_tape(log, one) for one in recordings.of_call(connection, known.id)],
        proofs=list(_proven(log, prover)),
    )


def _proven(log: CallLog, prover: Prover) -> Iterator[Proven]:
    for one in log.of(*_RESTS_ON):
        proof = prover.proof(one.index)
        yield Proven(one.index, one.at, one.type, one.line, str(proof) if proof else None)


def _public(entry: Entry | None, name: str) -> str:
    return str(entry.public.get(name, "")) if entry else ""


def _caller(received: Entry | None) -> str:
    """Empty for what was withheld, disguised as a number, or erased."""
    address = str(received.private.get("caller", "")) if received else ""
    return address if valid_number(address) or _SIP.fullmatch(address) else ""


def _business(rulebook: Rulebook, known: Call) -> Business:
    line = rulebook.line(known.line)
    places = rulebook.agents_in(line) if line else rulebook.business.jurisdictions
    return Business(rulebook.business.name, places, rulebook.business.recorder_jurisdiction)


def _withdrawn_at(log: CallLog, known: Call) -> datetime | None:
    withdrawn = log.first("consent.withdrawn")
    if withdrawn:
        return withdrawn.at
    return known.decided_at if known.outcome == Outcome.WITHDRAWN else None


def _notices(log: CallLog, wording: Wording | None) -> Iterator[Notice]:
    for one in log.of("disclosure.served"):
        named = Notice(one.at, one.public["prompt"], one.public["prompt_sha256"], one.public["language"])
        if wording is None or wording.sha256 != named.sha256:
            yield named
        else:
            words = {"disclosure": wording.disclosure, "question": wording.question}
            yield Notice(named.at, named.prompt, named.sha256, named.language, **words)


def _presses(log: CallLog) -> Iterator[KeyPress]:
    for one in log.of("consent.choice"):
        if one.public["input"] == "dtmf":
            yield KeyPress(one.at, one.public["digit"], one.public["attempt"], one.public["answer"])


def _granted(given: Permit | None, rulebook: Rulebook | None) -> dict[str, Any]:
    if given is None:
        return {}
    rule = rulebook.retention.get(given.retention) if rulebook else None
    return {
        "grants": [Grant(one.purpose, one.until) for one in given.purposes],
        "retention": given.retention,
        "keep": str(rule.keep) if rule else "",
        "retain_until": given.retain_until,
    }


def _tape(log: CallLog, one: Recording) -> RecordedAudio:
    started, stored = log.about(one.id, "recording.started"), log.about(one.id, "recording.stored")
    private = stored.private if stored else {}
    return RecordedAudio(
        id=one.id,
        state=one.state,
        is_permitted=one.permit is not None,
        start=started.at if started else None,
        duration_s=one.duration_s,
        channels=one.channels,
        sha256=private.get("audio_sha256", ""),
        sha512=private.get("audio_sha512", ""),
        retain_until=one.retain_until,
        destroyed_at=one.destroyed_at,
        destroyed_by=_public(log.about(one.id, "recording.destroyed"), "rule"),
    )
