"""The scripts and styles of others lie in the console as npm packed them, with their licences, and fetch nothing."""

import re
import shutil
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from tests.console.vendored import FOLDER, LIST, File, Package, hashes, integrity_of, listed, unpacked, written
from tests.source import ROOT, text_of, tracked_files

PACKAGES = listed()
# A sentence that only this licence has.
LICENCES = {
    "0BSD": "WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES",
    "BSD-3-Clause": "Neither the name of the copyright holder",
    "MIT": "Permission is hereby granted, free of charge",
}
# Code made of text, by whatever name: htmx keeps `Function` in a field before it calls it.
_BUILDS_CODE = re.compile(
    r"\beval\s*\(|\bFunction\b|function\s*\*?\s*\(\)\s*\{\s*\}\s*\)\.constructor|\bset(?:Timeout|Interval)\(\s*[\"'`]"
)
_REACHES_OUT = re.compile(r"\burl\(\s*[\"']?(?:https?:)?//|@import|sourceMappingURL|\bimport\s*[({\"'*]|\bfrom\s*[\"']")
# An XML namespace looks like an address and is only a name.
_ADDRESS = re.compile(
    r"https?://(?!www\.w3\.org/(?:2000/svg|1999/xhtml|1999/xlink)[\"'])|(?:src|href|action|url|from|import)[\s=(]*[\"']//"
)


def differences(folder: Path) -> set[str]:
    """The files that are listed and missing, there and not listed, or other than listed."""
    named = {file.path: file.sha256 for package in listed(folder) for file in package.files}
    found = hashes(folder)
    return {path for path in named.keys() | found.keys() if named.get(path) != found.get(path)}


def test_what_is_vendored_is_what_is_listed_byte_for_byte() -> None:
    assert sum(len(package.files) for package in PACKAGES) > 5
    assert differences(FOLDER) == set()


def _change_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "tamper",
    [_change_a_byte, Path.unlink, lambda path: path.rename(path.with_name("renamed.js"))],
    ids=["a changed byte", "a missing file", "a renamed file"],
)
def test_a_file_that_is_not_as_listed_is_seen(tamper: Callable[[Path], object], tmp_path: Path) -> None:
    copied = Path(shutil.copytree(FOLDER, tmp_path / "vendor"))
    assert differences(copied) == set()
    first = PACKAGES[0].files[0].path
    tamper(copied / first)
    assert first in differences(copied)


def test_a_file_that_nobody_listed_is_seen(tmp_path: Path) -> None:
    copied = Path(shutil.copytree(FOLDER, tmp_path / "vendor"))
    (copied / "more.js").write_text("1", encoding="utf-8")
    assert differences(copied) == {"more.js"}


def test_every_package_has_the_text_of_its_licence() -> None:
    for package in PACKAGES:
        (text,) = [file.path for file in package.files if Path(file.packed).stem == "LICENSE"]
        assert LICENCES[package.licence] in (FOLDER / text).read_text(encoding="utf-8"), package.name


def test_every_file_lies_in_the_folder_of_its_name_and_version() -> None:
    for package in PACKAGES:
        assert {Path(file.path).parent.as_posix() for file in package.files} == {package.folder}
        assert "@" not in package.folder


def test_a_script_makes_code_out_of_text_only_where_the_list_says_why() -> None:
    made = {package.name for package in PACKAGES if any(_BUILDS_CODE.search(text) for text in _scripts(package))}
    assert made == {package.name for package in PACKAGES if package.builds_code}


@pytest.mark.parametrize(
    "script",
    ["eval(x)", "new Function(x)", "let f=Function;", "(async function(){}).constructor", "setTimeout('x()',1)"],
)
def test_a_script_that_makes_code_out_of_text_is_seen(script: str) -> None:
    assert _BUILDS_CODE.search(script)


@pytest.mark.parametrize("script", ["e.renderFunction(t)", "setTimeout(()=>x(),1)", "x.constructor===Object"])
def test_a_script_that_does_not_is_let_be(script: str) -> None:
    assert not _BUILDS_CODE.search(script)


def test_no_vendored_file_fetches_another() -> None:
    """Neither from another host nor from beside it: there is no bundler, and none is needed."""
    found = {
        file.path: hits
        for package in PACKAGES
        for file in package.files
        if (hits := _REACHES_OUT.findall((FOLDER / file.path).read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "text", ["url(//x/y.woff)", "@import 'x'", "import{a}from'./b.js'", "import('x')", "//# sourceMappingURL=x.map"]
)
def test_a_file_that_fetches_another_is_seen(text: str) -> None:
    assert _REACHES_OUT.search(text)


def test_no_template_script_or_style_of_ours_names_an_address() -> None:
    ours = [path for path in tracked_files() if _is_sent_to_browsers(path)]
    assert len(ours) > 10
    assert {str(path): hits for path in ours if (hits := _ADDRESS.findall(text_of(path)))} == {}


@pytest.mark.parametrize(
    "text", ['<script src="https://x/y.js">', "fetch('http://x')", '<link href="//x/y.css">', "import '//x/y.js'"]
)
def test_a_text_that_names_an_address_is_seen(text: str) -> None:
    assert _ADDRESS.search(text)


@pytest.mark.parametrize("text", ['<svg xmlns="http://www.w3.org/2000/svg">', "{{ url_for('calls') }}", "// a comment"])
def test_a_text_that_names_none_is_not(text: str) -> None:
    assert not _ADDRESS.search(text)


def test_the_list_is_as_it_would_be_written_again() -> None:
    assert written(PACKAGES) == (FOLDER / LIST).read_text(encoding="utf-8")


def test_a_package_is_listed_as_its_archive_has_it() -> None:
    archive = _archive({"README.md": b"", "dist/deep/x.js": b"1\n"})
    before = Package("@a/b", "2.0", "MIT", "sha512-", (File("", "dist/deep/x.js", ""),), "why")
    after, contents = unpacked(before, archive)
    assert contents == {"a-b-2.0/x.js": b"1\n"}
    sha256 = "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865"  # of `echo 1`
    files = (File("a-b-2.0/x.js", "dist/deep/x.js", sha256),)
    assert after == Package("@a/b", "2.0", "MIT", integrity_of(archive), files, "why")


def _archive(contents: dict[str, bytes]) -> bytes:
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as opened:
        for path, content in contents.items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size = len(content)
            opened.addfile(entry, BytesIO(content))
    return packed.getvalue()


def _scripts(package: Package) -> list[str]:
    paths = [FOLDER / file.path for file in package.files if file.path.endswith(".js")]
    return [path.read_text(encoding="utf-8") for path in paths]


def _is_sent_to_browsers(path: Path) -> bool:
    is_ours = not (ROOT / path).is_relative_to(FOLDER)
    return is_ours and bool({"templates", "static"} & {*path.parts}) and path.suffix in {".html", ".js", ".css", ".svg"}
