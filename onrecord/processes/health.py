"""Whether a process answers (`/healthz`), and whether it can do its work and all is well (`/readyz`), for both web
servers.

The status of `/readyz` is for a balancer: 200 where every part works that the web server's own work needs, else 503.
Its JSON is for people and their alarms: each part by its name, also the parts without which the work goes on.

A thread of its own does the checks for `/readyz`, and details are looked up once a second at most: requests from
outside, however many, cause hardly any work.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping

from flask import Flask, Response, jsonify

log = logging.getLogger(__name__)

Check = Callable[[], None]
Detail = Callable[[], object]
_EVERY_S = 10.0
_DETAIL_S = 1.0


class _Part:
    """A part that works or does not, by its last check."""

    def __init__(self, name: str, check: Check) -> None:
        self._name, self._check = name, check
        self._held, self._looked = False, time.monotonic()

    def look(self) -> None:
        try:
            self._check()
            self._held = True
        except Exception as error:  # noqa: BLE001  # the edge of a check: it does not hold, and why
            log.error("not well: %s: %s", self._name, error)
            self._held = False
        self._looked = time.monotonic()

    def watch(self, every_s: float) -> None:
        while True:
            self.look()
            time.sleep(every_s)

    def holds(self, within_s: float) -> bool:
        return self._held and time.monotonic() - self._looked <= within_s


class _Looked:
    """A detail as it was when it was looked up last."""

    def __init__(self, look: Detail, for_s: float) -> None:
        self._look, self._for_s, self._until = look, for_s, -math.inf
        self._detail: object = None
        self._turn = threading.Lock()

    def told(self) -> object:
        with self._turn:
            if time.monotonic() >= self._until:
                self._detail = self._look()
                self._until = time.monotonic() + self._for_s
            return self._detail


class Readiness:
    """Runs each check periodically, on a thread of its own, so that a check that hangs does not affect the others. A
    part does not work if its check raises, and the error goes to our log; nor if its check has not returned for three
    periods.

    `needed` are the parts that the web server's own work needs, `besides` are those that it goes on without; `details`
    are reported with the result, and do not change it.
    """

    def __init__(
        self,
        needed: Mapping[str, Check],
        *,
        besides: Mapping[str, Check] | None = None,
        details: Mapping[str, Detail] | None = None,
        every_s: float = _EVERY_S,
        detail_s: float = _DETAIL_S,
    ) -> None:
        self._needed = frozenset(needed)
        self._details = {name: _Looked(look, detail_s) for name, look in (details or {}).items()}
        self._parts = {name: _Part(name, check) for name, check in {**needed, **(besides or {})}.items()}
        self._every_s = every_s

    def start(self) -> None:
        for name, part in self._parts.items():
            threading.Thread(target=part.watch, args=(self._every_s,), name=f"{name}-check", daemon=True).start()

    def look(self) -> None:
        for part in self._parts.values():
            part.look()

    def found(self) -> Mapping[str, bool]:
        return {name: part.holds(3 * self._every_s) for name, part in self._parts.items()}

    def told(self) -> Mapping[str, object]:
        return {name: detail.told() for name, detail in self._details.items()}

    def is_ready(self, found: Mapping[str, bool]) -> bool:
        return all(found[name] for name in self._needed)


def add_health(app: Flask, readiness: Readiness) -> None:
    def healthz() -> Response:
        return Response("ok\n", content_type="text/plain; charset=utf-8")

    def readyz() -> tuple[Response, int]:
        found = readiness.found()
        return jsonify({**found, **readiness.told()}), 200 if readiness.is_ready(found) else 503

    app.add_url_rule("/healthz", "healthz", healthz)
    app.add_url_rule("/readyz", "readyz", readyz)
