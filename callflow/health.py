"""Whether a process answers (`/healthz`) and whether it can do its work (`/readyz`), for both faces.

What `/readyz` says was found out by a thread of its own: an outsider who asks makes us do nothing.
"""

import logging
import threading
from collections.abc import Callable, Mapping

from flask import Flask, Response, jsonify

log = logging.getLogger(__name__)

Check = Callable[[], None]
_EVERY_S = 10.0


class Readiness:
    """Runs each check now and then; a check that raises is not ready, and why is for our log."""

    def __init__(self, checks: Mapping[str, Check], *, every_s: float = _EVERY_S) -> None:
        self._checks = checks
        self._every_s = every_s
        self._stopping = threading.Event()
        self._found: dict[str, bool] = dict.fromkeys(checks, False)

    def start(self) -> None:
        self.look()
        threading.Thread(target=self._watch, name="readiness", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def look(self) -> None:
        self._found = {name: self._holds(name, check) for name, check in self._checks.items()}

    def found(self) -> Mapping[str, bool]:
        return self._found

    def _watch(self) -> None:
        while not self._stopping.wait(self._every_s):
            self.look()

    def _holds(self, name: str, check: Check) -> bool:
        try:
            check()
        except Exception as error:  # noqa: BLE001  # the edge of a check: not ready, and why
            log.error("not ready: %s: %s", name, error)
            return False
        return True


def add_health(app: Flask, readiness: Readiness) -> None:
    def healthz() -> Response:
        return Response("ok\n", content_type="text/plain; charset=utf-8")

    def readyz() -> tuple[Response, int]:
        found = readiness.found()
        return jsonify(found), 200 if all(found.values()) else 503

    app.add_url_rule("/healthz", "healthz", healthz)
    app.add_url_rule("/readyz", "readyz", readyz)
