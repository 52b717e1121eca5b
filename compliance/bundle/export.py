"""`onrecord log export`: a bundle of events that an outsider can check without us, written as a folder or a zip."""

import io
import os
import re
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from sqlalchemy import Connection

from compliance.anchors.anchor import Anchoring
from compliance.bundle.gather import Gathering
from compliance.bundle.of_call import of_call
from compliance.bundle.request import Request
from compliance.bundle.selection import calls_of
from evidence.bundle import files_of
from evidence.events import Event, Value, timestamp
from evidence.notes import Signer
from evidence.soundness import Unsound
from storage.database.engine import Database
from storage.disk import create_private, disk_edge
from storage.errors import Broken, Refused
from storage.log import anchors, consent_log
from storage.log.proofs import Prover
from storage.moment import Moment

_ENDING = re.compile(r"\.[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*")
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
    views, made_at = anchoring.database.read, timestamp(anchoring.now())
    held = [anchor for page in anchors.in_pages(views) for anchor in page]
    with views() as connection:
        prover = Prover(connection, views)
        signed = prover.signed
        if signed is None:
            raise Broken("consent log: what was signed a moment ago is not there")
        more = dict(files(connection, signed.size))
    if prover.held and prover.held.size == signed.size:
        uncosigned = ""  # somebody else has asked it meanwhile
    if uncosigned:
        complain(f"the witness did not cosign this export: {uncosigned}")
    of_calls = [of_call(views, request, call_id, prover, anchoring.now()) for call_id in call_ids]
    try:
        bundle = Gathering(
            views,
            request,
            signed,
            prover.tree,
            of_calls=of_calls,
            anchors=sorted(held, key=lambda anchor: anchor.size),
            more=more,
            uncosigned=uncosigned,
            complain=complain,
        ).bundle(made_at)
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
    if place.suffix != ".zip" and _ENDING.fullmatch(place.suffix):
        raise Refused(f"{place}: a bundle is a folder, whose name has no ending, or a file whose name ends in .zip")
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


def zipped(files: Mapping[str, bytes], folder: str) -> bytes:
    """The zip for a stream."""
    written = io.BytesIO()
    _zip_into(written, files, folder)
    return written.getvalue()


def _folder(files: Mapping[str, bytes], folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _zip(files: Mapping[str, bytes], path: Path, folder: str) -> None:
    with os.fdopen(create_private(path), "wb") as file:
        _zip_into(file, files, folder)


def _zip_into(file: IO[bytes], files: Mapping[str, bytes], folder: str) -> None:
    """Files go into a folder of their own, since `verify.py` rejects other files among them after unpacking."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(f"{folder}/{name}", content)
