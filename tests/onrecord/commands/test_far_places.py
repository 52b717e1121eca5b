"""A start with its database on a server and its audio in a bucket: what is wrong with them is told in a line, too."""

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import psycopg
import pytest

from tests.databases import PostgresServer
from tests.onrecord.commands.site import Site
from tests.storage.s3_peer import Peer, s3_peer

PASSWORD = "s3cret-that-nobody-may-see-0123"


@pytest.fixture
def on_postgres(site: Site, postgres: PostgresServer) -> Iterator[Site]:
    with postgres.fresh_database() as url:
        site.environ["DATABASE_URL"] = url
        yield site


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with s3_peer() as peer:
        yield peer


@pytest.fixture
def on_s3(site: Site, peer: Peer) -> Site:
    site.environ |= {
        "AUDIO_STORE": f"s3://{peer.new_bucket(lock=True)}/audio",
        "AWS_ENDPOINT_URL_S3": peer.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": PASSWORD,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "none",
        "AWS_SHARED_CREDENTIALS_FILE": "none",
    }
    return site


def locked_role(url: str) -> str:
    """A role that this server asks for a password, and the URL with its name in it."""
    role = f"locked_{token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'".encode())
        (file,) = connection.execute("SHOW hba_file").fetchone() or ("",)
        rules = Path(file).read_text()
        Path(file).write_text(f"local all {role} scram-sha-256\n{rules}")
        connection.execute("SELECT pg_reload_conf()")
    return url.replace("postgres:@", f"{role}:PASSWORD@")


def test_an_empty_database_is_told_what_to_run(on_postgres: Site) -> None:
    for command in (["check"], ["work"], ["log", "verify"]):
        assert on_postgres.run(*command).problems == ["DATABASE_URL: the database is empty; run `onrecord init`"]
    assert on_postgres.run("init").code == 0
    assert on_postgres.run("init").code == 0
    assert on_postgres.run("check").code == 0
    assert on_postgres.run("log", "verify").out.startswith("log ok: 0 events, root ")


def test_a_database_that_is_not_there_is_told_by_its_name(on_postgres: Site) -> None:
    url = on_postgres.environ["DATABASE_URL"]
    on_postgres.environ["DATABASE_URL"] = url.replace("/onrecord_", "/nowhere_")
    for command in ("check", "init"):
        (problem,) = on_postgres.run(command).problems
        assert problem.startswith("DATABASE_URL names a database that cannot be used (connection ")
        assert problem.endswith(" does not exist): start it, or correct the URL")


def test_a_wrong_password_is_told_and_not_shown(on_postgres: Site) -> None:
    url = locked_role(on_postgres.environ["DATABASE_URL"])
    on_postgres.environ["DATABASE_URL"] = url.replace("PASSWORD", f"not-{PASSWORD}")
    for command in ("check", "init"):
        (problem,) = on_postgres.run(command).problems
        assert "password authentication failed for user" in problem
        assert PASSWORD not in problem


def test_a_role_that_may_not_make_tables_is_told(on_postgres: Site) -> None:
    on_postgres.environ["DATABASE_URL"] = locked_role(on_postgres.environ["DATABASE_URL"]).replace("PASSWORD", PASSWORD)
    (problem,) = on_postgres.run("init").problems
    assert problem.startswith("database (DATABASE_URL): permission denied for ")


def test_a_role_that_only_reads_can_verify_the_log_and_start_nothing(on_postgres: Site) -> None:
    url = on_postgres.environ["DATABASE_URL"]
    assert on_postgres.run("init").code == 0
    on_postgres.environ["DATABASE_URL"] = reader = locked_role(url).replace("PASSWORD", PASSWORD)
    with psycopg.connect(url, autocommit=True) as connection:
        role = reader.split("//")[1].partition(":")[0]
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}".encode())
    assert on_postgres.run("log", "verify").code == 0
    assert on_postgres.run("call", "CA0").code == 1
    (problem, *_) = on_postgres.run("check").problems
    assert problem.startswith("database (DATABASE_URL): permission denied for ")


def test_a_bucket_can_hold_the_audio(on_s3: Site) -> None:
    for command in ("init", "check"):
        ran = on_s3.run(command)
        assert (ran.code, ran.err) == (0, "")


def test_a_bucket_that_is_not_there_is_told(on_s3: Site) -> None:
    on_s3.environ["AUDIO_STORE"] = "s3://no-such-bucket/audio"
    before = on_s3.files()
    for command in ("check", "init"):
        (problem,) = on_s3.run(command).problems
        assert problem == "AUDIO_STORE: look at the bucket: there is no such bucket; create it"
    assert on_s3.files() == before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
            "AUDIO_STORE: look at the bucket: there are no AWS credentials; set AWS_ACCESS_KEY_ID and ",
        ),
        (
            {"AWS_SECRET_ACCESS_KEY": ""},
            "AUDIO_STORE: S3 can't be reached with these AWS settings: Partial credentials found in env, missing: AWS_",
        ),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, "AUDIO_STORE: look at the bucket: no answer from S3 ("),
        ({"AWS_ENDPOINT_URL_S3": "nonsense"}, "AUDIO_STORE: S3 can't be reached with these AWS settings: "),
        ({"AWS_PROFILE": "none"}, "AUDIO_STORE: S3 can't be reached with these AWS settings: "),
    ],
)
def test_wrong_settings_of_aws_are_told(changes: dict[str, str], told: str, on_s3: Site) -> None:
    on_s3.environ = {name: value for name, value in (on_s3.environ | changes).items() if value}
    for command in ("check", "init"):
        (problem,) = on_s3.run(command).problems
        assert problem.startswith(told)
        assert PASSWORD not in problem
