"""Each step of a call is answered once: whoever delivers it again gets the bytes of the first answer."""

import logging
from collections.abc import Callable

from sqlalchemy import Connection

from storage import calls
from storage.calls import Call, Reply

log = logging.getLogger(__name__)


def once(connection: Connection, known: Call, step: str, request_sha256: str, respond: Callable[[], bytes]) -> bytes:
    kept = calls.reply_to(connection, known.id, step)
    if kept is None:
        kept = Reply(request_sha256, respond())
        calls.keep_reply(connection, known.id, step, kept)
    elif kept.request_sha256 != request_sha256:
        log.warning("call %s: %s came again with other parameters; the first answer stands", known.id, step)
    return kept.body
