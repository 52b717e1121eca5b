"""Rules that every module keeps, read from the source. Each rule is a function that finds what breaks it, and each is
shown a breach that it must find.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.source import ROOMS, imported, modules, text_of, tree_of

Rule = Callable[[ast.AST], list[str]]

OURS = tuple(room for room in ROOMS if room != "simulator")

# What reaches out of the process, and the only modules that may hold it in their hands.
TOOLS: dict[str, set[str]] = {
    "requests": {
        "outbound/bounded_http.py",
        "outbound/head_deadline.py",
        "onrecord/selftest/http.py",
        "onrecord/demo/local_installation.py",
        "onrecord/demo/acts.py",
        "onrecord/demo/control_api.py",
    },
    "urllib3": {
        "outbound/bounded_http.py",
        "onrecord/selftest/http.py",
        "storage/audio/s3_read.py",
    },  # their exceptions only
    "twilio": {"outbound/twilio_client.py"},
    "authlib": {"outbound/id_token.py", "outbound/oauth_client.py"},
    # They hold whole clients, which would connect by themselves.
    "authlib.integrations": set(),
    "boto3": {"storage/audio/s3_client.py"},
    "botocore": {"storage/audio/s3_client.py", "storage/audio/s3_bucket.py"},
    "socket": {
        "onrecord/processes/address.py",
        "onrecord/demo/local_installation.py",
        "outbound/head_deadline.py",
        "outbound/tls_certificate.py",
        "storage/jobs/worker.py",
    },
    "subprocess": {
        "onrecord/processes/serve.py",
        "onrecord/demo/local_installation.py",
        "outbound/told_command.py",
    },
    "av": {"storage/audio/listening_copy.py"},
    "pydub": {"storage/audio/wav.py"},
    "urllib.request": set(),
    "http.client": set(),
    "ftplib": set(),
    "smtplib": {"outbound/mail_server.py"},
    "pickle": set(),
    "marshal": set(),
    "shelve": set(),
    "random": set(),
}
# A failure nobody foresaw is caught where somebody waits or a thread would die of it, and nowhere else.
EDGES = {
    "callflow/steps.py",  # a caller waits
    "onrecord/processes/health.py",  # a check
    "callflow/waiting_requests.py",  # an entry of the journal, and others wait behind it
    "storage/jobs/worker.py",  # a job
    "storage/jobs/dispatch.py",  # a job, and others are to be begun after it
    "storage/jobs/periodic.py",  # a thread
    "simulator/phone_call.py",  # a call
    "simulator/call_clock.py",  # a thread
}
# The hashes of the consent log are public: nothing is learnt from how long their comparison takes.
PUBLIC_DIGESTS = {"storage/log/disclosure_verification.py", "storage/log/event_reading.py"}
_SECRET = re.compile(r"(?:^|_)(?:sig|signature|token|digest|mac|hmac|password|secret)s?(?:$|_)")
_PERSONAL = re.compile(r"(?:^|_)(?:e164|caller|phone|number|from|token|secret|password|form|digits)s?(?:$|_)")


def unsafe_comparisons(tree: ast.AST) -> list[str]:
    """`==` on what an outsider may guess at: it tells by its time how much of a guess was right."""
    compared = (node for node in ast.walk(tree) if isinstance(node, ast.Compare))
    return [
        ast.unparse(node)
        for node in compared
        if any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
        and any(_SECRET.search(_name(side)) for side in (node.left, *node.comparators))
    ]


def zoneless_clocks(tree: ast.AST) -> list[str]:
    """The time of day of this machine, in a zone that nobody wrote down."""
    return [
        ast.unparse(node)
        for node in _calls(tree)
        if _name(node.func) in {"utcnow", "utcfromtimestamp", "today"}
        or (_is_of(node.func, "datetime", {"now"}) and not (node.args or node.keywords))
        or (_is_of(node.func, "datetime", {"fromtimestamp"}) and len(node.args) + len(node.keywords) < 2)
    ]


def clocks_and_files(tree: ast.AST) -> list[str]:
    """What a pure room never asks for: the time, and files that are not its own packaged data."""
    asked = [node for node in _calls(tree) if _name(node.func) in {"now", "today", "time", "utcnow", "open", "Path"}]
    read = [node for node in _calls(tree) if _name(node.func) in {"read_text", "read_bytes"}]
    return [ast.unparse(node) for node in asked] + [
        ast.unparse(node) for node in read if not re.search(r"files\('(policies|evidence)'\)", ast.unparse(node))
    ]


def broad_excepts(tree: ast.AST) -> list[str]:
    """Handlers that take every failure, and do not raise it again."""
    return [
        ast.unparse(node.type) if node.type else "everything"
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or _name(node.type) in {"Exception", "BaseException"})
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
    ]


def handwritten_twiml(tree: ast.AST) -> list[str]:
    """Only a template escapes what is put into it."""
    return [text for text in _texts(tree) if "<Response" in text]


def unescaped_templates(tree: ast.AST) -> list[str]:
    called = [_name(node.func) for node in _calls(tree)]
    return [name for name in called if name in {"render_template_string", "Markup"}] + [
        ast.unparse(word)
        for node in _calls(tree)
        for word in node.keywords
        if word.arg == "autoescape" and isinstance(word.value, ast.Constant) and not word.value.value
    ]


def open_bindings(tree: ast.AST) -> list[str]:
    """Addresses that answer to the whole network. An operator may choose one; nothing of ours does."""
    return [
        text for text in _texts(tree) if text in {"0.0.0.0", "::", "[::]"} or text.startswith(("0.0.0.0:", "[::]:"))
    ]


def unverified_tls(tree: ast.AST) -> list[str]:
    words = (word for node in _calls(tree) for word in node.keywords)
    return [
        ast.unparse(word)
        for word in words
        if word.arg in {"verify", "shell", "debug"}
        and isinstance(word.value, ast.Constant)
        and bool(word.value.value) is (word.arg != "verify")
    ]


def personal_logs(tree: ast.AST) -> list[str]:
    """A log line names a call by its id, and never says who called, what was pressed, or a secret."""
    logged = (node for node in _calls(tree) if _is_of(node.func, "log", _LEVELS))
    return [ast.unparse(argument) for node in logged for argument in node.args if _PERSONAL.search(_name(argument))]


def early_logs(tree: ast.AST) -> list[str]:
    """A log line in a transaction, which may run twice or be taken back, where it does not wait for the commit."""
    works = [node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS) and _takes_connection(node.args)]
    inside = {node for work in works for node in _calls(work)}
    waiting = {late for node in inside if _name(node.func) == "after_commit" for late in _calls(node)}
    return [ast.unparse(node) for node in inside - waiting if _is_of(node.func, "log", _LEVELS)]


def prints_past_the_terminal(tree: ast.AST) -> list[str]:
    """Output that does not go through `onrecord.terminal`, where hidden characters are escaped."""
    printed = [node for node in _calls(tree) if _name(node.func) in _PRINTS]
    streams = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _is_stream(node)]
    rich = [name for name in imported(tree) if name.partition(".")[0] == "rich"]
    return [*(ast.unparse(node) for node in (*printed, *streams)), *rich]


def _is_stream(node: ast.Attribute) -> bool:
    return node.attr in {"write", "writelines", "buffer"} and _name(node.value) in {"stdout", "stderr"}


_PRINTS = {"print", "echo", "secho", "echo_via_pager", "prompt", "pprint"}


def nameless_subjects(tree: ast.AST) -> list[str]:
    """Sentences of docstrings about a "what", a "who" or a "one": whatever has a name is called by it."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]
    sentences = [sentence for text in texts for sentence in re.split(r"(?<=[.:;!?])\s+", " ".join(text.split()))]
    return [sentence for sentence in sentences if sentence.split(" ")[0].strip("`,") in _NAMELESS]


