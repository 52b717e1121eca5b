"""A page that plays ten minutes of clicks and tones, and its server on this machine, with the console's policy."""

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from flask import Flask, Response, send_from_directory
from werkzeug.serving import make_server

from simulator.server import closing_at_the_end
from storage.audio.derived_files import derive
from storage.audio.pieces import AudioPieces, Track
from tests.source import ROOT
from tests.storage.oggs import Bytes
from tests.storage.wavs import RATE, tone, write_wav

LENGTH_S = 600
CLICK_S = 10  # a click of 10 ms begins so often: left at 0, right at 10, left at 20
TONES_S = (541, 549)  # there sounds a steady tone on either side
LEFT_HERTZ, RIGHT_HERTZ = 440, 880
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-of-the-page'; img-src 'self' data:; "
    "media-src 'self' blob:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HTML = """<!doctype html><html lang="en"><title>Recording</title><link rel="icon" href="data:,">
<audio></audio><script type="module" src="/page/recording_page.js"></script></html>"""


@dataclass
class RecordingPage:
    """`asked` holds the times of which pieces were asked for; the answer to the time `withheld` never comes."""

    pieces: dict[Track, AudioPieces]
    asked: list[int] = field(default_factory=list)
    refuses: bool = False
    withheld: int | None = None
    _news: threading.Condition = field(default_factory=threading.Condition)

    @classmethod
    def made_in(cls, folder: Path) -> Self:
        master = write_wav(folder / "m.wav", clicks_and_tones())
        made = derive(master, folder, listening=True)
        assert made.listening
        return cls(
            {
                "listening": AudioPieces.of(Bytes(made.listening.read_bytes()), "listening"),
                "master": AudioPieces.of(Bytes(master.read_bytes()), "master"),
            }
        )

    def __enter__(self) -> Self:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = make_server("127.0.0.1", 0, closing_at_the_end(self._app()), threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def forget(self) -> None:
        """As it was at first. Whoever waits for an answer is let go."""
        with self._news:
            self.refuses, self.withheld = False, None
            self.asked.clear()
            self._news.notify_all()

    def wait_until_asked(self, from_ms: int) -> None:
        with self._news:
            assert self._news.wait_for(lambda: from_ms in self.asked, 30)

    def _app(self) -> Flask:
        app = Flask("recording_page", static_folder=str(ROOT / "console" / "static"))
        app.add_url_rule("/", "page", lambda: _HTML)
        app.add_url_rule("/page/<name>", "script", lambda name: send_from_directory(Path(__file__).parent, name))
        app.add_url_rule("/<any(listening,master):track>/init", "init", self._init)
        app.add_url_rule("/<any(listening,master):track>/piece/<int:from_ms>", "piece", self._piece)
        app.after_request(_under_policy)
        return app

    def _init(self, track: Track) -> Response:
        pieces = self.pieces[track]
        told = {"X-Codec": pieces.codec, "X-Duration": str(pieces.duration_ms)}
        return Response(pieces.init(), headers=told)

    def _piece(self, track: Track, from_ms: int) -> Response:
        with self._news:
            self.asked.append(from_ms)
            self._news.notify_all()
            self._news.wait_for(lambda: from_ms != self.withheld, 60)
        piece = self.pieces[track].piece(from_ms)
        if self.refuses or piece is None:
            return Response(headers={"X-Told": "refused" if self.refuses else "end"})
        return Response(piece.body, headers={"X-From": str(piece.from_ms), "X-To": str(piece.to_ms)})


def clicks_and_tones() -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    samples = np.zeros((LENGTH_S * RATE, 2), np.int16)
    for n, second in enumerate(range(0, LENGTH_S, CLICK_S)):
        samples[second * RATE : second * RATE + RATE // 100, n % 2] = tone(0.01, amplitude=0.9, hertz=1_000)
    begin, end = TONES_S
    for channel, hertz in enumerate((LEFT_HERTZ, RIGHT_HERTZ)):
        samples[begin * RATE : end * RATE, channel] = tone(end - begin, hertz=hertz)
    return samples


def _under_policy(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "private, no-store"
    return response
