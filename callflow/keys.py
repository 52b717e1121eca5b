"""The key file: one small text file that only its owner can open.

Whoever holds it can open every kept recording and sign the consent log; whoever loses it loses both for good.
"""

import base64
import binascii
import hmac
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from callflow.private_files import BYTES_MAX, GROUP_AND_OTHERS, Fault, read_private
from callflow.settings import Problem, SettingsRejected

SETTING = "ONRECORD_KEY_FILE"
KEY_BYTES = 32
NAMES = ("key-encryption-key", "log-signing-key", "url-mac-key")
_NUMBER_HASH = b"onrecord number hash key v1"

HEADER = """\
# onrecord keys, format 1. Keep this file to its owner (mode 0600) and a copy of it where the database is not.
# Lost, no kept recording can be opened again. Each line: a name, and 32 random bytes in base64.
# key-encryption-key seals the key of every recording, and makes the key that callers' numbers are hashed with;
# log-signing-key (an Ed25519 seed) signs the checkpoints of the consent log; url-mac-key proves that a URL was made
# here.
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """Three independent keys of 32 bytes."""

    key_encryption_key: bytes = field(repr=False)
    log_signing_seed: bytes = field(repr=False)
    url_mac_key: bytes = field(repr=False)

    @property
    def number_hash_key(self) -> bytes:
        """Hashes callers' numbers. HKDF-Expand (RFC 5869) of the key-encryption key, for which one block is enough."""
        return hmac.digest(self.key_encryption_key, _NUMBER_HASH + b"\x01", "sha256")


def create_key_file(path: Path) -> None:
    """Make new keys, durable on return and never there by half. Refuses to replace a file: old recordings need the old
    keys.
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
    _sync_directory(path.parent)


def read_keys(path: Path) -> Keys:
    """Raises SettingsRejected for a file that is missing, damaged, or open to anyone but its owner."""
    if not path.exists():
        raise _rejected(Fault(f"names {path}, which does not exist", "restore its copy, or run `onrecord init`"))
    content = read_private(path, closed_to=GROUP_AND_OTHERS, owner=os.geteuid())
    if isinstance(content, Fault):
        raise _rejected(content)
    keys = _parse(content)
    if keys is None:
        raise _rejected(Fault("is damaged", f"restore {path} from its copy"))
    return Keys(*(keys[name] for name in NAMES))


def _new_content() -> bytes:
    lines = (f"{name}: {base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}\n" for name in NAMES)
    return (HEADER + "".join(lines)).encode()


def _parse(content: bytes) -> dict[str, bytes] | None:
    """The keys by name; None unless each of the three stands there exactly once, and nothing else does."""
    if len(content) >= BYTES_MAX or not content.endswith(b"\n"):
        return None
    lines = [line for line in content.decode("ascii", "replace").splitlines() if line and line[0] != "#"]
    found = [re.fullmatch(r"([a-z-]+): (\S+)", line) for line in lines]
    keys = {match[1]: _decoded(match[2]) for match in found if match}
    if len(lines) != len(NAMES) or set(keys) != set(NAMES):
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


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rejected(fault: Fault) -> SettingsRejected:
    return SettingsRejected(Problem(SETTING, *fault))
