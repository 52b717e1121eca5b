"""What keeps onrecord from starting: one clear line each, exit code 2, and nothing half started."""

import socket
from collections.abc import Callable
from contextlib import closing

import pytest
from sqlalchemy import text

from onrecord.demo.local_installation import free_port
from tests.onrecord.commands.site import PHONE, TOKEN, Ran, Site

SECRET = "s3cret-that-nobody-may-see-0123"
BAD_RULES = '[business]\nname = 1\n\n[[line]]\nnumber = "+1415555"\nconsent = "perhaps"\n'

Spoil = Callable[[Site], object]


def put(name: str, value: str) -> Spoil:
    return lambda site: site.environ.update({name: value})


def drop(*names: str) -> Spoil:
    return lambda site: [site.environ.pop(name) for name in names]


def remove(*names: str) -> Spoil:
    def spoil(site: Site) -> None:
        for name in names:
            path = site.folder / name
            for inner in sorted(path.rglob("*"), reverse=True):
                inner.rmdir() if inner.is_dir() else inner.unlink()
            path.rmdir() if path.is_dir() else path.unlink()

    return spoil


def write(name: str, content: str) -> Spoil:
    return lambda site: (site.folder / name).write_text(content)


def become(version: str) -> Spoil:
    def spoil(site: Site) -> None:
        change = text("UPDATE alembic_version SET version_num = :version")
        with closing(site.database()) as database:
            database.write(lambda connection: connection.execute(change, {"version": version}))

    return spoil


def twice(site: Site) -> None:
    (site.folder / "token").write_text(TOKEN)
    (site.folder / "token").chmod(0o600)
    site.environ["TWILIO_AUTH_TOKEN_FILE"] = str(site.folder / "token")


def replace_with_folder(site: Site) -> None:
    remove("var/onrecord.db")(site)
    (site.folder / "var/onrecord.db").mkdir()


# What is spoilt, and the lines that it must be told by: each names the setting, what is wrong with it and the remedy.
FAULTS: dict[str, tuple[Spoil, list[str]]] = {
    "no rulebook": (
        remove("onrecord.toml"),
        ["ONRECORD_RULEBOOK names onrecord.toml, which does not exist: run `onrecord init` to get one"],
    ),
    "bad rulebook": (
        write("onrecord.toml", BAD_RULES),
        [
            "onrecord.toml:1: business.jurisdiction: missing; expected",
            "onrecord.toml:1: business.recorder_jurisdiction: missing; expected",
            "onrecord.toml:2: business.name: a whole number is not a text; expected",
            "onrecord.toml:4: line[1].connect_to: missing; expected",
            "onrecord.toml:4: line[1].languages: missing; expected",
            "onrecord.toml:4: line[1].purposes: missing; expected",
            "onrecord.toml:5: line[1].number: not a valid phone number; expected",
            "onrecord.toml:6: line[1].consent: ",
        ],
    ),
    "rulebook that is no text": (
        lambda site: (site.folder / "onrecord.toml").write_bytes(b"\xff\xfe"),
        ["ONRECORD_RULEBOOK names onrecord.toml: "],
    ),
    "no token": (
        drop("TWILIO_AUTH_TOKEN"),
        ["TWILIO_AUTH_TOKEN is not set: set it to the token Twilio signs webhooks with"],
    ),
    "no settings at all": (
        drop(*PHONE),
        [
            "TWILIO_ACCOUNT_SID is not set: set it to ",
            "TWILIO_AUTH_TOKEN is not set: set it to ",
            "PUBLIC_BASE_URL is not set: set it to ",
        ],
    ),
    "token given twice": (
        twice,
        ["TWILIO_AUTH_TOKEN and TWILIO_AUTH_TOKEN_FILE are both set: keep one of them"],
    ),
    "keys that others can read": (
        lambda site: (site.folder / "var/keys").chmod(0o640),
        ["ONRECORD_KEY_FILE can be opened by other users (mode 0640): chmod 600 var/keys"],
    ),
    "no keys": (
        remove("var/keys"),
        ["ONRECORD_KEY_FILE names var/keys, which does not exist: restore its copy, or run `onrecord init`"],
    ),
    "damaged keys": (
        write("var/keys", "log-signing-key: x\n"),
        ["ONRECORD_KEY_FILE is damaged: restore var/keys from its copy"],
    ),
    "no database": (
        remove("var/onrecord.db"),
        ["DATABASE_URL names var/onrecord.db, which does not exist: run `onrecord init`, or correct the path"],
    ),
    "no folder of the database": (
        put("DATABASE_URL", "sqlite:///none/at/all.db"),
        ["DATABASE_URL names none/at/all.db, which does not exist: run `onrecord init`, or correct the path"],
    ),
    "empty file for a database": (
        write("var/onrecord.db", ""),
        ["DATABASE_URL names var/onrecord.db, which is empty: run `onrecord init`"],
    ),
    "folder for a database": (
        replace_with_folder,
        ["DATABASE_URL names var/onrecord.db, which is no file: name a file"],
    ),
    "another file for a database": (
        write("var/onrecord.db", "this is no database\n" * 99),
        ["DATABASE_URL names a database that cannot be used (file is not a database): restore its copy, or name "],
    ),
    "database in memory": (put("DATABASE_URL", "sqlite://"), ["DATABASE_URL names no file; "]),
    "database of a newer program": (
        become("9999"),
        ["DATABASE_URL: the database is at version 9999, which a newer onrecord or another program has made; run "],
    ),
    "database server that does not run": (
        put("DATABASE_URL", f"postgresql://someone:{SECRET}@127.0.0.1:1/onrecord"),
        ["DATABASE_URL names a database that cannot be used (connection "],
    ),
    "another kind of database": (
        put("DATABASE_URL", f"mysql://someone:{SECRET}@127.0.0.1/onrecord"),
        ["DATABASE_URL names no database we keep to: write sqlite:///PATH or postgresql://"],
    ),
    "no audio directory": (remove("var/audio"), ["AUDIO_STORE: "]),
    "audio directory that cannot be written": (
        put("AUDIO_STORE", "dir:/sys"),
        ["AUDIO_STORE: /sys can't be written; it needs room and the right to write: "],
    ),
    "no audio store": (
        put("AUDIO_STORE", "ftp://audio"),
        ["AUDIO_STORE names no audio store: write dir:PATH or s3://BUCKET/PREFIX"],
    ),
    "no spool": (
        remove("var/spool"),
        ["ONRECORD_SPOOL names var/spool, which is no directory: run `onrecord init` to make it"],
    ),
    "no journal": (
        remove("var/journal"),
        ["ONRECORD_JOURNAL names var/journal, which is no directory: run `onrecord init` to make it"],
    ),
    "journal that others can open": (
        lambda site: (site.folder / "var/journal").chmod(0o750),
        ["ONRECORD_JOURNAL names var/journal, which other users can open (mode 0750): chmod 700 it"],
    ),
    "all at once": (
        lambda site: [spoil(site) for spoil in (drop("PUBLIC_BASE_URL"), remove("onrecord.toml", "var"))],
        [
            "PUBLIC_BASE_URL is not set",
            "ONRECORD_KEY_FILE names var/keys, which does not exist",
            "ONRECORD_RULEBOOK names onrecord.toml, which does not exist",
            "DATABASE_URL names var/onrecord.db, which does not exist",
            "AUDIO_STORE: ",
            "ONRECORD_SPOOL names var/spool, which is no directory",
            "ONRECORD_JOURNAL names var/journal, which is no directory",
        ],
    ),
}
SERVE = ["serve", "--webhooks", f"127.0.0.1:{free_port()}", "--console", f"127.0.0.1:{free_port()}"]
STARTS = [["check"], SERVE, ["work"], ["lines", "sync"]]
READS = [["call", "CA" + "0" * 32], ["log", "verify"], ["log", "show"]]


