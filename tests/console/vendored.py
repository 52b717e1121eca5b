"""The scripts and styles of others that the console serves, as `console/static/vendor/VENDOR.toml` lists them.

    python -m tests.console.vendored

fetches every listed version from npm again, writes its files and the list, and prints the newest version of each. To
move to another version, write it into the list first, and remove the folder of the one before.
"""

import subprocess
import tarfile
import tomllib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256, sha512
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.source import ROOT

FOLDER = ROOT / "console" / "static" / "vendor"
LIST = "VENDOR.toml"
ABOUT = """\
# Made by others and served as they packed it: nothing here is edited. `make vendored` fetches it again.
# `packed` is a file's path in npm's archive, `integrity` npm's hash of that archive.
"""


@dataclass(frozen=True, slots=True)
class File:
    """`path` is from the vendor folder, `packed` from the top of npm's archive."""

    path: str
    packed: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Package:
    """`licence` is SPDX's name of the text that comes with it, which the package itself may call otherwise.

    `builds_code` says why a script that makes code out of text is served all the same; empty where none does.
    """

    name: str
    version: str
    licence: str
    integrity: str
    files: tuple[File, ...]
    builds_code: str = ""

    @property
    def folder(self) -> str:
        """npm's own name for the archive, without its ending."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}"


def listed(folder: Path = FOLDER) -> list[Package]:
    tables = tomllib.loads((folder / LIST).read_text(encoding="utf-8"))["package"]
    return [Package(**{**table, "files": tuple(File(**file) for file in table["files"])}) for table in tables]


def hashes(folder: Path = FOLDER) -> dict[str, str]:
    """Every file below the folder but the list itself, with its sha-256."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != LIST]
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in paths}


def integrity_of(archive: bytes) -> str:
    """npm's hash of an archive, in the form of W3C's Subresource Integrity."""
    return f"sha512-{b64encode(sha512(archive).digest()).decode()}"


def unpacked(package: Package, archive: bytes) -> tuple[Package, Mapping[str, bytes]]:
    """The package as the list is to have it, and its files by their paths from the vendor folder."""
    with tarfile.open(fileobj=BytesIO(archive)) as opened:
        contents = {file.packed: _member(opened, file.packed) for file in package.files}
    files = tuple(
        File(f"{package.folder}/{Path(packed).name}", packed, sha256(content).hexdigest())
        for packed, content in contents.items()
    )
    found = replace(package, integrity=integrity_of(archive), files=files)
    return found, {file.path: contents[file.packed] for file in files}


def written(packages: list[Package]) -> str:
    """The list as text."""
    return "\n".join([ABOUT, *map(_table, packages)])


def refresh(folder: Path = FOLDER) -> None:
    """Ends with a message where npm has other bytes than before for the same version."""
    fresh = []
    for before in listed(folder):
        after, contents = unpacked(before, _fetched(f"{before.name}@{before.version}"))
        if (folder / after.folder).exists() and after.integrity != before.integrity:
            raise SystemExit(f"{before.name} {before.version} is {after.integrity} at npm, and {before.integrity} here")
        for path, content in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        fresh.append(after)
        print(f"{after.name} {after.version} is here; npm has {_npm('view', after.name, 'version').strip()}")
    (folder / LIST).write_text(written(fresh), encoding="utf-8")


def _table(package: Package) -> str:
    words = {name: getattr(package, name) for name in ("name", "version", "licence", "integrity", "builds_code")}
    lines = ["[[package]]", *(f'{name} = "{word}"' for name, word in words.items() if word)]
    for file in package.files:
        lines += ["[[package.files]]", *(f'{name} = "{getattr(file, name)}"' for name in ("path", "packed", "sha256"))]
    return "\n".join([*lines, ""])


def _member(opened: tarfile.TarFile, packed: str) -> bytes:
    found = opened.extractfile(f"package/{packed}")
    assert found is not None, packed
    return found.read()


def _fetched(spec: str) -> bytes:
    with TemporaryDirectory() as place:
        _npm("pack", "--silent", "--pack-destination", place, spec)
        (archive,) = Path(place).glob("*.tgz")
        return archive.read_bytes()


def _npm(*words: str) -> str:
    return subprocess.run(["npm", *words], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    refresh()