def _takes_connection(arguments: ast.arguments) -> bool:
    taken = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    return any(one.arg == "connection" or (one.annotation and _name(one.annotation) == "Connection") for one in taken)


_NAMELESS = {"What", "That", "Those", "Who", "Whoever", "Whatever", "One"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}

# They print what they made themselves: a checkpoint, the draft of a migration, the demonstration's calls.
PRINT_THEIR_OWN = {
    "compliance/anchors/anchor_file.py",
    "storage/migrations/draft.py",
    *(str(path) for path in modules("onrecord") if "demo" in path.parts),
}
# A version of the schema is never edited once it may have run.
WRITTEN_ONCE = {str(path) for path in modules("storage") if "versions" in path.parts}

RULES: list[tuple[Rule, tuple[str, ...], set[str]]] = [
    (unsafe_comparisons, (*OURS, "simulator"), PUBLIC_DIGESTS),
    (zoneless_clocks, (*OURS, "simulator", "bench", "tests"), set()),
    (clocks_and_files, ("policies", "evidence"), set()),
    (
        broad_excepts,
        (*OURS, "simulator"),
        EDGES | {"storage/database/group_commit.py", "storage/served.py"},
    ),  # which hands it to whoever waits
    (nameless_subjects, ROOMS, WRITTEN_ONCE),
    (handwritten_twiml, (*OURS, "bench"), set()),
    (unescaped_templates, (*OURS, "simulator"), set()),
    (open_bindings, (*OURS, "simulator", "bench", "tests"), {"tests/test_house_rules.py"}),
    (unverified_tls, (*OURS, "simulator", "bench"), set()),
    (prints_past_the_terminal, OURS, {"onrecord/terminal.py", *PRINT_THEIR_OWN}),
    (personal_logs, OURS, set()),
    (early_logs, ("storage", "compliance", "callflow", "onrecord"), set()),
]


