"""The key file: one small text file that only its owner can open.

Its holder can open every kept recording and sign the consent log; without it neither can be done any more.
"""

import base64
import binascii
import hmac
import os
import re
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path

from onrecord.settings.environment import Problem, SettingsRejected
from onrecord.settings.private_files import BYTES_MAX, GROUP_AND_OTHERS, Fault, read_private
from storage.disk import sync_folder

SETTING = "ONRECORD_KEY_FILE"
KEY_BYTES = 32
NAMES = ("key-encryption-key", "log-signing-key", "url-mac-key")
OLD_SIGNING_KEY = "log-signing-key-old"
_NUMBER_HASH = b"onrecord number hash key v1"
_JOURNAL = b"onrecord request journal key v1"
_STAFF = b"onrecord staff key v1"

HEADER = """\
# onrecord keys, format 1. Keep this file to its owner (mode 0600) and a copy of it where the database is not.
# Lost, no kept recording can be opened again. Each line: a name, and 32 random bytes in base64.
# key-encryption-key seals the key of every recording, and makes the keys that callers' numbers are hashed with and
# that the staff's second factors are sealed with;
# log-signing-key (an Ed25519 seed) signs the checkpoints of the consent log; url-mac-key proves that a URL was made
# here. While the signing key is being rotated, log-signing-key-old is the one before and signs as well.
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """Three independent keys of 32 bytes; and the signing key before, while it is being rotated."""

    key_encryption_key: bytes = field(repr=False)
    log_signing_seed: bytes = field(repr=False)
    url_mac_key: bytes = field(repr=False)
    old_log_signing_seed: bytes | None = field(default=None, repr=False)

    @property
    def log_signing_seeds(self) -> tuple[bytes, ...]:
        """The seeds of the signing keys, the present key first."""
        return (self.log_signing_seed, *([self.old_log_signing_seed] if self.old_log_signing_seed else []))

    @property
    def number_hash_key(self) -> bytes:
        """Hashes callers' numbers. HKDF-Expand (RFC 5869) of the key-encryption key, for which one block is enough."""
        return self._expanded(_NUMBER_HASH)

    @property
    def journal_key(self) -> bytes:
        """Seals the requests that wait for the database."""
        return self._expanded(_JOURNAL)

    @property
    def staff_key(self) -> bytes:
        """Seals the second factors of the staff, and signs the challenges that their browsers keep."""
        return self._expanded(_STAFF)

    def _expanded(self, label: bytes) -> bytes:
        return hmac.digest(self.key_encryption_key, label + b"\x01", "sha256")


def create_key_file(path: Path) -> None:
    """Make new keys, durable on return and written whole or not at all. Refuses to replace a file: old recordings need
    the old keys.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unnamed = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_durably(unnamed, _new_content())
        os.link(unnamed, path)  # which never replaces
    except FileExistsError:
        raise _rejected(Fault("already exists", f"keep it, or move {path} away first")) from None
    finally:
        unnamed.unlink(missing_ok=True)
    sync_folder(path.parent)


def read_keys(path: Path) -> Keys:
    """Raises SettingsRejected for a file that is missing, damaged, or open to anyone but its owner."""
    if _is_missing(path):
        raise _rejected(Fault(f"names {path}, which does not exist", "restore its copy, or run `onrecord init`"))
    content = read_private(path, closed_to=GROUP_AND_OTHERS, owner=os.geteuid())
    if isinstance(content, Fault):
        raise _rejected(content)
    keys = _parse(content)
    if keys is None:
        raise _rejected(Fault("is damaged", f"restore {path} from its copy"))
    kept, signing, mac = (keys[name] for name in NAMES)
    return Keys(kept, signing, mac, keys.get(OLD_SIGNING_KEY))


def _is_missing(path: Path) -> bool:
    """Whether the file is certainly missing. False where it can't be examined, as in a closed folder or on a failing
    disk.
    """
    try:
        return not path.exists()
    except OSError:
        return False


def rotate_signing_key(path: Path) -> None:
    """Sign with a new key from now on, and with the old key as well. Raises SettingsRejected while a rotation is under
    way.
    """
    keys = read_keys(path)
    if keys.old_log_signing_seed:
        raise _rejected(Fault("holds an old signing key still", "end that rotation first (--finish)"))
    _replace(path, replace(keys, log_signing_seed=_new_key(), old_log_signing_seed=keys.log_signing_seed))


def finish_rotation(path: Path) -> None:
    """Sign with the new key only, and forget the old key. Does nothing where there is none."""
    _replace(path, replace(read_keys(path), old_log_signing_seed=None))


def _replace(path: Path, keys: Keys) -> None:
    """Durable on return, and whole at every moment: lost keys are lost for good."""
    path = path.resolve()
    unnamed = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_durably(unnamed, _content(keys))
        unnamed.replace(path)
    finally:
        unnamed.unlink(missing_ok=True)
    sync_folder(path.parent)


def _new_content() -> bytes:
    return _content(Keys(_new_key(), _new_key(), _new_key()))


def _content(keys: Keys) -> bytes:
    held = dict(zip(NAMES, (keys.key_encryption_key, keys.log_signing_seed, keys.url_mac_key), strict=True))
    if keys.old_log_signing_seed:
        held[OLD_SIGNING_KEY] = keys.old_log_signing_seed
    lines = (f"{name}: {base64.b64encode(key).decode()}\n" for name, key in held.items())
    return (HEADER + "".join(lines)).encode()


def _new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def _parse(content: bytes) -> dict[str, bytes] | None:
    """The keys by name; None unless each of the three stands there exactly once, and nothing else but an old one."""
    if len(content) >= BYTES_MAX or not content.endswith(b"\n"):
        return None
    lines = [line for line in content.decode("ascii", "replace").splitlines() if line and line[0] != "#"]
    found = [re.fullmatch(r"([a-z-]+): (\S+)", line) for line in lines]
    keys = {match[1]: _decoded(match[2]) for match in found if match}
    if len(lines) != len(keys) or set(keys) - {OLD_SIGNING_KEY} != set(NAMES):
        return None
    return {name: key for name, key in keys.items() if key} if all(keys.values()) else None


def _decoded(text: str) -> bytes | None:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_BYTES and any(key) else None


def _write_durably(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)  # whatever the umask took away
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _rejected(fault: Fault) -> SettingsRejected:
    return SettingsRejected(Problem(SETTING, *fault))
