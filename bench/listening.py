"""How soon a reviewer hears the first sound, and whether all that is shown of a long call is where it is heard.

    python -m bench.listening [--turns 20]

A whole installation, its console in a process of its own, and Chromium. Prints, for calls of 90 s, 30 min and 2 h, the
time from a press on a link of the console to the first sound, and whether the aim is met; and for five clicks of a call
of 2 h how far strip, lanes and sound are apart, in the listening copy and in the master.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import Browser, Page, sync_playwright

from bench.installation import free_port, installed, settings, wait_for
from bench.kept_calls import Shelf
from onrecord.installation import Installation
from policies.permissions import Role, Scope
from policies.sessions import Limits, SignedInBy
from storage.moment import Moment
from storage.rows.recordings import Recording
from storage.staff import accounts, sessions
from storage.staff.accounts import Position

AIM_MS, CLOSE_MS = 800, 50
LENGTHS_S = {"90 s": 90, "30 min": 1_800, "2 h": 7_200}
CLICKS_S = (1.0, 1_800.37, 3_600.5, 5_444.44, 7_199.0)
_COOKIE = "__Host-onrecord"
_ROBOTS = Path(__file__).parents[1] / "tests" / "browser"
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required")
_ROW = "{:<44}{:>10}{:>10}{:>10}  {}"
# In the page that is left, and in the page that is come to: what a person's stop watch would show.
_PRESS = "path => { sessionStorage.pressed = Date.now(); location.href = path; }"
_FIRST_SOUND = """() => {
  const element = document.querySelector("audio");
  return element && !element.paused && element.readyState > 2 && element.currentTime > window.beganAt;
}"""
_WATCH = """
window.beganAt = Infinity;
addEventListener("playing", ({ target }) => {
  window.beganAt = target.currentTime;
  window.heardAfter = Date.now() - sessionStorage.pressed;
}, true);
"""


@dataclass(frozen=True)
class Bench:
    browser: Browser
    url: str
    token: str

    def first_sounds_ms(self, recording: Recording, turns: int) -> list[float]:
        """Each in a browser that has been in the console before, as a reviewer's has."""
        with self._page() as page:
            page.add_init_script(_WATCH)
            return [self._first_sound_ms(page, recording) for _ in range(turns + 1)][1:]

    def _first_sound_ms(self, page: Page, recording: Recording) -> float:
        page.goto(f"{self.url}/log")
        page.evaluate(_PRESS, f"/calls/{recording.call_id}?listen=quality")
        page.wait_for_url("**/calls/**")
        page.wait_for_function(_FIRST_SOUND)
        return float(page.evaluate("() => heardAfter"))

    def apart_ms(self, recording: Recording, track: str) -> dict[str, float]:
        """The largest difference at any click, of the lanes' peaks and of the sound."""
        with self._page() as page:
            for name in ("robot.js", "axis.js"):
                page.add_init_script(path=_ROBOTS / name)
            page.goto(f"{self.url}/calls/{recording.call_id}")
            page.wait_for_function("() => document.getElementById('player').dataset.isReady === ''")
            loud = page.evaluate("() => axis.inLanes()")
            firsts = [ms for ms in loud if ms - 50 not in loud]
            page.locator("[data-part=track]").select_option(track)
            page.locator("[data-channel='0']").fill("95")
            page.locator("[data-part=play]").click()
            heard = [_heard_at(page, second) for second in CLICKS_S]
        wanted = [second * 1000 for second in CLICKS_S]
        return {
            "lanes": max(abs(ms - at) for ms, at in zip(wanted, firsts, strict=True)),
            "sound": max(abs(ms - at) for ms, at in zip(wanted, heard, strict=True)),
        }

    @contextmanager
    def _page(self) -> Iterator[Page]:
        context = self.browser.new_context(viewport={"width": 1280, "height": 900})
        url = self.url.replace("http:", "https:")
        context.add_cookies([{"name": _COOKIE, "value": self.token, "url": url, "secure": True, "httpOnly": True}])
        try:
            yield context.new_page()
        finally:
            context.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.listening")
    parser.add_argument("--turns", type=int, default=20)
    turns = parser.parse_args().turns
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        url = f"http://localhost:{port}"
        environ = {**settings(folder, f"sqlite:///{folder}/onrecord.db"), "CONSOLE_BASE_URL": url}
        with installed(environ) as installation:
            made = _made(installation, folder)
            token = _reviewer(installation)
            with _console(environ, folder, port), _chromium() as browser:
                for line in _measured(Bench(browser, url, token), made, turns):
                    print(line, flush=True)
    return 0


def _made(installation: Installation, folder: Path) -> dict[str, Recording]:
    shelf = Shelf(installation, folder)
    made = {name: shelf.kept(f"{seconds}", seconds) for name, seconds in LENGTHS_S.items()}
    return {**made, "clicks": shelf.kept("clicks", LENGTHS_S["2 h"], CLICKS_S)}


def _measured(bench: Bench, made: dict[str, Recording], turns: int) -> Iterator[str]:
    yield _ROW.format("press to first sound, ms", "median", "p95", "aim", "")
    for name in LENGTHS_S:
        took = bench.first_sounds_ms(made[name], turns)
        p95 = quantiles(took, n=20)[-1]
        verdict = "met" if p95 <= AIM_MS else "missed"
        yield _ROW.format(f"  a call of {name}", f"{median(took):.0f}", f"{p95:.0f}", AIM_MS, verdict)
    yield _ROW.format("five clicks of 2 h, ms apart at most", "lanes", "sound", "aim", "")
    for track in ("listening", "master"):
        apart = bench.apart_ms(made["clicks"], track)
        verdict = "met" if max(apart.values()) <= CLOSE_MS else "missed"
        yield _ROW.format(f"  {track}", f"{apart['lanes']:.0f}", f"{apart['sound']:.0f}", CLOSE_MS, verdict)


def _heard_at(page: Page, second: float) -> float:
    """The ms at which the click there comes out; infinity where none does."""
    page.evaluate(
        """second => {
             const slider = document.querySelector("[data-part=slider]");
             slider.value = second;
             for (const name of ["input", "change"]) slider.dispatchEvent(new Event(name));
           }""",
        int(second - 0.8),
    )
    page.wait_for_function("() => robot.isPlaying() && robot.isQuiet()")
    found = page.evaluate("endS => robot.onset(endS)", second + 0.4)
    return float("inf") if found is None else float(found)


def _reviewer(installation: Installation) -> str:
    """The token of a session."""
    moment, position = Moment.now(), Position(Role.REVIEWER, Scope(everywhere=True))

    def begin(connection):  # type: ignore[no-untyped-def]  # of a transaction
        account = accounts.add(connection, moment, "bench", "Bench", position, actor="bench")
        return sessions.begin(connection, moment, account.id, SignedInBy.PASSKEY, "a bench", Limits())

    return str(installation.database.write(begin))


@contextmanager
def _console(environ: dict[str, str], folder: Path, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "onrecord.processes.serve", "console", "127.0.0.1", str(port)]
    with (folder / "console.log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **environ}, stderr=log)
        try:
            wait_for(process, port, log.name)
            yield
        finally:
            process.terminate()
            process.wait()


@contextmanager
def _chromium() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        yield launched
        launched.close()


if __name__ == "__main__":
    raise SystemExit(main())
