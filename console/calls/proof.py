"""The proof of one event of a call as a text to keep: the event, the way from it to a signed checkpoint, the keys, and
how to check them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, abort

from compliance.call_page.event_proof import EventProof, proof_of
from storage.database.engine import Database

_RULE = "-" * 72


@dataclass(frozen=True)
class Proofs:
    database: Database

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {"proof": self.download}

    def download(self, call_id: str, index: int) -> Response:
        """An event of another call is not there."""
        with self.database.read() as connection:
            found = proof_of(connection, index)
        if found is None or found.call_id != call_id:
            abort(HTTPStatus.NOT_FOUND)
        name = f"event-{index:012d}.txt"
        saved = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response("".join(text_of(found)), content_type="text/plain; charset=utf-8", headers=saved)


def text_of(found: EventProof) -> Iterator[str]:
    """Each file of the proof below its name, between lines that it is cut at."""
    files = found.files()
    for name in sorted(files, key=lambda name: name != "README.txt"):
        text = files[name].decode()
        yield f"{_RULE}\n{name}\n{_RULE}\n{text if text.endswith(chr(10)) else text + chr(10)}\n"
