"""The key file: made once, never replaced, and refused when anyone else could have read or written it."""

import base64
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from onrecord.settings.environment import SettingsRejected
from onrecord.settings.key_file import NAMES, create_key_file, finish_rotation, read_keys, rotate_signing_key

DERIVED = {
    "number_hash_key": b"onrecord number hash key v1",
    "journal_key": b"onrecord request journal key v1",
    "staff_key": b"onrecord staff key v1",
}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    create_key_file(path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(SettingsRejected) as rejection:
        read_keys(path)
    assert [problem.setting for problem in rejection.value.problems] == ["ONRECORD_KEY_FILE"]
    return str(rejection.value)


def without_comments(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


def test_a_new_key_file_holds_three_different_keys(key_file: Path) -> None:
    keys = read_keys(key_file)
    held = {keys.key_encryption_key, keys.log_signing_seed, keys.url_mac_key}
    assert [len(key) for key in held] == [32, 32, 32]


def test_two_key_files_share_nothing(key_file: Path, tmp_path: Path) -> None:
    create_key_file(tmp_path / "others")
    assert not set(without_comments(key_file)) & set(without_comments(tmp_path / "others"))


def test_each_key_is_read_under_its_own_name(key_file: Path) -> None:
    written = {name: bytes([number] * 32) for number, name in enumerate(NAMES, start=1)}
    lines = [f"{name}: {base64.b64encode(key).decode()}" for name, key in reversed(written.items())]
    key_file.write_text("\n".join(lines) + "\n")
    keys = read_keys(key_file)
    assert (keys.key_encryption_key, keys.log_signing_seed, keys.url_mac_key) == tuple(written.values())


@pytest.mark.parametrize(("name", "label"), DERIVED.items())
def test_the_other_keys_are_made_of_what_every_key_file_holds(key_file: Path, name: str, label: bytes) -> None:
    keys = read_keys(key_file)
    assert getattr(keys, name) == HKDFExpand(SHA256(), 32, label).derive(keys.key_encryption_key)
    assert len({keys.key_encryption_key, *(getattr(keys, one) for one in DERIVED)}) == 1 + len(DERIVED)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_only_the_owner_can_open_a_new_key_file(umask: int, tmp_path: Path) -> None:
    former = os.umask(umask)
    try:
        create_key_file(tmp_path / "keys")
    finally:
        os.umask(former)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600


def test_a_key_file_is_never_replaced(key_file: Path) -> None:
    before = key_file.read_bytes()
    with pytest.raises(SettingsRejected, match="ONRECORD_KEY_FILE already exists"):
        create_key_file(key_file)
    assert key_file.read_bytes() == before


def test_a_rotation_replaces_the_file_behind_a_link_and_leaves_it_to_its_owner(key_file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(key_file)
    before, inode = read_keys(key_file), key_file.stat().st_ino
    former = os.umask(0o277)
    try:
        rotate_signing_key(tmp_path / "link")
    finally:
        os.umask(former)
    after = read_keys(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert key_file.stat().st_ino != inode  # another file in its place: whole at every moment
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert after.log_signing_seeds[1:] == before.log_signing_seeds
    finish_rotation(key_file)
    assert read_keys(key_file).log_signing_seeds == after.log_signing_seeds[:1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys", "link"]


def test_a_rotation_without_room_leaves_the_keys_as_they_are(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_file.read_bytes()
    monkeypatch.setattr(os, "fsync", _no_room)
    with pytest.raises(OSError, match="no room"):
        rotate_signing_key(key_file)
    assert key_file.read_bytes() == before
    assert [path.name for path in key_file.parent.iterdir()] == ["keys"]


def _no_room(_: int) -> None:
    raise OSError("no room")


def test_a_dangling_link_is_not_followed_to_make_keys(tmp_path: Path) -> None:
    (tmp_path / "keys").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsRejected):
        create_key_file(tmp_path / "keys")
    assert not (tmp_path / "elsewhere").exists()


def test_the_directory_of_a_new_key_file_is_made(tmp_path: Path) -> None:
    create_key_file(tmp_path / "var" / "keys")
    assert read_keys(tmp_path / "var" / "keys")


def test_a_missing_key_file_is_refused_with_its_remedy(tmp_path: Path) -> None:
    said = refusal(tmp_path / "keys")
    assert said.endswith("/keys, which does not exist: restore its copy, or run `onrecord init`")


@pytest.mark.parametrize("mode", [0o640, 0o660, 0o604, 0o610, 0o601, 0o620, 0o602, 0o666])
def test_a_key_file_open_to_anyone_else_is_refused(mode: int, key_file: Path) -> None:
    key_file.chmod(mode)
    assert "other users" in refusal(key_file)
    assert "chmod 600" in refusal(key_file)


def test_a_key_file_may_be_read_only(key_file: Path) -> None:
    key_file.chmod(0o400)
    assert read_keys(key_file)


def test_a_key_file_of_another_user_is_refused(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: key_file.stat().st_uid + 1)
    assert "another user" in refusal(key_file)


def test_a_link_to_a_proper_key_file_is_followed(key_file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(key_file)
    assert read_keys(tmp_path / "link") == read_keys(key_file)


def test_a_directory_or_a_pipe_is_no_key_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "directory").mkdir(mode=0o700)
    assert "plain file" in refusal(tmp_path / "pipe")
    assert "plain file" in refusal(tmp_path / "directory")


@pytest.mark.parametrize(
    ("what", "damage"),
    [
        ("empty", lambda text: ""),
        ("cut short", lambda text: text[:-9]),
        ("without its last newline", lambda text: text[:-1]),
        ("a key missing", lambda text: text[: text.index("url-mac-key: ")]),
        ("a key twice", lambda text: text + text.splitlines()[-1] + "\n"),
        ("a name twice, another missing", lambda text: text.replace("url-mac-key: ", "log-signing-key: ")),
        ("an unknown key", lambda text: text + "more: AAAA\n"),
        ("an unknown name", lambda text: text.replace("url-mac-key: ", "url-key: ")),
        ("a line that is none", lambda text: text + "hello\n"),
        ("not base64", lambda text: text.replace("url-mac-key: ", "url-mac-key: !!")),
        ("a short key", lambda text: text[: text.index("url-mac-key: ")] + "url-mac-key: QUJD\n"),
        ("a key of zeros", lambda text: text[: text.index("url-mac-key: ")] + f"url-mac-key: {'A' * 43}=\n"),
        ("not ASCII", lambda text: text.replace("url-mac-key: ", "url-mac-key: é")),
        ("more behind what is read", lambda text: text + "#" * (4095 - len(text)) + "\nmore: AAAA\n"),
        ("far too long", lambda text: "#" * 5000 + "\n" + text),
    ],
)
def test_a_damaged_key_file_is_refused(what: str, damage: Callable[[str], str], key_file: Path) -> None:
    key_file.write_text(damage(key_file.read_text()))
    assert "is damaged" in refusal(key_file), what


def test_no_key_is_in_the_repr_or_in_a_refusal(key_file: Path) -> None:
    keys = read_keys(key_file)
    assert repr(keys) == "Keys()"
    key_file.write_text(key_file.read_text() + "more: x\n")
    assert all(line.split(": ")[1] not in refusal(key_file) for line in without_comments(key_file)[:3])


def test_a_file_that_can_not_even_be_looked_at_is_rejected_and_not_taken_for_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsRejected, match="ONRECORD_KEY_FILE cannot be read"):
        read_keys(tmp_path / ("x" * 300))
