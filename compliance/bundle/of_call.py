"""A selected call in a bundle, beside its events: its vCon, its receipt, the provider's account, and disclosures.

All of it is read in one view, so that an erasure meanwhile leaves all of it or nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from compliance.bundle.request import Request
from compliance.call_log import CallLog
from compliance.disclosable import DISCLOSABLE
from compliance.documents import gather
from evidence.receipt import receipt
from evidence.vcon import unsigned
from storage.database.engine import Views
from storage.database.tables import disclosure
from storage.errors import Broken
from storage.log.proofs import Prover
from storage.rows import calls, provider_accounts


@dataclass(frozen=True, slots=True)
class OfCall:
    """`files` by name; `bodies` are all disclosures that are left, by digest, whether they are to be shown or not."""

    call_id: str
    files: Mapping[str, bytes]
    bodies: Mapping[str, str]


def of_call(views: Views, request: Request, call_id: str, prover: Prover, now: datetime) -> OfCall:
    """The provider's account is among the files where it is disclosed and its hash is among the proven events: it may
    have come in since those were signed. Raises Broken where the call is not as it was logged.
    """
    with views() as connection:
        prover = prover.within(connection)
        call = calls.peek(connection, call_id)
        if call is None:
            raise Broken(f"call {call_id}: there is no such row")
        record = gather(connection, call, disclosed=request.disclosing(DISCLOSABLE), prover=prover)
        account = _account(connection, call_id, prover) if request.disclosing(["response_sha256"]) else None
        rows = connection.execute(_BODIES.where(disclosure.c.call_id == call_id)).all()
    found = {
        f"derived/{call_id}.vcon.json": _json(unsigned(record, now)),
        f"derived/{call_id}.receipt.jsonld": _json(receipt(record, now)),
    }
    if account:
        found[f"provider/{call_id}.json"] = account
    return OfCall(call_id, found, {row.digest: row.body for row in rows})


_BODIES = select(disclosure.c.digest, disclosure.c.body)


def _account(connection: Connection, call_id: str, prover: Prover) -> bytes | None:
    corroborations = CallLog.read(connection, call_id, prover).of("provider.corroborated")
    is_proven = any(prover.proof(entry.index) and "response_sha256" in entry.private for entry in corroborations)
    return provider_accounts.account_of(connection, call_id) if is_proven else None


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