@pytest.mark.parametrize(("rule", "tops", "exempt"), RULES, ids=lambda value: getattr(value, "__name__", None))
def test_the_rule_is_kept(rule: Rule, tops: tuple[str, ...], exempt: set[str]) -> None:
    paths = [path for path in modules(*tops) if str(path) not in exempt]
    assert {str(path): bad for path in paths if (bad := rule(tree_of(path)))} == {}


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (unsafe_comparisons, "given == self.token"),
        (unsafe_comparisons, "ok = url_mac != expected"),
        (unsafe_comparisons, "if signatures[0] == wanted: ..."),
        (unsafe_comparisons, "sha256(x).digest() == y"),
        (prints_past_the_terminal, "click.echo(reason)"),
        (prints_past_the_terminal, "print(reason)"),
        (prints_past_the_terminal, "from rich.console import Console"),
        (prints_past_the_terminal, "sys.stdout.write(reason)"),
        (prints_past_the_terminal, "sys.stdout.buffer.write(reason)"),
        (zoneless_clocks, "datetime.now()"),
        (zoneless_clocks, "datetime.utcnow()"),
        (zoneless_clocks, "date.today()"),
        (zoneless_clocks, "datetime.fromtimestamp(0)"),
        (clocks_and_files, "datetime.now(UTC)"),
        (clocks_and_files, "open('x')"),
        (clocks_and_files, "files('storage').joinpath('x').read_text()"),
        (broad_excepts, "try: ...\nexcept Exception: ..."),
        (broad_excepts, "try: ...\nexcept: ..."),
        (broad_excepts, "try: ...\nexcept BaseException as error: raise Broken() from error"),
        (handwritten_twiml, "body = f'<Response><Say>{name}</Say></Response>'"),
        (unescaped_templates, "render_template_string(x)"),
        (unescaped_templates, "Environment(autoescape=False)"),
        (open_bindings, "serve('0.0.0.0', 80)"),
        (open_bindings, "x = '[::]:8000'"),
        (unverified_tls, "session.get(url, verify=False)"),
        (unverified_tls, "run(command, shell=True)"),
        (personal_logs, "log.info('call from %s', heard.caller)"),
        (personal_logs, "log.warning('%s', g.form)"),
        (early_logs, "def f(connection: Connection):\n    log.error('%s', x)"),
        (early_logs, "def f(self):\n    def g(told: Connection):\n        log.warning('x')"),
        (early_logs, "write(lambda connection: log.info('x'))"),
        (nameless_subjects, 'def f():\n    """What the caller did."""'),
        (nameless_subjects, 'class C:\n    """An answer: one for each prompt. Who declines is not asked."""'),
    ],
)
def test_a_breach_of_the_rule_is_seen(rule: Rule, source: str) -> None:
    assert len(rule(ast.parse(source))) == 1


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (unsafe_comparisons, "len(signatures) != 1"),
        (unsafe_comparisons, "hmac.compare_digest(token, given)"),
        (zoneless_clocks, "datetime.now(UTC)"),
        (clocks_and_files, "files('policies').joinpath('x').read_text(encoding='utf-8')"),
        (broad_excepts, "try: ...\nexcept BaseException:\n    close()\n    raise"),
        (prints_past_the_terminal, "say(reason)"),
        (prints_past_the_terminal, "file.write(sys.stdin.read())"),
        (personal_logs, "log.info('call %s', known.id)"),
        (early_logs, "def f(connection: Connection):\n    after_commit(connection, lambda: log.error('x'))"),
        (early_logs, "def f(database: Database):\n    log.error('x')"),
        (nameless_subjects, 'def f():\n    """The caller\'s answer to what was asked."""'),
    ],
)
def test_what_is_allowed_is_not_taken_for_a_breach(rule: Rule, source: str) -> None:
    assert rule(ast.parse(source)) == []


