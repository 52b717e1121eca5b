"""Rules for the files of the house as text: their length, what they may not name, and how templates are written."""

import re
import subprocess
import tomllib
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from tests.source import ROOMS, ROOT, modules, text_of, tracked_files
from tests.test_arrows import names

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


class _Elements(HTMLParser):
    """The elements of a template, each with its attributes. Jinja is cut out first: its quotes are none of HTML's."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", " ", text, flags=re.DOTALL))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name.removeprefix("data-"): (value or "").strip() for name, value in attrs}))


# Out of the script itself: the attributes of an older htmx (hx-disabled-elt, hx-ext) are there no more, and do nothing.
_KNOWN_TO_HTMX = {
    name
    for path in ROOT.glob("console/static/vendor/htmx*/*.js")
    for name in re.findall(r"\bhx(?:-[a-z]+)+", path.read_text(encoding="utf-8"))
}
_ASKS = names("hx-action hx-get hx-post hx-put hx-patch hx-delete hx-query")
# Read from the element that asks, and since htmx 4 from those around it only where they say `:inherited`.
_OF_A_REQUEST = names("""
    hx-boost hx-config hx-confirm hx-disable hx-encoding hx-headers hx-include hx-indicator hx-method hx-push-url
    hx-replace-url hx-select hx-select-oob hx-status hx-swap hx-sync hx-target hx-vals
""")


def idle_attributes(text: str) -> list[str]:
    """Attributes of htmx that it passes over in silence, or that no element takes."""
    return [
        f"<{tag} {name}>"
        for tag, attributes in _Elements(text).found
        for name in attributes
        if name.startswith("hx-") and (_base(name) not in _KNOWN_TO_HTMX or _is_lost(tag, name, attributes))
    ]


def code_in_attributes(text: str) -> list[str]:
    """Values that htmx would make code of, which the content policy refuses once somebody presses."""
    return [
        f'<{tag} {name}="{value}">'
        for tag, attributes in _Elements(text).found
        for name, value in attributes.items()
        if value.startswith(("js:", "javascript:"))
        or _base(name) == "hx-on"
        or (_base(name) == "hx-trigger" and "[" in value)
    ]


def _base(name: str) -> str:
    return name.partition(":")[0]


def _is_lost(tag: str, name: str, attributes: dict[str, str]) -> bool:
    can_be_boosted = tag in {"a", "form"}
    if "inherited" in name.split(":") or _base(name) not in _OF_A_REQUEST:
        return False
    if _base(name) == "hx-boost":
        return not can_be_boosted
    return not (_ASKS & attributes.keys() or (can_be_boosted and "hx-boost" in attributes))


@pytest.mark.parametrize("rule", [idle_attributes, code_in_attributes])
def test_every_template_is_written_for_the_htmx_that_is_served(rule: Callable[[str], list[str]]) -> None:
    pages = [path for path in tracked_files() if "templates" in str(path.parent) and path.suffix == ".html"]
    assert pages
    assert _KNOWN_TO_HTMX > _ASKS | _OF_A_REQUEST
    assert {str(path): found for path in pages if (found := rule(text_of(path)))} == {}


@pytest.mark.parametrize(
    "text",
    [
        """<body hx-headers='{"X-CSRF-Token": "{{ token }}"}'>""",
        '<main hx-target="#calls">',
        '<table class="x" hx-swap="outerHTML">',
        '<ul hx-indicator="#wait"><li hx-get="/x">',
        '<section hx-boost="true">',
        '<div hx-get="/x" hx-boost="true">',
        '<form method="post" hx-target="#calls">',
        '<a href="/calls" hx-swap="none">',
        '<div hx-target:append="#calls">',
        '<div hx-status:422="swap:none">',
        '<div data-hx-confirm="Really?">',
        """<p {% if a > 1 %}hx-target="{{ url_for("x", id='"') }}"{% endif %}>""",
        '<button hx-post="/x" hx-disabled-elt="this">',
        '<main hx-ext="sse">',
    ],
)
def test_an_attribute_that_htmx_passes_over_is_seen(text: str) -> None:
    assert len(idle_attributes(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        """<body hx-headers:inherited='{"X-CSRF-Token": "{{ token }}"}'>""",
        '<main hx-target:inherited="#calls" hx-swap:inherited:append="swap:1s">',
        '<form method="post" hx-post="{{ url_for("note") }}" hx-target="#notes" hx-status:422="target:#why">',
        '<form {% if a > 1 %}hx-post="/x"{% else %}hx-delete="/x"{% endif %} hx-confirm="{{ _("Really?") }}">',
        '<a href="/calls" hx-boost="true" hx-target="#calls">',
        '<main hx-boost:inherited="true">',
        '<li id="x" hx-swap-oob="true" hx-preserve>',
    ],
)
def test_an_attribute_that_an_element_takes_is_let_be(text: str) -> None:
    assert idle_attributes(text) == []
    assert code_in_attributes(text) == []


@pytest.mark.parametrize(
    "text",
    [
        '<button hx-on:click="x()">',
        '<button data-hx-on="click -> x()">',
        "<button hx-post='/x' hx-vals='js:{at: 1}'>",
        '<button hx-post="/x" hx-headers="javascript:{}">',
        '<button hx-post="/x" hx-confirm=" js:ask()">',
        '<button hx-get="js:x()">',
        '<button hx-get="/x" hx-trigger="keyup[key==\'k\'] from:body">',
    ],
)
def test_code_in_an_attribute_is_seen(text: str) -> None:
    assert len(code_in_attributes(text)) == 1


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


# What is ours is installed from this folder, without its dependencies; everything else is in a list with hashes.
_INSTALLS = re.compile(r"^.*\b(?:PIP\)|UV\) pip)(?: --python \S+)? install .*$", re.MULTILINE)


def unpinned(makefile: str) -> list[str]:
    """The installations of a Makefile that take what no hash names; `lock` makes the hashes, and may."""
    recipes = re.sub(r"^lock:.*\n(?:\t.*\n)*", "", makefile, flags=re.MULTILINE)
    found = _INSTALLS.findall(recipes)
    return [line.strip() for line in found if not ("--require-hashes -r requirements/" in line or "--no-deps" in line)]


def test_everything_that_make_installs_is_named_by_its_hash() -> None:
    makefile = text_of(Path("Makefile"))
    assert len(_INSTALLS.findall(makefile)) > 4
    assert unpinned(makefile) == []


@pytest.mark.parametrize(
    "line", ["$(PYTHON) -m $(PIP) --python x install uv", "@$(UV) pip install --python x -r requirements/demo.txt"]
)
def test_an_installation_without_hashes_is_seen(line: str) -> None:
    assert unpinned(f"x:\n\t{line}\n") == [line]


def test_the_program_that_installs_the_rest_is_alone_in_its_list_and_pinned() -> None:
    listed = text_of(Path("requirements/uv.txt"))
    (named,) = re.findall(r"^(\S.*?) \\$", listed, re.MULTILINE)
    assert re.fullmatch(r"uv==[0-9.]+", named)
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", listed)) > 10


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
