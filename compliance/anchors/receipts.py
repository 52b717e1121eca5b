"""What those who hold checkpoints gave for them, looked at again: it is for the checkpoint that it is filed under."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from compliance.anchors.anchor_file import read_line
from evidence.notes import NotANote, NotSigned, Vkey, read_signature, verified
from storage.errors import Broken
from storage.log import anchors, checkpoints
from storage.log.anchors import Anchor
from storage.log.checkpoints import SignedCheckpoint
from storage.log.verification import Seen


def look_outside(connection: Connection) -> tuple[list[Seen], list[str]]:
    """When witnesses and authorities saw the log, by clocks that are not ours; and which receipts are for no checkpoint
    of ours, in plain words.
    """
    seen, wrong = [], []
    for one in anchors.anchors_of(connection):
        known = checkpoints.at_size(connection, one.size)
        try:
            at = check_receipt(one, known) if known else None
        except Broken as error:
            wrong.append(str(error))
            continue
        if at is not None:
            by = one.place if one.kind == "tsa" else Vkey.parse(one.place).name
            seen.append(Seen(one.size, at, f"the signature of {by}"))
    return seen, wrong


def check_receipt(one: Anchor, known: SignedCheckpoint) -> datetime | None:
    """When it was given, where it says that by itself. Raises Broken where it is not for this checkpoint."""
    try:
        match one.kind:
            case "witness":
                return _cosigned_at(one, known)
            case "tsa":
                return _stamped_at(one, known)
            case "file":
                is_right = read_line(one.receipt.decode(), "receipt") == known.note
            case _:
                is_right = {"bucket", "key", "version_id"} <= json.loads(one.receipt).keys()
    except (ValueError, AttributeError, NotANote, NotSigned, Broken) as error:
        raise _broken(one) from error
    if not is_right:
        raise _broken(one)
    return None


def _cosigned_at(one: Anchor, known: SignedCheckpoint) -> datetime:
    lines = [read_signature(line) for line in one.receipt.decode().splitlines()]
    (found, *_) = verified(known.note.with_more(lines), [Vkey.parse(one.place)])
    return datetime.fromtimestamp(found.at or 0, UTC)


def _stamped_at(one: Anchor, known: SignedCheckpoint) -> datetime:
    """Not whether the authority is to be trusted, which was asked when it gave it."""
    import rfc3161_client as tsp  # slow to import, and few need it

    info: Any = tsp.decode_timestamp_response(one.receipt).tst_info
    stamped = sha256(str(known.note).encode()).digest()
    if info.message_imprint.message != stamped:
        raise ValueError("it is of other bytes")
    at: datetime = info.gen_time
    return at


def _broken(one: Anchor) -> Broken:
    return Broken(
        f"consent log: what {one.kind} ({one.place}) gave for the checkpoint of {one.size} events is not for that "
        f"checkpoint as it is kept: one of them was altered"
    )
