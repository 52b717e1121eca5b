"""Twilio's REST API, as far as a worker asks it about calls of `bench.past_calls`: their recordings with the sound, the
calls in progress, and its account of each call. All other lists are empty.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Protocol
from urllib.parse import SplitResult, parse_qs, urlsplit

from bench.past_calls import Exchange, PastCall

_RECORDING = re.compile(r".*/Recordings/(RE[0-9a-f]{32})\.(json|wav)")
_EVENTS = re.compile(r".*/Calls/(CA[0-9a-f]{32})/Events\.json")
_ANY_LIST = re.compile(
    r".*/(AddOnResults|Calls|Conferences|Conversations|Recordings|Transcriptions|Transcripts)(\.json)?"
)
_KEYS = ("add_on_results", "calls", "conferences", "conversations", "recordings", "transcriptions", "transcripts")
PER_PAGE = 1000

Row = dict[str, object]
Answer = tuple[int, str, bytes]


class Answering(Protocol):
    """What a server answers for a path with its query."""

    def get(self, target: str) -> Answer: ...
    def delete(self, target: str) -> Answer: ...


@dataclass
class StandIn:
    """`wav` is the sound of each recording."""

    base_url: str
    wav: bytes
    duration_s: int
    calls: dict[str, PastCall] = field(default_factory=dict)
    """All, by their sids."""
    recorded: dict[str, PastCall] = field(default_factory=dict)
    """By the sids of their recordings, until these are deleted; the newest last."""

    def add(self, call: PastCall) -> None:
        self.calls[call.sid] = self.recorded[call.recording_sid] = call

    def get(self, target: str) -> Answer:
        url = urlsplit(target)
        if found := _RECORDING.fullmatch(url.path):
            return self._one(found[1], found[2])
        if found := _EVENTS.fullmatch(url.path):
            call = self.calls.get(found[1])
            return _json({"events": [self._event(one) for one in reversed(call.exchanges if call else [])]})
        if found := _ANY_LIST.fullmatch(url.path):
            return listed(url, self._rows(found[1], parse_qs(url.query)))
        return not_found()

    def delete(self, target: str) -> Answer:
        found = _RECORDING.fullmatch(urlsplit(target).path)
        gone = found and self.recorded.pop(found[1], None)
        return (204, "application/json", b"") if gone else not_found()

    def _one(self, recording_sid: str, suffix: str) -> Answer:
        call = self.recorded.get(recording_sid)
        if call is None:
            return not_found()
        return (200, "audio/x-wav", self.wav) if suffix == "wav" else _json(self._recording(call))

    def _rows(self, name: str, asked: dict[str, list[str]]) -> list[Row]:
        calls = list(reversed(self.recorded.values()))
        if name == "Recordings" and (sids := asked.get("CallSid")):
            return [self._recording(call) for call in calls if call.sid in sids]
        if name == "Recordings":
            return [self._recording(call) for call in calls]
        if name == "Calls" and asked.get("Status") == ["in-progress"]:
            return [_in_progress(call) for call in calls if not call.is_over]
        return []

    def _recording(self, call: PastCall) -> Row:
        began = next(one.at for one in call.exchanges if "RecordingSid" in one.form)
        status = "completed" if call.is_over else "in-progress"
        about = {"sid": call.recording_sid, "call_sid": call.sid, "status": status, "channels": 2, "track": "both"}
        length = str(self.duration_s) if call.is_over else None
        start = format_datetime(began.replace(microsecond=0))
        return {**about, "source": "StartCallRecordingTwiML", "duration": length, "start_time": start}

    def _event(self, one: Exchange) -> Row:
        return {
            "request": {"method": "POST", "url": self.base_url + one.path, "parameters": one.form},
            "response": {
                "response_code": one.status,
                "response_body": one.body,
                "date_created": format_datetime(one.at.replace(microsecond=0)),
            },
        }


def _in_progress(call: PastCall) -> Row:
    form = call.exchanges[0].form
    began = format_datetime(call.exchanges[0].at.replace(microsecond=0))
    about = {"sid": call.sid, "status": "in-progress", "direction": "inbound", "duration": None}
    return {**about, "from": form["From"], "to": form["To"], "start_time": began, "date_created": began}


def listed(url: SplitResult, rows: Sequence[Row]) -> Answer:
    """The page that the URL asks for, of the rows of a list."""
    asked = parse_qs(url.query)
    number = int(asked.get("Page", ["0"])[0])
    begin, end = number * PER_PAGE, (number + 1) * PER_PAGE
    next_uri = f"{url.path}?Page={number + 1}" if end < len(rows) else None
    shown = list(rows[begin:end])
    return _json({**dict.fromkeys(_KEYS, shown), "next_page_uri": next_uri, "meta": {"nextToken": None}})


def _json(document: Row) -> Answer:
    return 200, "application/json", json.dumps(document).encode()


def not_found() -> Answer:
    return 404, "application/json", b'{"code": 20404, "message": "not found", "status": 404}'


@contextmanager
def standing_in(twilio: Answering) -> Iterator[str]:
    """Its URL. It runs in this process."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(*twilio.get(self.path))

        def do_DELETE(self) -> None:
            self._answer(*twilio.delete(self.path))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer(*not_found())

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name that it has there
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
