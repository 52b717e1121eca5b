"""Checks the receipts of anchor targets again: each must be for the checkpoint that it is filed under."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from compliance.anchors.anchor_file import read_line
from evidence.notes import NotANote, NotSigned, Vkey, read_signature, verified
from storage.database.engine import Views
from storage.errors import Broken
from storage.log import anchors, checkpoints
from storage.log.anchors import Anchor
from storage.log.checkpoints import SignedCheckpoint
from storage.log.followed_log import Seen


def look_outside(views: Views) -> tuple[list[Seen], list[str]]:
    """When witnesses and authorities saw the log, by clocks that are not ours; and which receipts are for no checkpoint
    of ours, in plain words.
    """
    seen: list[Seen] = []
    wrong: list[str] = []
    for page in anchors.in_pages(views):
        with views() as connection:
            signed = [checkpoints.at_size(connection, anchor.size) for anchor in page]
        for anchor, checkpoint in zip(page, signed, strict=True):
            try:
                at = check_receipt(anchor, checkpoint) if checkpoint else None
            except Broken as error:
                wrong.append(str(error))
                continue
            if at is not None:
                by = anchor.place if anchor.kind == "tsa" else Vkey.parse(anchor.place).name
                seen.append(Seen(anchor.size, at, f"the signature of {by}"))
    return seen, wrong


def check_receipt(anchor: Anchor, signed: SignedCheckpoint) -> datetime | None:
    """When the receipt was given, where it says so itself. Raises Broken where it is not for this checkpoint."""
    try:
        match anchor.kind:
            case "witness":
                return _cosigned_at(anchor, signed)
            case "tsa":
                return _stamped_at(anchor, signed)
            case "file":
                is_right = read_line(anchor.receipt.decode(), "receipt") == signed.note
            case _:
                is_right = {"bucket", "key", "version_id"} <= json.loads(anchor.receipt).keys()
    except (ValueError, AttributeError, NotANote, NotSigned, Broken) as error:
        raise _broken(anchor) from error
    if not is_right:
        raise _broken(anchor)
    return None


def _cosigned_at(anchor: Anchor, signed: SignedCheckpoint) -> datetime:
    lines = [read_signature(line) for line in anchor.receipt.decode().splitlines()]
    (found, *_) = verified(signed.note.with_more(lines), [Vkey.parse(anchor.place)])
    return datetime.fromtimestamp(found.at or 0, UTC)


def _stamped_at(anchor: Anchor, signed: SignedCheckpoint) -> datetime:
    """The authority's own certificate was checked when it gave the time stamp, and is not checked again."""
    import rfc3161_client as tsp  # slow to import, and few need it

    info: Any = tsp.decode_timestamp_response(anchor.receipt).tst_info
    stamped = sha256(str(signed.note).encode()).digest()
    if info.message_imprint.message != stamped:
        raise ValueError("it is of other bytes")
    at: datetime = info.gen_time
    return at


def _broken(anchor: Anchor) -> Broken:
    return Broken(
        f"consent log: what {anchor.kind} ({anchor.place}) gave for the checkpoint of {anchor.size} events is not for "
        f"that checkpoint as it is kept: one of them was altered"
    )
