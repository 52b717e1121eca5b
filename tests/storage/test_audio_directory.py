"""The directory store's own promises: durable, closed to others, whole or absent whenever a process dies."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.audio.contract import StoredAudio
from storage.audio.directory_store import DirectoryStore
from storage.audio.opening import open_store
from storage.audio.partial_files import Incoming
from storage.disk import disk_edge
from storage.errors import Broken, Held, Refused, Unavailable
from tests.storage.crash_walk import KEY

CONTENT = b"sealed audio" * 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "audio"
    root.mkdir()
    return root


@pytest.fixture
def store(root: Path) -> DirectoryStore:
    return DirectoryStore(root)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


def put(store: DirectoryStore, source: Path, retain_until: datetime | None = None) -> StoredAudio:
    return store.put(KEY, source, retain_until=retain_until)


def audio(root: Path) -> Path:
    return root / str(KEY)


def sidecar(root: Path) -> Path:
    return audio(root).with_name(f".{KEY.name}.json")


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_a_put_leaves_the_bytes_and_what_is_stated_of_them_and_nothing_else(
    store: DirectoryStore, root: Path, source: Path
) -> None:
    put(store, source)
    folder = KEY.folder
    assert files(root) == [".lock", f"{folder}.{KEY.name}.json", f"{folder}{KEY.name}"]


def test_a_deletion_leaves_no_trace(store: DirectoryStore, root: Path, source: Path) -> None:
    put(store, source)
    store.delete(KEY)
    assert sorted(path.name for path in root.rglob("*")) == [".incoming", ".lock"]


def test_a_deletion_leaves_the_folders_that_others_lie_in(store: DirectoryStore, root: Path, source: Path) -> None:
    put(store, source)
    sibling = KEY.sibling("peaks.bin.sealed")
    store.put(sibling, source, retain_until=None)
    store.delete(KEY)
    assert list(store.list("")) == [sibling]


def test_everything_is_closed_to_others(store: DirectoryStore, root: Path, source: Path) -> None:
    put(store, source)
    for path in root.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_bytes_are_durable_before_they_have_a_name_and_the_name_before_put_returns(
    store: DirectoryStore, root: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, link = os.fsync, os.link

    def seen_fsync(descriptor: int) -> None:
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def seen_link(old: Path, new: Path) -> None:
        done.append("LINK")
        link(old, new)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(os, "link", seen_link)
    put(store, source)
    before, after = done[: done.index("LINK")], done[done.index("LINK") + 1 :]
    folders = [*KEY.folder.strip("/").split("/"), root.name]
    assert len(before[0]) == 32, "the copy itself comes first"
    assert f".{KEY.name}.json.new" in before, "what is stated of the bytes is durable before they appear"
    assert set(folders) <= set(after), "each folder on the way holds its name durably"


def test_a_lock_is_obeyed_after_a_restart(store: DirectoryStore, root: Path, source: Path) -> None:
    put(store, source, datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(Held):
        DirectoryStore(root).delete(KEY)


def test_what_a_dead_process_left_is_cleared_by_the_check(store: DirectoryStore, root: Path) -> None:
    (root / ".incoming").mkdir()
    (root / ".incoming" / "abandoned").write_bytes(CONTENT)
    store.check()
    assert not list((root / ".incoming").iterdir())


def test_what_a_living_process_is_writing_is_not_cleared(root: Path, source: Path) -> None:
    with Incoming(root).copy_of(source) as copy:
        Incoming(root).clear()
        assert copy.path.exists()


def test_a_full_disk_is_said_and_nothing_of_the_put_stays(root: Path, source: Path, tmp_path: Path) -> None:
    script = (
        "import resource, sys, pathlib; from storage.audio.directory_store import DirectoryStore;"
        "from storage.errors import Unavailable;"
        "from tests.storage.test_audio_directory import put;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000));"
        "store = DirectoryStore(pathlib.Path(sys.argv[1]))\n"
        "try: put(store, pathlib.Path(sys.argv[2]))\n"
        "except Unavailable as error: print(error)"
    )
    command = [sys.executable, "-c", script, str(root), str(source)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "no room left" in told
    assert str(KEY) in told
    assert files(root) == [".lock"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_every_way_a_disk_is_full_is_called_so(number: int) -> None:
    with pytest.raises(Unavailable, match="put: no room left on the disk"), disk_edge("put"):
        raise OSError(number, os.strerror(number))


def test_another_failure_of_the_disk_keeps_its_name() -> None:
    with pytest.raises(Unavailable, match="put: Input/output error"), disk_edge("put"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize(
    "attempt",
    [
        lambda store, source: store.check(),
        put,
        lambda store, source: store.stat(KEY, None),
        lambda store, source: store.read(KEY, "v", 0, 1),
        lambda store, source: store.delete(KEY),
        lambda store, source: list(store.list("")),
    ],
    ids=["check", "put", "stat", "read", "delete", "list"],
)
def test_a_store_whose_disk_is_not_there_is_unavailable_not_empty(
    tmp_path: Path, source: Path, attempt: Callable[[DirectoryStore, Path], object]
) -> None:
    with pytest.raises(Unavailable, match="AUDIO_STORE"):
        attempt(DirectoryStore(tmp_path / "unmounted"), source)
    assert not (tmp_path / "unmounted").exists()


def test_a_folder_that_cannot_be_read_is_unavailable_not_empty(store: DirectoryStore, root: Path) -> None:
    (root / "rec").write_bytes(b"a file where a folder should be")
    with pytest.raises(Unavailable):
        list(store.list("rec/quality-90d/"))


def test_files_that_are_not_audio_are_passed_over(store: DirectoryStore, root: Path, source: Path) -> None:
    put(store, source)
    (root / "readme.txt").write_bytes(b"x")
    audio(root).with_name("not_a_name").write_bytes(b"x")
    assert list(store.list("")) == [KEY]


def test_bytes_whose_statement_is_gone_are_broken_not_absent(store: DirectoryStore, root: Path, source: Path) -> None:
    put(store, source)
    sidecar(root).unlink()
    with pytest.raises(Broken):
        store.stat(KEY, None)
    with pytest.raises(Broken):
        store.delete(KEY)
    assert audio(root).exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"sha256": 1', b"\xff"])
def test_a_statement_that_cannot_be_read_is_broken(
    store: DirectoryStore, root: Path, source: Path, content: bytes
) -> None:
    put(store, source)
    sidecar(root).write_bytes(content)
    with pytest.raises(Broken):
        store.stat(KEY, None)


def test_bytes_that_were_cut_are_broken(store: DirectoryStore, root: Path, source: Path) -> None:
    put(store, source)
    os.truncate(audio(root), 10)
    with pytest.raises(Broken, match="size"):
        store.stat(KEY, None)


def test_bytes_that_were_altered_are_not_taken_for_those_put_again(
    store: DirectoryStore, root: Path, source: Path
) -> None:
    put(store, source)
    audio(root).write_bytes(CONTENT[::-1])
    with pytest.raises(Broken, match="changed"):
        put(store, source)


def test_a_symbolic_link_does_not_lead_out_of_the_store(
    store: DirectoryStore, root: Path, source: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "rec").symlink_to(outside)
    with pytest.raises(Broken, match="symbolic link"):
        put(store, source)
    with pytest.raises(Broken, match="symbolic link"):
        store.stat(KEY, None)
    with pytest.raises(Broken, match="symbolic link"):
        store.delete(KEY)
    assert not list(outside.iterdir())


def test_a_symbolic_link_in_place_of_audio_is_broken(
    store: DirectoryStore, root: Path, source: Path, tmp_path: Path
) -> None:
    put(store, source)
    audio(root).unlink()
    audio(root).symlink_to(tmp_path / "source")
    with pytest.raises(Broken, match="symbolic link"):
        store.stat(KEY, None)


def test_the_root_itself_may_be_a_link(tmp_path: Path, root: Path, source: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    stored = put(DirectoryStore(tmp_path / "link"), source)
    assert DirectoryStore(root).stat(KEY, None) == stored


def test_the_setting_opens_a_directory(root: Path, source: Path) -> None:
    store = open_store(f"dir:{root}")
    assert isinstance(store, DirectoryStore)
    assert put(store, source) == DirectoryStore(root).stat(KEY, None)


@pytest.mark.parametrize(
    "url",
    ["", "dir:", "var/audio", "/var/audio", "file:/x", "s3:", "s3://", "s3://UPPER/x", "s3:///x", "s3://b"],
)
def test_a_setting_that_names_no_store_is_refused_by_its_name(url: str) -> None:
    with pytest.raises(Refused, match="AUDIO_STORE"):
        open_store(url)


def test_a_directory_needs_no_boto(root: Path) -> None:
    script = (
        "import sys; from storage.audio.opening import open_store; open_store('dir:' + sys.argv[1]).check();"
        "print(sorted({'boto3', 'botocore', 'urllib3'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script, str(root)], check=True, capture_output=True, text=True)
    assert ran.stdout == "[]\n"
