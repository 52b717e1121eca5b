"""What the tests need and pip cannot bring: Debian's chromium, for the tests in tests/browser."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HOW = "apt-get install -y --no-install-recommends chromium   (or another Chromium or Chrome in your PATH)"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def chromium() -> str | None:
    """The browser's program, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def main() -> int:
    """0 where a browser is there or could be installed. Otherwise says what to install, and 0 too: all other
    tests can still run, and those of the pages fail with the same words."""
    if chromium():
        return 0
    if not can_install():
        say(f"the tests of the pages need a browser. Install one:\n    {HOW}")
        return 0
    say("the tests of the pages need a browser: installing Debian's chromium (once, about 350 MB on disk) ...")
    install()
    say(f"chromium is installed: {chromium()}" if chromium() else f"that did not work. Install it by hand:\n    {HOW}")
    return 0


def can_install() -> bool:
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return is_root and Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def install() -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]):
        say("$ " + " ".join(command))
        if subprocess.run(command, env=environment, check=False).returncode:
            return


def say(words: str) -> None:
    print(f"prepare: {words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
