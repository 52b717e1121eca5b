"""What the tests need and pip cannot bring, from Debian: a browser, nginx, systemd, SQLite's shell, and Go."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SYSTEM_PATH = "/usr/sbin"  # where Debian keeps servers, whatever a user's own PATH is
_INSTALL = "apt-get install -y --no-install-recommends"
HOW = f"{_INSTALL} chromium   (or another Chromium or Chrome in your PATH)"
NGINX = f"{_INSTALL} nginx-light"
UNITS = f"{_INSTALL} systemd"
SHELL = f"{_INSTALL} sqlite3"
GO = f"{_INSTALL} golang-go golang-golang-x-mod-dev"
GO_SOURCES = Path("/usr/share/gocode")
"""Where Debian's golang-golang-x-mod-dev puts Go's packages for transparency logs."""


@dataclass(frozen=True)
class Needed:
    """A Debian package, the programs of which one will do, the tests that run it, and a directory of it, where it has
    no program of its own.
    """

    package: str
    programs: tuple[str, ...]
    tests: str
    how: str
    directory: Path | None = None

    def found(self) -> str | None:
        """The program, if there is one."""
        if self.directory is not None and not self.directory.is_dir():
            return None
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), SYSTEM_PATH])
        return next((found for name in self.programs if (found := shutil.which(name, path=path))), None)


NEEDED = (
    Needed("chromium", NAMES, "the tests of the pages", HOW),
    Needed("nginx-light", ("nginx",), "the tests of the operators' configuration", NGINX),
    Needed("systemd", ("systemd-analyze",), "the tests of the operators' units", UNITS),
    Needed("sqlite3", ("sqlite3",), "the tests of the operators' backups", SHELL),
    Needed("golang-go", ("go",), "the tests of bundles by Go's own packages", GO),
    Needed(
        "golang-golang-x-mod-dev",
        ("go",),
        "the tests of bundles by Go's own packages",
        GO,
        GO_SOURCES / "src/golang.org/x/mod/sumdb/tlog",
    ),
)


def chromium() -> str | None:
    """The browser's program, if there is one."""
    return NEEDED[0].found()


def go() -> str | None:
    """Go's program, if it and its packages for transparency logs are there."""
    compiler, packages = NEEDED[-2:]
    return compiler.found() and packages.found()


def main() -> int:
    """0 where all is there or could be installed. Otherwise says what to install, and 0 too: all other tests can still
    run, and those that need it fail with the same words."""
    missing = [one for one in NEEDED if not one.found()]
    if not missing:
        return 0
    if not can_install():
        for one in missing:
            say(f"{one.tests} need {one.package}. Install it:\n    {one.how}")
        return 0
    names = " ".join(one.package for one in missing)
    say(f"installing Debian's {names} (once; the browser takes about 350 MB on disk, Go 450) ...")
    install([one.package for one in missing])
    for one in missing:
        found = one.found()
        say(
            f"{one.package} is installed: {found}"
            if found
            else f"that did not work. Install it by hand:\n    {one.how}"
        )
    return 0


def can_install() -> bool:
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return is_root and Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def install(packages: Sequence[str]) -> None:
    """No server among them is started (`RUNLEVEL`)."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["apt-get", "update"], [*_INSTALL.split(), *packages]):
        say("$ " + " ".join(command))
        if subprocess.run(command, env=environment, check=False).returncode:
            return


def say(words: str) -> None:
    print(f"prepare: {words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
