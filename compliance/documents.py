"""Gathers the record of one call for the standard formats: the vCon and the consent receipt."""

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
    connection: Connection, call: Call, *, disclosed: Collection[str] = (), prover: Prover | None = None
) -> CallRecord:
    """Rules and words are those in force when the call came in. `disclosed`: names of `DISCLOSABLE`. Raises Broken
    where the log of the call, or a text that it names, is not as it was signed.

    Pass a `prover` to gather many calls in one view of the database.
    """
    prover = prover or Prover(connection)
    log = CallLog.read(connection, call.id, prover)
    log.require_sound(call.id)
    received, permitted, ended = (
        log.first(name) for name in ("call.received", "recording.permitted", "call.completed")
    )
    given = permits.permit_of(connection, call.id)
    rulebook, terms = kept_rulebook(connection, call.rules_sha256), Terms.read(call.terms)
    return CallRecord(
        id=call.id,
        received_at=call.received_at,
        line=call.line,
        mode=call.mode,
        language=call.language,
        outcome=call.outcome,
        reason=call.reason,
        basis=_BASES.get(_public(permitted, "basis"), ""),
        decided_at=permitted.at if permitted else call.decided_at,
        caller=_caller(received) if CALLER in disclosed else "",
        business=_business(rulebook, call) if rulebook else None,
        provider=_public(received, "provider"),
        ended_at=call.ended_at,
        status=_public(ended, "status"),
        withdrawn_at=_withdrawn_at(log, call),
        erased_at=call.erased_at,
        is_synthetic=call.synthetic,
        notices=list(_notices(log, kept_wording(connection, call))),
        presses=list(_presses(log)),
        purposes=terms.names,
        **_granted(given, rulebook),
        tapes=[_recorded_audio(log, recording) for recording in recordings.of_call(connection, call.id)],
        proofs=list(_proven(log, prover)),
    )


def _proven(log: CallLog, prover: Prover) -> Iterator[Proven]:
    for entry in log.of(*_RESTS_ON):
        proof = prover.proof(entry.index)
        yield Proven(entry.index, entry.at, entry.type, entry.line, str(proof) if proof else None)


def _public(entry: Entry | None, name: str) -> str:
    return str(entry.public.get(name, "")) if entry else ""


def _caller(received: Entry | None) -> str:
    """Empty where the number was withheld, is no real number, or was erased."""
    address = str(received.private.get("caller", "")) if received else ""
    return address if valid_number(address) or _SIP.fullmatch(address) else ""


def _business(rulebook: Rulebook, call: Call) -> Business:
    line = rulebook.line(call.line)
    places = rulebook.agents_in(line) if line else rulebook.business.jurisdictions
    said = rulebook.business
    return Business(
        said.name, places, said.recorder_jurisdiction, said.address, said.contact, said.stored_in, said.recipients
    )


def _withdrawn_at(log: CallLog, call: Call) -> datetime | None:
    withdrawn = log.first("consent.withdrawn")
    if withdrawn:
        return withdrawn.at
    return call.decided_at if call.outcome == Outcome.WITHDRAWN else None


def _notices(log: CallLog, wording: Wording | None) -> Iterator[Notice]:
    for entry in log.of("disclosure.served"):
        named = Notice(entry.at, entry.public["prompt"], entry.public["prompt_sha256"], entry.public["language"])
        if wording is None or wording.sha256 != named.sha256:
            yield named
        else:
            words = {"disclosure": wording.disclosure, "question": wording.question}
            yield Notice(named.at, named.prompt, named.sha256, named.language, **words)


def _presses(log: CallLog) -> Iterator[KeyPress]:
    for entry in log.of("consent.choice"):
        if entry.public["input"] == "dtmf":
            yield KeyPress(entry.at, entry.public["digit"], entry.public["attempt"], entry.public["answer"])


def _granted(given: Permit | None, rulebook: Rulebook | None) -> dict[str, Any]:
    if given is None:
        return {}
    rule = rulebook.retention.get(given.retention) if rulebook else None
    return {
        "grants": [Grant(granted.purpose, granted.until) for granted in given.purposes],
        "retention": given.retention,
        "keep": str(rule.keep) if rule else "",
        "retain_until": given.retain_until,
    }


def _recorded_audio(log: CallLog, recording: Recording) -> RecordedAudio:
    started, stored = log.about(recording.id, "recording.started"), log.about(recording.id, "recording.stored")
    private = stored.private if stored else {}
    return RecordedAudio(
        id=recording.id,
        state=recording.state,
        is_permitted=recording.permit is not None,
        start=started.at if started else None,
        duration_s=recording.duration_s,
        channels=recording.channels,
        sha256=private.get("audio_sha256", ""),
        sha512=private.get("audio_sha512", ""),
        retain_until=recording.retain_until,
        destroyed_at=recording.destroyed_at,
        destroyed_by=_public(log.about(recording.id, "recording.destroyed"), "rule"),
    )
