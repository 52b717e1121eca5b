"""Incidents of what is read from others and written for others: objects that run, and names that are formulas."""

import ast
import base64
import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.personal_settings import PersonalSettings
from evidence.disclosures import read_disclosure
from onrecord.commands.main import main
from onrecord.installation import open_installation
from policies.permissions import Role
from storage.jobs.contract import Standing
from tests.callflow.conftest import ACCOUNT, BASE, RULEBOOK, TOKEN, Clock
from tests.callflow.whole_calls import hangs_up
from tests.incidents.conftest import Service
from tests.incidents.hostile import FORMULAS, paths_of, with_ids
from tests.onrecord.commands.conftest import fresh, site
from tests.onrecord.commands.people import phone_company
from tests.onrecord.commands.site import Site
from tests.publishing import publish
from tests.source import HANDED_OUT, ROOMS, ROOT, modules, text_of, tree_of
from tests.storage.jobs.a_worker import WALK
from tests.storage.jobs.conftest import Yard, until, yard
from tests.storage.jobs.engine import plant_pickle
from tests.storage.jobs.test_planted_jobs import Planted

__all__ = ["fresh", "site", "yard"]

_RUNS = {"eval", "exec", "compile", "__import__"}
_OBJECTS = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "jsonpickle", "joblib", "yaml", "code"}


