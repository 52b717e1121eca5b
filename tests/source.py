"""The house's own source, as the tests of its rules read it."""

import ast
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = (
    "callflow",
    "compliance",
    "console",
    "evidence",
    "onrecord",
    "outbound",
    "policies",
    "simulator",
    "storage",
    "twiml_templates",
)
# A program that is handed to strangers. It is in nobody's room: the house reads it as a text, and never runs it.
HANDED_OUT = Path("evidence/verify.py")


def modules(*tops: str) -> list[Path]:
    """The Python files below these folders that make up the house, by their paths from the root."""
    found = (path.relative_to(ROOT) for top in tops for path in (ROOT / top).rglob("*.py"))
    return sorted(path for path in found if path != HANDED_OUT)


def text_of(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(text_of(path), str(path))


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in it: at the top, inside a function, or for the types only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import would hide which room it comes from, so it keeps its dots and is in no table.
            yield "." * node.level + (node.module or "")


def tracked_files() -> list[Path]:
    """The files that git keeps or will keep with the next commit; without git, all that a fresh copy holds."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
        paths = [Path(line) for line in listed]
    else:
        ignored = [line.strip("/\n") for line in (ROOT / ".gitignore").read_text().splitlines()]
        paths = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
        paths = [path for path in paths if not any(fnmatch(part, one) for part in path.parts for one in ignored)]
    return sorted(path for path in paths if (ROOT / path).is_file())