def told(ran: Ran, expected: list[str]) -> None:
    assert len(ran.problems) == len(expected), ran.problems
    for problem, beginning in zip(ran.problems, expected, strict=True):
        assert problem.startswith(beginning), ran.problems
    assert SECRET not in ran.err
    assert TOKEN not in ran.err
    assert "+1" not in ran.err.replace("such as +14155550100", "")


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_starts_and_each_problem_is_a_line(fault: str, site: Site) -> None:
    spoil, expected = FAULTS[fault]
    spoil(site)
    before = site.files()
    for command in STARTS:
        told(site.run(*command), expected)
    assert site.files() == before


DATABASE_FAULTS = [fault for fault, (_, lines) in FAULTS.items() if any("DATABASE_URL" in line for line in lines)]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_command_that_only_reads_needs_only_the_database(fault: str, site: Site) -> None:
    spoil, expected = FAULTS[fault]
    spoil(site)
    before = site.files()
    for command in READS:
        ran = site.run(*command)
        if fault in DATABASE_FAULTS:
            told(ran, [line for line in expected if line.startswith("DATABASE_URL")])
        else:
            assert ran.code == (1 if "call" in command else 0), ran
    assert site.files() == before


@pytest.mark.parametrize("command", [*STARTS, *READS, ["init"]])
def test_a_process_says_the_same_and_ends_with_2(command: list[str], site: Site) -> None:
    site.environ = {"DATABASE_URL": "oracle://x", "AUDIO_STORE": "ftp://x"}
    before = site.files()
    ran = site.spawn(*command)
    assert "DATABASE_URL names no database we keep to" in ran.problems[-1 if command in READS else -2]
    assert site.files() == before


@pytest.mark.parametrize(
    "address",
    ["8000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:http", "::1:80", "[::1:80"],
)
def test_what_is_no_address_is_refused(address: str, site: Site) -> None:
    ran = site.run("serve", "--webhooks", address, "--console", f"127.0.0.1:{free_port()}")
    assert ran.problems == [f"--webhooks is {address!r}, which is no address: write HOST:PORT, such as 127.0.0.1:8000"]


@pytest.mark.parametrize("reuse", [False, True])
@pytest.mark.parametrize("face", ["webhooks", "console"])
def test_a_port_that_is_taken_is_refused(face: str, reuse: bool, site: Site) -> None:
    """Also where its holder would share it, as a web server does."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(reuse))
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        before = site.files()
        assert site.run(*SERVE, f"--{face}", address).problems == [
            f"--{face} is {address}, which cannot be listened on (address already in use): name a free address"
        ]
        assert site.files() == before


def test_an_address_of_another_machine_is_refused(site: Site) -> None:
    (problem,) = site.run(*SERVE, "--console", "192.0.2.1:8001").problems
    assert problem.startswith("--console is 192.0.2.1:8001, which cannot be listened on (")


def test_two_faces_at_one_address_are_refused(site: Site) -> None:
    address = f"127.0.0.1:{free_port()}"
    assert site.run("serve", "--webhooks", address, "--console", address).problems == [
        f"--console is {address}, as the other face is: name another port"
    ]


def test_a_taken_port_and_a_missing_rulebook_are_told_together(site: Site) -> None:
    remove("onrecord.toml")(site)
    problems = site.run(*SERVE, "--console", "nowhere").problems
    assert [problem.split()[0] for problem in problems] == ["--console", "ONRECORD_RULEBOOK"]