def things_that_run(tree: ast.AST) -> list[str]:
    """Imports of what makes objects of bytes, and calls of what makes code of a text."""
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    imported += [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    called = [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    words = [word for node in ast.walk(tree) if isinstance(node, ast.Call) for word in node.keywords]
    return [
        *(name for name in imported if name.partition(".")[0] in _OBJECTS),
        *(name for name in called if name in _RUNS),
        *(ast.unparse(word) for word in words if word.arg == "allow_pickle" and ast.unparse(word.value) != "False"),
    ]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_incident_11_a_backup_that_was_restored_ran_code(site: Site, yard: Yard, tmp_path: Path) -> None:
    """Restoring a backup made objects of whatever bytes stood in it, so that a backup from somebody else ran their code
    (FreePBX, CVE-2026-26978).
    """
    found = {str(path): bad for path in (*modules(*ROOMS), HANDED_OUT) if (bad := things_that_run(tree_of(path)))}
    assert found == {}
    for source in ("import pickle", "from yaml import load", "eval(x)", "np.load(f, allow_pickle=True)"):
        assert things_that_run(ast.parse(source))
    ran = tmp_path / "ran"
    bombs = list(_bombs(ran))
    _a_planted_job_runs_nothing(yard, ran)
    for bomb in bombs[:3]:
        _is_read_as_text(site, bomb, tmp_path / "brought")
    for bomb in bombs:
        assert PersonalSettings.read(bomb.decode("latin-1")) == PersonalSettings()
    assert not ran.exists()
    pickle.loads(bombs[0])
    assert ran.exists()


def _bombs(ran: Path) -> Iterator[bytes]:
    """Each makes that folder where it is taken for an object or for code."""
    pickled = pickle.dumps(Planted(ran))
    yield pickled
    yield base64.b64encode(pickled) + b"\n"
    yield f"!!python/object/apply:os.mkdir ['{ran}']\n".encode()
    yield f"__import__('os').mkdir('{ran}')\n".encode()
    yield json.dumps({"py/reduce": [{"py/function": "os.mkdir"}, {"py/tuple": [str(ran)]}]}).encode() + b"\n"


def _a_planted_job_runs_nothing(yard: Yard, ran: Path) -> None:
    yard.ask("planted")
    plant_pickle(yard.database, WALK.key("planted"), pickle.dumps({"args": (Planted(ran),), "kwargs": {}}))
    yard.start()
    until(lambda: yard.standing("planted") in {Standing.DONE, Standing.FAILED})


def _is_read_as_text(site: Site, bomb: bytes, brought: Path) -> None:
    """In the place of each file that a command reads."""
    brought.mkdir(exist_ok=True)
    for name in ("manifest", "events.jsonl", "disclosures.jsonl", "checkpoint", "keys.txt"):
        (brought / name).write_bytes(bomb)
    command = [sys.executable, str(ROOT / HANDED_OUT), str(brought)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    (site.folder / "var/erasures.txt").write_bytes(bomb + b"\n")
    assert site.run("reapply-erasures").code != 0
    (site.folder / "var/erasures.txt").unlink()
    assert site.run("log", "resume", "--after-restore", "--over", str(brought / "checkpoint")).code != 0
    for name in ("onrecord.toml", "var/keys"):
        kept = (site.folder / name).read_bytes()
        (site.folder / name).write_bytes(bomb)
        assert site.run("check").code == 2
        (site.folder / name).write_bytes(kept)


_SPREADSHEET = re.compile(
    r"text/csv|\.csv\b|csv\.(?:writer|DictWriter)|xlsx|application/vnd\.ms-excel|text/tab-separated"
)
_THE_LAW_PACK = Path("policies/jurisdiction/pack.py")  # which reads a table of ours


def test_incident_23_a_name_in_an_export_was_a_formula(site: Site, service: Service) -> None:
    """Names of people were written into a CSV as they were, and a spreadsheet ran them as formulas (CWE-1236, as in
    CVE-2019-17661). A number in E.164 begins with a plus, and so is one of those.

    No CSV is written here. Whoever writes the first must make texts of such names, and will meet this test.
    """
    assert [path for path in modules(*ROOMS) if _SPREADSHEET.search(text_of(path)) and path != _THE_LAW_PACK] == []
    assert _SPREADSHEET.search("writer = csv.writer(file)")
    assert [name for name, words in _options(main) if re.search(r"csv|excel|spreadsheet", words, re.IGNORECASE)] == []
    _no_page_is_a_spreadsheet(service)
    sids = _called_by(site, FORMULAS)
    bundle = site.folder / "out"
    assert site.run("log", "export", "--all", "--disclose", "all", "-o", str(bundle)).code == 0
    lines = [json.loads(line) for line in (bundle / "disclosures.jsonl").read_text().splitlines()]
    opened = {value for name, value in (read_disclosure(line["d"]) for line in lines) if name == "caller"}
    assert opened == {caller if caller.isprintable() else "" for caller in FORMULAS}
    files = [path for path in bundle.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {"", ".txt", ".json", ".jsonl", ".py", ".toml"}
    written = [line for path in files if path.suffix == ".jsonl" for line in path.read_text().splitlines()]
    for caller, sid in sids.items():
        told = site.run("vcon", sid, "--disclose", "caller").out
        is_number = caller == "+15125550111"
        assert json.loads(told)["parties"][0].get("tel") == (caller if is_number else None)
        written += [told, site.run("call", sid, "--json").out]
        assert (
            json.dumps(caller if caller.isprintable() else "", ensure_ascii=False) in site.run("log", "show", sid).out
        )
    assert [text for text in written if not isinstance(json.loads(text), dict | list)] == []


def _options(command: object, name: str = "onrecord") -> Iterator[tuple[str, str]]:
    """Each command with its help and its options."""
    import click

    assert isinstance(command, click.Command)
    options = [" ".join((*one.opts, str(getattr(one, "help", "")))) for one in command.params]
    yield name, f"{command.help} {' '.join(options)}"
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        yield from _options(inner, f"{name} {inner.name}")


def _no_page_is_a_spreadsheet(service: Service) -> None:
    _, kept = service.keeps_a_call()
    for person in (service.staff.somebody(role) for role in Role):
        for rule, path in paths_of(service.console, with_ids(kept.call_id, kept.id, "0" * 32)):
            if "GET" not in (rule.methods or ()):
                continue
            for query in ("format=csv", "export=csv", "download=1"):
                wish = f"{path}{'&' if '?' in path else '?'}{query}"
                answer = person.get(wish, headers={"Accept": "text/csv, */*"}, buffered=True)
                assert not re.search("csv|excel|spreadsheet", answer.headers.get("Content-Type", "")), path
                assert ".csv" not in answer.headers.get("Content-Disposition", "")


def _called_by(site: Site, callers: tuple[str, ...]) -> dict[str, str]:
    """The sid of a call of each."""
    site.environ |= {"PUBLIC_BASE_URL": BASE, "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
    (site.folder / "onrecord.toml").write_text(RULEBOOK.read_text())
    with site.inside(), closing(open_installation(os.environ)) as installation:
        publish(installation.database, installation.rulebook, installation.checked.text)
        twilio = phone_company(installation, Clock(datetime.now(UTC) - timedelta(days=1)))
        return {caller: hangs_up(twilio.dial(caller=caller)).sid for caller in callers}
