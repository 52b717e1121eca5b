"""A process may die before any step that changes the disk: what it leaves is whole or absent, and heals."""

import subprocess
import sys
from pathlib import Path

import pytest

from storage.audio.contract import AudioKey, StoredAudio
from storage.audio.directory_store import DirectoryStore
from tests.storage.crash_walk import KEY

CONTENT = b"sealed audio" * 1000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


def put(root: Path, source: Path, key: AudioKey = KEY) -> StoredAudio:
    return DirectoryStore(root).put(key, source, retain_until=None)


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def walk(deed: str, folder: Path, source: Path) -> list[Path]:
    command = [sys.executable, "-m", "tests.storage.crash_walk", deed, str(folder), str(source)]
    subprocess.run(command, check=True)
    roots = sorted(folder.iterdir())
    assert len(roots) > 4, "it should have died at every step"
    return roots


def test_a_process_that_dies_in_a_put_leaves_all_or_nothing_and_a_repetition_heals_it(
    tmp_path: Path, source: Path
) -> None:
    (tmp_path / "walk").mkdir()
    for root in walk("put", tmp_path / "walk", source):
        store = DirectoryStore(root)
        left = list(store.list(""))
        assert [store.stat(key, None) is not None for key in left] == [True] * len(left)
        stored = put(root, source)
        assert store.read(KEY, stored.version_id, 0, len(CONTENT) + 1) == CONTENT
        store.check()
        assert len(files(root)) == 3


def test_a_process_that_dies_while_it_places_a_hold_leaves_the_old_statement_or_the_new(
    tmp_path: Path, source: Path
) -> None:
    (tmp_path / "walk").mkdir()
    held = []
    for root in walk("hold", tmp_path / "walk", source):
        stored = DirectoryStore(root).stat(KEY, None)
        assert stored is not None
        held.append(stored.is_held)
        assert DirectoryStore(root).hold(KEY, stored.version_id, on=True).is_held
    assert held == sorted(held), "once it is placed, it stays"
    assert held[-1]


def test_a_process_that_dies_in_a_deletion_is_finished_by_a_repetition(tmp_path: Path, source: Path) -> None:
    (tmp_path / "walk").mkdir()
    for root in walk("delete", tmp_path / "walk", source):
        store = DirectoryStore(root)
        # Either all of it is left or none: never bytes whose lock nobody knows.
        assert store.stat(KEY, None) is None or (root / KEY.folder / f".{KEY.name}.json").exists()
        store.delete(KEY)
        assert files(root) == [".lock"]


def test_what_a_dead_put_left_goes_with_its_neighbour(tmp_path: Path, source: Path) -> None:
    # The next attempt of a job puts under another name, so nobody asks for the dead one's key again.
    (tmp_path / "walk").mkdir()
    for root in walk("put", tmp_path / "walk", source):
        DirectoryStore(root).check()
        put(root, source, KEY.sibling("second.sealed"))
        for key in DirectoryStore(root).list(KEY.folder):
            DirectoryStore(root).delete(key)
        assert files(root) == [".lock"]