def test_only_the_named_modules_reach_out_of_the_process() -> None:
    assert {str(path): tools for path in modules(*OURS) if (tools := _tools_taken(path, tree_of(path)))} == {}


@pytest.mark.parametrize(
    "source", ["import requests", "def f():\n    from urllib.request import urlopen", "import pickle"]
)
def test_a_module_that_takes_a_tool_it_was_not_given_is_seen(source: str) -> None:
    assert len(_tools_taken(Path("callflow/webhooks.py"), ast.parse(source))) == 1


def test_a_tool_that_a_module_no_longer_uses_is_taken_back() -> None:
    used = {f"{path} {tool}" for path in modules(*OURS) for tool in _tools(tree_of(path))}
    assert {f"{path} {tool}" for tool, paths in TOOLS.items() for path in paths} - used == set()


def test_nothing_outside_its_package_names_the_job_engine() -> None:
    """Not its library, not its tables, not its schema: whoever must reach a job asks `storage.jobs`."""
    baseline = Path("bench/command_line.py")  # which times its import
    outside = [p for p in modules(*OURS, "bench") if not p.is_relative_to("storage/jobs") and p != baseline]
    assert [path for path in outside if _names_the_engine(text_of(path))] == []


@pytest.mark.parametrize("source", ["from dbos import DBOS", "text('DELETE FROM dbos.workflow_status')"])
def test_a_module_that_names_the_job_engine_is_seen(source: str) -> None:
    assert _names_the_engine(source)


def _names_the_engine(source: str) -> bool:
    return re.search("dbos|workflow_status|operation_outputs", source, re.IGNORECASE) is not None


def _tools_taken(path: Path, tree: ast.AST) -> set[str]:
    return {tool for tool in _tools(tree) if str(path) not in TOOLS[tool]}


def _tools(tree: ast.AST) -> set[str]:
    names = set(imported(tree))
    return {tool for tool in TOOLS if any(name == tool or name.startswith(f"{tool}.") for name in names)}


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _texts(tree: ast.AST) -> Iterator[str]:
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


def _name(node: ast.AST) -> str:
    """The last word of what a piece of source calls itself; nothing for `len(x)` and the like."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return _name(value)
        case ast.Call(func=ast.Attribute(attr=name)):
            return name
    return ""


def _is_of(node: ast.AST, owner: str, names: set[str]) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in names and _name(node.value) == owner
