"""The page of log lines has each line that the program can write, and no other: read from the program's own text."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.source import ROOMS, ROOT, modules, tree_of

PAGE = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
LEVELS = {
    "info": "INFO",
    "warning": "WARNING",
    "error": "ERROR",
    "exception": "ERROR, traceback",
    "critical": "CRITICAL",
}
Line = tuple[str, str, str]
"""A level, a module, and the words, with … for each field."""


def lines_of(path: Path, tree: ast.Module) -> Counter[Line]:
    """Raises AssertionError for words that are put together before they are logged, which no page can list."""
    module = ".".join(path.with_suffix("").parts)
    found = Counter[Line]()
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "log") or node.func.attr not in LEVELS:
            continue
        words = node.args[0]
        assert isinstance(words, ast.Constant), f"{path}:{node.lineno}: the words are no text of the program's"
        fields = re.sub(r"%[.\d]*[sdf]", "…", str(words.value))
        assert fields.strip("…"), f"{path}:{node.lineno}: the line has no words by which it could be known"
        found[LEVELS[node.func.attr], module, fields] += 1
    return found


def lines_on(page: str) -> list[Line]:
    rows = re.findall(r"^\| ([A-Z]+(?:, traceback)?) \| `([\w.]+)` \| (`+)(.+?)\3 \| .+ \|$", page, re.MULTILINE)
    return [(level, module, re.sub(r"<\w+>", "…", words)) for level, module, _, words in rows]


def unlisted(log: str) -> list[str]:
    """The lines of a log that are of no row of the page. A line without a time goes on with the line before."""
    rows = [
        re.compile(rf"{level.partition(',')[0]} {re.escape(module)} {'.*'.join(map(re.escape, words.split('…')))}")
        for level, module, words in lines_on(PAGE)
    ]
    said = re.findall(r"^\d{4}-\d\d-\d\d [\d:,]{12} ([A-Z]+ \S+ )(?:\d+ times more: )?(.*)$", log, re.MULTILINE)
    return [head + words for head, words in said if not any(row.match(head + words) for row in rows)]


WRITTEN = {line for path in modules(*ROOMS) if path.parts[0] != "simulator" for line in lines_of(path, tree_of(path))}


def test_the_page_has_each_line_once_and_no_other() -> None:
    listed = lines_on(PAGE)
    assert {line: count for line, count in Counter(listed).items() if count > 1} == {}
    assert sorted(set(listed) - WRITTEN) == []
    assert sorted(WRITTEN - set(listed)) == []


def test_a_line_without_a_place_on_the_page_is_seen() -> None:
    path = Path("storage/new.py")
    assert [*lines_of(path, ast.parse("log.error('the %s of %.1f s: %s', 1, 2, 3)"))] == [
        ("ERROR", "storage.new", "the … of … s: …")
    ]
    for faulty in ("log.error(words)", "log.warning('%s', 1)", "log.info(f'{1} is')"):
        with pytest.raises(AssertionError):
            lines_of(path, ast.parse(faulty))
    assert len(WRITTEN) > 40


def test_a_line_of_a_process_is_known_by_its_row() -> None:
    time, retold = "2026-11-22 14:03:07,412 ", "60 times more: callback refused: form: …"
    said = ["INFO onrecord.processes.serve serving a, b", f"WARNING callflow.steps {retold}"]
    new = ["INFO callflow.steps callback refused: form", "ERROR onrecord.new away"]
    assert unlisted("\n".join([*(time + line for line in said + new), "Traceback"])) == new


def test_the_page_names_each_work_of_a_worker() -> None:
    tree = tree_of(Path("onrecord/processes/work.py"))
    works = [
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "Periodic"
        and isinstance(node.args[0], ast.Constant)
    ]
    listed = PAGE.partition("`<work>` is what")[2].partition("\n\n")[0]
    assert sorted(works, key=str) == re.findall(r"`([a-z -]+)`", listed)


def test_the_page_names_each_reason_of_a_refusal() -> None:
    reasons = {
        str(node.args[0].value)
        for path in modules("callflow", "onrecord")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"Refusal", "self._refusals.count"}
        and isinstance(node.args[0], ast.Constant)
    }
    (row,) = [line for line in PAGE.splitlines() if "requests refused: " in line]
    assert len(reasons) > 5
    assert reasons - set(re.findall(r"`(\w+)`", row)) == set()
