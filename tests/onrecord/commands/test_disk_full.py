"""A full disk: it is told as such, nothing half made is left, and the service says that it is not ready."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from storage.database.engine import Database
from storage.database.readiness import DatabaseCheck
from storage.errors import Unavailable
from tests.onrecord.commands.site import Site

NO_ROOM = "no room left on the disk"


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A disk of its own, where this user may mount one."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "onrecord-test", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            pass
    return filler


def test_init_on_a_full_disk_makes_nothing_and_later_everything(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "32m"):
        site = Site(tmp_path / "disk")
        filler = fill(site.folder)
        problems = site.run("init").problems
        assert {problem.partition(":")[0] for problem in problems} == {
            "DATABASE_URL",
            "AUDIO_STORE",
            "ONRECORD_SPOOL",
            "ONRECORD_JOURNAL",
            "ONRECORD_KEY_FILE",
            "ONRECORD_RULEBOOK",
        }
        assert all(problem.endswith(NO_ROOM) for problem in problems)
        assert list(site.files()) == ["filler"]
        filler.unlink()
        assert site.run("init").code == 0
        assert site.run("check").code == 0


def test_nothing_starts_on_a_full_disk(site: Site, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "32m"):
        full = site.copied_to(tmp_path / "disk")
        filler = fill(full.folder)
        for command in ("check", "work"):
            problems = full.run(command).problems
            assert [problem.partition(":")[0] for problem in problems] == [
                "DATABASE_URL",
                "AUDIO_STORE",
                "ONRECORD_SPOOL",
                "ONRECORD_JOURNAL",
                "ONRECORD_ANCHOR_FILE",
                "ONRECORD_ERASURES",
            ]
            assert all(NO_ROOM in problem for problem in problems)
        filler.unlink()
        assert full.run("check").code == 0


def test_a_limit_on_the_size_of_files_is_told_as_a_full_disk(site: Site) -> None:
    """As any user can have it, root or not."""
    problems = site.spawn("check", under=["sh", "-c", 'ulimit -f 128; exec "$0" "$@"']).problems
    assert f"ONRECORD_SPOOL: var/spool can't be written; it needs room and the right to write: {NO_ROOM}" in problems


def test_a_database_is_not_usable_while_its_disk_is_full(site: Site, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "32m"):
        full = site.copied_to(tmp_path / "disk")
        with closing(full.database()) as database:
            check = DatabaseCheck(database)
            check()
            filler = fill(full.folder)
            with pytest.raises(Unavailable, match=f"^DATABASE_URL: {NO_ROOM}"):
                check()
            filler.unlink()
            check()


def test_a_database_that_refuses_a_write_is_not_usable(database: Database) -> None:
    check = DatabaseCheck(database)
    check()
    spoil = {
        "sqlite": "CREATE TRIGGER no BEFORE UPDATE ON alembic_version BEGIN SELECT RAISE(ABORT, 'no'); END",
        "postgresql": "CREATE RULE no AS ON UPDATE TO alembic_version DO INSTEAD SELECT 1/0",
    }
    database.write(lambda connection: connection.exec_driver_sql(spoil[database.dialect]))
    with pytest.raises(Exception, match="database"):
        check()


@pytest.mark.parametrize("how", ["removed", "exchanged"])
def test_a_database_file_that_is_gone_is_not_usable(how: str, site: Site) -> None:
    """Who has it open could go on writing into it, and nobody would ever see what was written."""
    file = site.folder / "var/onrecord.db"
    with closing(site.database()) as database:
        check = DatabaseCheck(database)
        check()
        file.rename(site.folder / "old")
        if how == "exchanged":
            shutil.copy(site.folder / "old", file)
        with pytest.raises(Unavailable, match=r"^DATABASE_URL: .*onrecord.db was removed or exchanged"):
            check()
        (site.folder / "old").rename(file)
        check()
