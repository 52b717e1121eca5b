"""`onrecord init`: it looks before it makes anything, makes what is missing, and leaves alone what is there."""

import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from onrecord.settings.key_file import read_keys
from onrecord.settings.private_files import Fault
from storage.database.schema import SCHEMA_VERSION
from storage.database.tables import call, recording, recording_key
from storage.errors import Unavailable
from tests.conftest import NOON
from tests.onrecord.commands.site import Site
from tests.storage.versions import downgrade


@pytest.fixture
def nothing(tmp_path: Path) -> Site:
    """An empty folder, and no setting but those of the telephone, which init does not look at."""
    (tmp_path / "site").mkdir()
    return Site(tmp_path / "site", {})


def test_init_makes_what_a_start_needs(nothing: Site) -> None:
    ran = nothing.run("init")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "database: its tables are at the version this program needs",
        "var/keys: new keys; keep a copy where the database is not",
        "onrecord.toml: a rulebook to start from; edit it before the first call",
        "dir:var/audio: usable",
    ]
    nothing.environ = Site(nothing.folder).environ
    assert nothing.run("check").code == 0


def test_what_init_makes_is_closed_to_others(nothing: Site) -> None:
    nothing.run("init")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (nothing.folder / "var").iterdir()}
    assert {name: oct(modes[name]) for name in ("keys", "audio", "spool")} == {
        "keys": "0o600",
        "audio": "0o700",
        "spool": "0o700",
    }
    assert stat.S_IMODE((nothing.folder / "var").stat().st_mode) == 0o700


def test_run_again_init_changes_nothing(site: Site) -> None:
    (site.folder / "onrecord.toml").write_text("# mine, and not even right\n")
    before = site.files()
    assert site.run("init").code == 0
    assert site.files() == before


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("DATABASE_URL", "postgresql://127.0.0.1:1/onrecord", "DATABASE_URL names a database that cannot be used ("),
        ("DATABASE_URL", "sqlite:////sys/onrecord.db", "DATABASE_URL: /sys can't be written; it needs room and the "),
        ("DATABASE_URL", "oracle://x", "DATABASE_URL names no database we keep to: write "),
        ("AUDIO_STORE", "dir:/sys/audio", "AUDIO_STORE: /sys/audio can't be written; it needs room and the right to "),
        ("AUDIO_STORE", "dir:file", "AUDIO_STORE names file, but "),
        ("AUDIO_STORE", "ftp://x", "AUDIO_STORE names no audio store: write "),
        ("ONRECORD_RULEBOOK", "/sys/rules.toml", "ONRECORD_RULEBOOK: /sys can't be written; it needs room and the "),
        ("ONRECORD_KEY_FILE", "/sys/keys", "ONRECORD_KEY_FILE: /sys can't be written; it needs room and the right to "),
        ("ONRECORD_KEY_FILE", "file", "ONRECORD_KEY_FILE is damaged: restore file from its copy"),
        ("ONRECORD_SPOOL", "file/spool", "ONRECORD_SPOOL names file/spool, but "),
        ("ONRECORD_JOURNAL", "file/journal", "ONRECORD_JOURNAL names file/journal, but "),
    ],
)
def test_init_makes_nothing_while_anything_is_in_the_way(name: str, value: str, problem: str, nothing: Site) -> None:
    (nothing.folder / "file").touch(0o600)
    nothing.environ[name] = value
    (told,) = nothing.run("init").problems
    assert told.startswith(problem), told
    assert list(nothing.files()) == ["file"]


def test_init_tells_all_that_is_in_its_way_at_once(nothing: Site) -> None:
    nothing.environ |= {
        "DATABASE_URL": "sqlite:////sys/onrecord.db",
        "AUDIO_STORE": "dir:/sys/audio",
        "ONRECORD_SPOOL": "/sys/spool",
        "ONRECORD_JOURNAL": "/sys/journal",
        "ONRECORD_KEY_FILE": "/sys/keys",
        "ONRECORD_RULEBOOK": "/sys/rules.toml",
    }
    told = [problem.partition(":")[0] for problem in nothing.run("init").problems]
    assert told == [
        "DATABASE_URL",
        "AUDIO_STORE",
        "ONRECORD_SPOOL",
        "ONRECORD_JOURNAL",
        "ONRECORD_KEY_FILE",
        "ONRECORD_RULEBOOK",
    ]


def test_init_that_fails_half_way_goes_on_where_it_ended(nothing: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise Unavailable("database: gone for a moment")

    with monkeypatch.context() as broken:
        broken.setattr("onrecord.initialise.create_job_tables", fails)
        assert nothing.run("init").problems == ["database: gone for a moment"]
    assert not {"var/keys", "onrecord.toml"} & set(nothing.files())
    assert nothing.run("init").code == 0


def test_a_database_of_a_newer_program_is_left_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(site.database()) as database:
        database.write(lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0'"))
    before = site.files()
    (told,) = site.run("init").problems
    assert told.startswith("DATABASE_URL: the database is at version 0, which a newer onrecord or another program ")
    assert site.files() == before


def test_an_older_database_is_brought_up_to_date(site: Site) -> None:
    with closing(site.database()) as database:
        downgrade(database, "0001")
    (told,) = site.run("check").problems
    assert told == f"DATABASE_URL: the database is at version 0001 and {SCHEMA_VERSION} is needed; run `onrecord init`"
    assert site.run("init").code == 0
    assert site.run("check").code == 0


def seal_a_recording(connection: Connection) -> None:
    made = {"received_at": NOON, "decided_at": NOON, "mode": "opt_in", "state": "ended", "outcome": "declined"}
    hashes = {"wording_sha256": "", "rules_sha256": ""}
    sizes = {"silence_is_consent": 0, "prompts_max": 1, "disclosure_length_ms": 1}
    connection.execute(
        insert(call).values(id="c", call_sid="CA", line="+1", language="en-US", **made, **hashes, **sizes)
    )
    states = {"state": "condemned", "source": "x", "noticed_at": NOON, "moved_at": NOON}
    connection.execute(insert(recording).values(id="r", recording_sid="RE", call_id="c", **states))
    connection.execute(insert(recording_key).values(recording_id="r", wrapped_key=b"wrapped"))


def test_lost_keys_are_not_replaced_in_silence(site: Site) -> None:
    """New ones would let it start, and nobody would notice that no recording can be opened any more."""
    with closing(site.database()) as database:
        database.write(seal_a_recording)
    (site.folder / "var/keys").rename(site.folder / "copy")
    before = site.files()
    (told,) = site.run("init").problems
    assert told.startswith("ONRECORD_KEY_FILE names var/keys, which does not exist, and the database holds recordings ")
    assert "--keys-are-lost" in told
    assert site.files() == before
    assert site.run("init", "--keys-are-lost").code == 0
    assert not isinstance(read_keys(site.folder / "var/keys"), Fault)


def test_keys_are_not_replaced_even_when_said_to_be_lost(site: Site) -> None:
    before = site.files()
    assert site.run("init", "--keys-are-lost").code == 0
    assert site.files() == before


def test_the_demonstration_does_not_write_over_an_installation(site: Site) -> None:
    before = (site.folder / "onrecord.toml").read_bytes()
    ran = site.run("demo", "--once", "--in", ".")
    assert "there is an installation already" in ran.problems[0]
    assert (site.folder / "onrecord.toml").read_bytes() == before
