"""Rules for the files of the house as text: their length, what they may not name, and how templates are written."""

import re
import subprocess
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from tests.source import ROOMS, ROOT, modules, text_of, tracked_files

LINES_MAX = 500


def test_no_module_is_too_long_to_be_read_at_once() -> None:
    lengths = {str(path): len(text_of(path).splitlines()) for path in modules(*ROOMS, "bench", "tests")}
    assert {
        path: length for path, length in lengths.items() if length > LINES_MAX and not path.startswith("tests")
    } == {}


def test_no_check_is_switched_off_without_its_reason() -> None:
    paths = [path for path in modules(*ROOMS, "bench", "tests") if path.name != Path(__file__).name]
    assert {str(path): bad for path in paths if (bad := _silenced(text_of(path)))} == {}


_MARK = re.compile(r"# (?:noqa|type: ignore)(?P<which>: ?[A-Z]+[0-9]+|\[[a-z, -]+\])?(?P<why> *(?:#|-) \S)?")


@pytest.mark.parametrize("mark", ["# noqa", "# noqa: S603", "# type: ignore", "# type: ignore[misc]", "# noqa # ran"])
def test_a_check_switched_off_without_its_reason_is_seen(mark: str) -> None:
    assert _silenced(f"x = 1  {mark}\n")


@pytest.mark.parametrize("mark", ["# noqa: S603  # ours", "# noqa: S603 - ours", "# type: ignore[misc]  # mypy"])
def test_a_check_switched_off_with_its_reason_is_not(mark: str) -> None:
    assert not _silenced(f"x = 1  {mark}\n")


def test_every_template_has_a_name_that_is_escaped() -> None:
    """Flask and our own environment escape .html and .xml, and nothing else."""
    kept = [path for path in tracked_files() if "templates" in str(path.parent) and path.suffix != ".py"]
    assert kept
    assert [path for path in kept if path.suffix not in {".xml", ".html"}] == []


_OPEN_TEMPLATE = re.compile(r"\|\s*safe\b|\{%\s*autoescape|\bstyle=|\bon[a-z]+=|javascript:|src=[\"']https?:|\bhx-on")


def test_no_template_steps_around_escaping_or_the_content_policy() -> None:
    templates = [
        path for path in tracked_files() if "templates" in str(path.parent) and path.suffix in {".xml", ".html"}
    ]
    assert {str(path): found for path in templates if (found := _OPEN_TEMPLATE.findall(text_of(path)))} == {}


@pytest.mark.parametrize("text", ["{{ name|safe }}", '<p style="x">', '<a onclick="x">', '<script src="https://x">'])
def test_a_template_that_steps_around_is_seen(text: str) -> None:
    assert _OPEN_TEMPLATE.search(text)


# Written so that these lines do not hold what they look for.
_MACHINE = re.compile(
    r"(?<![\w.~}])/(?:work|root|home|Users|tmp)/|\b(?:pypi|pythonhosted|registry|artifactory|devpi|nexus)\.[a-z]"
    r"|index-url[ =]https?:"
)


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = {str(path): hits for path in tracked_files() if (hits := _MACHINE.findall(_read(path)))}
    assert found == {}


@pytest.mark.parametrize(
    "text", ["cd /" + "work/main", "open('/" + "tmp/x')", "https://pypi" + ".example/simple", "/" + "root/.cache"]
)
def test_a_machine_or_registry_is_seen(text: str) -> None:
    assert _MACHINE.search(text)


def test_every_file_that_is_promised_to_a_package_is_there() -> None:
    promised = tomllib.loads(text_of(Path("pyproject.toml")))["tool"]["setuptools"]["package-data"]
    patterns = {f"{package}/{pattern}" for package, names in promised.items() for pattern in names}
    assert len(patterns) > 5
    assert {pattern for pattern in patterns if not any(ROOT.glob(pattern))} == set()


def test_the_commits_that_blame_looks_through_are_in_the_history() -> None:
    revisions = re.findall(r"^[0-9a-f]{40}$", text_of(Path(".git-blame-ignore-revs")), re.MULTILINE)
    assert len(revisions) > 3
    if (ROOT / ".git").exists():  # a copy without its history has nothing to look them up in
        kinds = subprocess.run(
            ["git", "cat-file", "--batch-check"],
            cwd=ROOT,
            input="\n".join(revisions),
            capture_output=True,
            text=True,
            check=True,
        )
        assert [line.split()[1] for line in kinds.stdout.splitlines()] == ["commit"] * len(revisions)


def _silenced(text: str) -> list[str]:
    """Marks that switch a check off without saying which, or why: behind them, or in a comment on the line above."""
    lines = ["", *text.splitlines()]
    return [
        line.strip()
        for above, line in pairwise(lines)
        if (mark := _MARK.search(line)) and not (mark["which"] and (mark["why"] or above.strip().startswith("# ")))
    ]


def _read(path: Path) -> str:
    try:
        return (ROOT / path).read_bytes().decode()
    except UnicodeDecodeError:
        return ""
