"""Whether a process answers (`/healthz`) and whether it can do its work (`/readyz`), for both faces.

What `/readyz` says was found out by a thread of its own: an outsider who asks makes us do nothing.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from flask import Flask, Response, jsonify

log = logging.getLogger(__name__)

Check = Callable[[], None]
_EVERY_S = 10.0


class Readiness:
    """Runs each check now and then; a check that raises is not ready, and why is for our log. So is one that has not
    come back for three times as long: whatever it waits for hangs.
    """

    def __init__(self, checks: Mapping[str, Check], *, every_s: float = _EVERY_S) -> None:
        self._checks = checks
        self._every_s = every_s
        self._found: dict[str, bool] = dict.fromkeys(checks, False)
        self._looked = time.monotonic()

    def start(self) -> None:
        threading.Thread(target=self._watch, name="readiness", daemon=True).start()

    def look(self) -> None:
        self._found = {name: self._holds(name, check) for name, check in self._checks.items()}
        self._looked = time.monotonic()

    def found(self) -> Mapping[str, bool]:
        if time.monotonic() - self._looked > 3 * self._every_s:
            return dict.fromkeys(self._checks, False)
        return self._found

    def _watch(self) -> None:
        while True:
            self.look()
            time.sleep(self._every_s)

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
