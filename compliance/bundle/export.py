"""`onrecord log export`: a bundle of events that an outsider can check without us, written as a folder or a zip."""

import json
import os
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection

from compliance.anchors.anchor import Anchoring
from compliance.bundle.gather import Gathering, Request
from compliance.bundle.selection import calls_of
from compliance.call_log import CallLog
from compliance.disclosable import DISCLOSABLE
from compliance.documents import gather
from evidence.bundle import files_of
from evidence.events import Event, Value, timestamp
from evidence.notes import Signer
from evidence.receipt import receipt
from evidence.soundness import Unsound
from evidence.vcon import unsigned
from storage.database.engine import Database
from storage.disk import create_private, disk_edge
from storage.errors import Broken, Refused
from storage.log import consent_log
from storage.log.proofs import Prover
from storage.moment import Moment
from storage.rows import calls, provider_accounts

Files = Callable[[Connection, int], Mapping[str, bytes]]
"""Further files for a bundle, from the database and the number of events that were signed."""


def export(
    anchoring: Anchoring,
    request: Request,
    number_key: bytes,
    *,
    complain: Callable[[str], object] = lambda _: None,
    files: Files = lambda _connection, _size: {},
) -> dict[str, bytes]:
    """The files of the bundle by name. The log records the export first, so the bundle's checkpoint covers it.

    The bundle is made even without the witness's signature: it says so then, and `complain` is called.

    Raises Refused where no call was selected, or a checkpoint that was brought is none of this log's.
    """
    is_everything = request.selection.is_everything
    with anchoring.database.read() as connection:
        call_ids = [] if is_everything else calls_of(connection, request.selection, number_key)
    if not (call_ids or is_everything):
        raise Refused("log export: no call fits what was asked for")
    tell_exported(
        anchoring.database,
        anchoring.moment(),
        scope=request.selection.scope,
        calls=len(call_ids),
        disclosed=request.disclose,
        actor=request.actor,
    )
    anchoring.sign()
    anchoring.anchor_in_file()
    uncosigned = anchoring.ask_witness()
    with anchoring.database.read() as connection:
        prover, made_at = Prover(connection), timestamp(anchoring.now())
        signed = prover.signed
        if signed is None:
            raise Broken("consent log: what was signed a moment ago is not there")
        if prover.held and prover.held.size == signed.size:
            uncosigned = ""  # somebody else has asked it meanwhile
        if uncosigned:
            complain(f"the witness did not cosign this export: {uncosigned}")
        more = _more(connection, request, call_ids, prover, anchoring.now()) | dict(files(connection, signed.size))
        try:
            gathering = Gathering(connection, request, call_ids, signed, prover.tree, more, uncosigned, complain)
            bundle = gathering.bundle(made_at)
        except Unsound as error:
            raise Broken(f"log export: {error}. No bundle was made: run `onrecord log verify`") from error
    signers = [Signer(signed.checkpoint.origin, seed) for seed in anchoring.signing.seeds]
    return files_of(bundle, signers, made_at)


def tell_exported(
    database: Database, moment: Moment, *, scope: str, calls: int, disclosed: Iterable[str], actor: str
) -> None:
    """Log the export, durable on return, before any data leaves the installation."""
    public: dict[str, Value] = {"scope": scope, "calls": calls, "disclosed": sorted(disclosed)}
    exported = Event("log.exported", public, {"actor": actor})
    database.write(lambda connection: consent_log.append_events(connection, moment, exported))


def check_place(place: Path) -> None:
    """Called first, so that no export is logged that can't be written. Raises Refused or Unavailable."""
    if place.exists():
        raise Refused(f"{place}: it is there already")
    with disk_edge(f"{place}: can't be written"):
        place.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".", dir=place.parent):
            pass


def write_bundle(files: Mapping[str, bytes], place: Path) -> None:
    """Write a zip where the name ends in .zip, else a folder; readable by us alone, with all of its files or none.
    Raises Refused where the name is taken.
    """
    if place.exists():
        raise Refused(f"{place}: it is there already")
    partial = place.with_name(f".{place.name}.{secrets.token_hex(8)}.part")  # nothing that a killed run has left
    with disk_edge(f"{place}: can't be written"):
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            if place.suffix == ".zip":
                _zip(files, partial, place.stem)
            else:
                _folder(files, partial)
            partial.rename(place)
        finally:
            if partial.is_dir():
                shutil.rmtree(partial)
            partial.unlink(missing_ok=True)


def _more(
    connection: Connection, request: Request, call_ids: Sequence[str], prover: Prover, now: datetime
) -> dict[str, bytes]:
    """Each selected call as a vCon and a receipt; and the provider's account of it, where that is disclosed and its
    hash is among the proven events: it may have come in since those were signed.
    """
    found: dict[str, bytes] = {}
    for call_id in call_ids:
        call = calls.peek(connection, call_id)
        if call is None:
            raise Broken(f"call {call_id}: there is no such row")
        record = gather(connection, call, disclosed=request.disclosing(DISCLOSABLE), prover=prover)
        found[f"derived/{call_id}.vcon.json"] = _json(unsigned(record, now))
        found[f"derived/{call_id}.receipt.jsonld"] = _json(receipt(record, now))
        if request.disclosing(["response_sha256"]) and (account := _account(connection, call_id, prover)):
            found[f"provider/{call_id}.json"] = account
    return found


def _account(connection: Connection, call_id: str, prover: Prover) -> bytes | None:
    corroborations = CallLog.read(connection, call_id, prover).of("provider.corroborated")
    is_proven = any(prover.proof(entry.index) and "response_sha256" in entry.private for entry in corroborations)
    return provider_accounts.account_of(connection, call_id) if is_proven else None


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def _folder(files: Mapping[str, bytes], folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _zip(files: Mapping[str, bytes], path: Path, folder: str) -> None:
    """Files go into a folder of their own, since `verify.py` rejects other files among them after unpacking."""
    descriptor = create_private(path)
    with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(f"{folder}/{name}", content)
