"""The key that vCons are signed with: one PEM file of a key and its certificates, which only its owner can open."""

import os
from datetime import datetime
from pathlib import Path

from evidence.jws import CertifiedKey, NotACertifiedKey, read_certified_key
from onrecord.settings.environment import Problem, SettingsRejected
from onrecord.settings.private_files import GROUP_AND_OTHERS, Fault, read_private
from storage.disk import make_folder, new_private
from storage.self_signed import new_certified_key

SETTING = "ONRECORD_VCON_KEY"
_BYTES_MAX = 65536  # a chain has several certificates


def create_vcon_key(path: Path, business: str, now: datetime) -> None:
    """Make a new key with a self-signed certificate in the business's name. Raises Refused where one exists."""
    make_folder(path.parent)
    with new_private(path) as write:
        write(new_certified_key(business, now))


def read_vcon_key(path: Path) -> CertifiedKey:
    """Raises SettingsRejected for a file that is missing, holds something else, or is open to anyone but its owner."""
    content = read_private(path, closed_to=GROUP_AND_OTHERS, owner=os.geteuid(), bytes_max=_BYTES_MAX)
    if isinstance(content, Fault):
        raise _rejected(content)
    try:
        return read_certified_key(content)
    except NotACertifiedKey as error:
        remedy = f"write an RSA key and its certificates into {path}, the key's own certificate first"
        raise _rejected(Fault(f"holds {error}", remedy)) from None


def _rejected(fault: Fault) -> SettingsRejected:
    return SettingsRejected(Problem(SETTING, *fault))
