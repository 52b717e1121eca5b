"""Settings: everything wrong is said at once, and no secret is ever shown or invented."""

import os
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import pytest

from onrecord.settings.environment import Problem, Settings, SettingsRejected, read_settings
from outbound.twilio_client import TWILIO, Account
from outbound.twilio_hosts import Hosts

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "t0ken-for-webhooks-0123456789"
WITNESS = "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
LOG_KEY = "callflow.example/test+4233a182+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
GIVEN = {
    "PUBLIC_BASE_URL": "https://calls.example.org",
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": TOKEN,
}


def rejected(environ: Mapping[str, str]) -> dict[str, Problem]:
    with pytest.raises(SettingsRejected) as rejection:
        read_settings(environ)
    return {problem.setting: problem for problem in rejection.value.problems}


def secret_file(directory: Path, content: str | bytes, mode: int = 0o600) -> str:
    path = directory / "secret"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return str(path)


def test_three_settings_are_enough_and_the_rest_have_defaults() -> None:
    assert read_settings(GIVEN) == Settings(
        public_base_url="https://calls.example.org",
        account_sid=ACCOUNT,
        webhook_secrets=(TOKEN,),
        rest_user=ACCOUNT,
        rest_password=TOKEN,
        api_base_url=None,
        hosts=Hosts(),
        database_url="sqlite:///var/onrecord.db",
        audio_store="dir:var/audio",
        rulebook=Path("onrecord.toml"),
        key_file=Path("var/keys"),
        spool=Path("var/spool"),
        journal=Path("var/journal"),
        vcon_key=Path("var/vcon.pem"),
        anchor_file="var/anchors.txt",
        anchor_s3="",
        witness="",
        time_stamp="",
        time_stamp_ca=Path("var/tsa-ca.pem"),
        corroborate_after=timedelta(minutes=16),
        erasures=Path("var/erasures.txt"),
    )


def test_twilio_may_be_asked_about_a_call_sooner_and_never_later() -> None:
    assert read_settings({**GIVEN, "ONRECORD_CORROBORATE_AFTER_S": "2"}).corroborate_after == timedelta(seconds=2)
    for wrong in ("0", "961", "1.5", "-1", "soon"):
        assert (
            "seconds"
            in rejected({**GIVEN, "ONRECORD_CORROBORATE_AFTER_S": wrong})["ONRECORD_CORROBORATE_AFTER_S"].problem
        )


def test_webhooks_are_answered_by_one_process_on_sqlite_and_two_on_postgres_or_as_many_as_are_named() -> None:
    assert read_settings(GIVEN).web_processes == 1
    postgres = {**GIVEN, "DATABASE_URL": "postgresql://onrecord@localhost/onrecord"}
    assert read_settings(postgres).web_processes == 2
    assert read_settings({**postgres, "ONRECORD_WEB_PROCESSES": "64"}).web_processes == 64
    for wrong in ("0", "65", "many", "-1", "\u0664"):
        assert set(rejected({**GIVEN, "ONRECORD_WEB_PROCESSES": wrong})) == {"ONRECORD_WEB_PROCESSES"}


def test_every_problem_is_reported_at_once() -> None:
    problems = rejected({"PUBLIC_BASE_URL": "http://calls.example.org", "AUDIO_STORE": "ftp://x"})
    assert set(problems) == {"PUBLIC_BASE_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "AUDIO_STORE"}


def test_the_rejection_is_one_line_for_each_problem_with_its_remedy() -> None:
    with pytest.raises(SettingsRejected) as rejection:
        read_settings({"PUBLIC_BASE_URL": "https://calls.example.org"})
    assert str(rejection.value).splitlines() == [
        "TWILIO_ACCOUNT_SID is not set: set it to the account's SID from Twilio's console",
        "TWILIO_AUTH_TOKEN is not set: set it to the token Twilio signs webhooks with",
    ]


@pytest.mark.parametrize("name", GIVEN)
def test_an_empty_variable_is_a_missing_one(name: str) -> None:
    assert rejected({**GIVEN, name: ""})[name].problem == "is not set"


def test_a_command_on_what_is_kept_needs_no_telephone() -> None:
    settings = read_settings({"DATABASE_URL": "postgresql://db/onrecord"}, need="database")
    assert settings.database_url == "postgresql://db/onrecord"
    assert (settings.public_base_url, settings.webhook_secrets, settings.rest_password) == ("", (), "")


def test_a_command_on_what_is_kept_never_opens_the_telephone_secrets() -> None:
    environ = {"TWILIO_AUTH_TOKEN_FILE": "/nowhere", "TWILIO_AUTH_TOKEN": TOKEN}
    assert read_settings(environ, need="database").webhook_secrets == ()


def test_a_command_on_what_is_kept_still_checks_the_database() -> None:
    with pytest.raises(SettingsRejected, match="DATABASE_URL"):
        read_settings({"DATABASE_URL": "oracle://db"}, need="database")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://calls.example.org/", "https://calls.example.org"),
        ("https://Calls.Example.org", "https://calls.example.org"),
        ("https://calls.example.org:8443", "https://calls.example.org:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example"),
    ],
)
def test_the_public_url_may_be_https_or_loopback(url: str, kept: str) -> None:
    assert read_settings({**GIVEN, "PUBLIC_BASE_URL": url}).public_base_url == kept


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://Console.example.org/", "https://console.example.org"),
        ("https://console.example.org:8443", "https://console.example.org:8443"),
        ("http://localhost:8001", "http://localhost:8001"),
    ],
)
def test_the_console_is_reached_by_a_name(url: str, kept: str) -> None:
    assert read_settings({**GIVEN, "CONSOLE_BASE_URL": url}).console_base_url == kept


def test_the_console_is_on_this_machine_unless_it_is_said_to_be_elsewhere() -> None:
    assert read_settings(GIVEN).console_base_url == "http://localhost:8001"


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("http://127.0.0.1:8001", "write http://localhost:8001"),
        ("http://127.0.0.1", "write http://localhost"),
        ("http://[::1]:8001", "write http://localhost:8001"),
        ("https://10.0.0.5", "write https://HOST"),
        ("https://127.1:8443", "write https://HOST"),
        ("https://console.example.7", "write https://HOST"),
    ],
)
def test_a_console_at_an_address_is_refused_with_the_name_that_works(url: str, remedy: str) -> None:
    problem = rejected({**GIVEN, "CONSOLE_BASE_URL": url})["CONSOLE_BASE_URL"]
    assert (problem.problem, problem.remedy) == ("names an address, and passkeys need a name", remedy)


@pytest.mark.parametrize(
    "url",
    ["http://console.example.org", "https://example.org/console", "console.example.org", "https://alice@example.org"],
)
def test_a_console_that_is_not_https_or_no_bare_url_is_refused(url: str) -> None:
    assert set(rejected({**GIVEN, "CONSOLE_BASE_URL": url})) == {"CONSOLE_BASE_URL"}


@pytest.mark.parametrize(
    "url",
    [
        "http://calls.example.org",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "ftp://calls.example.org",
        "calls.example.org",
        "https://",
        "https:///voice",
        "https://münchen.example",
        "https://calls.example.org/prefix",
        "https://calls.example.org?x=1",
        "https://calls.example.org?",
        "https://calls.example.org#rc=2",
        "https://user@calls.example.org",
        "https://:@calls.example.org",
        "https://evil.example\\@calls.example.org",
        "https://under_score.example.org",
        "https://calls.example.org:99999",
        "https://calls.example.org:0",
        "https://calls.example.org:abc",
        "https://[::1",
        "https://calls.example.org\n",
        " https://calls.example.org",
        "https://calls..example.org",
        "https://-calls.example.org",
        f"https://{'c' * 64}.example.org",
    ],
)
@pytest.mark.parametrize("name", ["PUBLIC_BASE_URL", "TWILIO_API_BASE_URL", "TWILIO_MEMORY_BASE_URL"])
def test_any_other_base_url_is_refused(name: str, url: str) -> None:
    assert set(rejected({**GIVEN, name: url})) == {name}


@pytest.mark.parametrize("sid", ["AC123", ACCOUNT.upper(), ACCOUNT + "\n", "SK" + ACCOUNT[2:], ACCOUNT + "0"])
def test_a_malformed_account_sid_is_refused(sid: str) -> None:
    assert rejected({**GIVEN, "TWILIO_ACCOUNT_SID": sid})["TWILIO_ACCOUNT_SID"].problem == "is malformed"


@pytest.mark.parametrize("token", ["short", "with space 0123456789", "changeme", "0123456789abcdef\n", "é" * 32])
def test_a_token_that_cannot_be_one_is_refused(token: str) -> None:
    assert set(rejected({**GIVEN, "TWILIO_AUTH_TOKEN": token})) == {"TWILIO_AUTH_TOKEN"}


def test_both_tokens_verify_while_they_are_rotated() -> None:
    secondary = "another-token-0123456789"
    settings = read_settings({**GIVEN, "TWILIO_AUTH_TOKEN_SECONDARY": secondary})
    assert settings.webhook_secrets == (TOKEN, secondary)


def test_an_api_key_takes_the_place_of_the_token_for_rest() -> None:
    key, secret = "SK" + "a" * 32, "s3cret-of-the-key-0123456789"
    settings = read_settings({**GIVEN, "TWILIO_API_KEY": key, "TWILIO_API_SECRET": secret})
    assert (settings.rest_user, settings.rest_password) == (key, secret)


@pytest.mark.parametrize(
    "half", [{"TWILIO_API_KEY": "SK" + "a" * 32}, {"TWILIO_API_SECRET": "s3cret-of-the-key-0123456789"}]
)
def test_half_an_api_key_is_refused(half: dict[str, str]) -> None:
    assert "come together" in rejected({**GIVEN, **half})["TWILIO_API_KEY"].problem


@pytest.mark.parametrize(
    "name", ["TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_SECONDARY", "TWILIO_API_SECRET", "DATABASE_URL"]
)
def test_every_secret_can_come_from_a_file(name: str, tmp_path: Path) -> None:
    content = "postgresql://u:p@db/x" if name == "DATABASE_URL" else "secret-in-a-file-0123"
    given = {**GIVEN, "TWILIO_API_KEY": "SK" + "a" * 32, "TWILIO_API_SECRET": "s3cret-of-the-key-0123456789"}
    given.pop(name, None)
    settings = read_settings({**given, f"{name}_FILE": secret_file(tmp_path, content + "\n")})
    assert content in {*settings.webhook_secrets, settings.rest_password, settings.database_url}


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    problems = rejected({**GIVEN, "TWILIO_AUTH_TOKEN_FILE": secret_file(tmp_path, TOKEN)})
    assert "both set" in problems["TWILIO_AUTH_TOKEN"].problem


@pytest.mark.parametrize("mode", [0o604, 0o606, 0o601, 0o620, 0o644, 0o666])
def test_a_secret_file_that_others_can_open_is_refused(mode: int, tmp_path: Path) -> None:
    environ = {**GIVEN, "TWILIO_AUTH_TOKEN_FILE": secret_file(tmp_path, TOKEN, mode)}
    del environ["TWILIO_AUTH_TOKEN"]
    assert "other users" in rejected(environ)["TWILIO_AUTH_TOKEN_FILE"].problem


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440, 0o640])
def test_a_secret_file_may_be_read_by_its_group(mode: int, tmp_path: Path) -> None:
    environ = {**GIVEN, "TWILIO_AUTH_TOKEN_FILE": secret_file(tmp_path, TOKEN, mode)}
    del environ["TWILIO_AUTH_TOKEN"]
    assert read_settings(environ).webhook_secrets == (TOKEN,)


@pytest.mark.parametrize("content", ["", "\n", "short\n", b"\xff" * 40, "two words 0123456789\n"])
def test_a_secret_file_without_a_secret_is_refused(content: str | bytes, tmp_path: Path) -> None:
    environ = {**GIVEN, "TWILIO_AUTH_TOKEN_FILE": secret_file(tmp_path, content)}
    del environ["TWILIO_AUTH_TOKEN"]
    assert set(rejected(environ)) == {"TWILIO_AUTH_TOKEN_FILE"}


def test_a_secret_file_that_is_missing_or_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "none", tmp_path, tmp_path / "pipe", "with\0nul"):
        environ = {**GIVEN, "TWILIO_AUTH_TOKEN_FILE": str(path)}
        del environ["TWILIO_AUTH_TOKEN"]
        assert set(rejected(environ)) == {"TWILIO_AUTH_TOKEN_FILE"}


@pytest.mark.parametrize("url", ["sqlite:///var/x.db", "postgresql://u:p@h/n", "postgresql+psycopg://u@h/n"])
def test_sqlite_and_postgres_are_databases(url: str) -> None:
    assert read_settings({**GIVEN, "DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize("url", ["mysql://h/n", "postgres://u:p@h/n", "var/x.db", "postgresql://u:p@h:port/n"])
def test_another_database_is_refused_without_showing_its_password(url: str) -> None:
    assert url not in str(rejected({**GIVEN, "DATABASE_URL": url})["DATABASE_URL"])


@pytest.mark.parametrize("place", ["dir:var/audio", "dir:/srv/x y", "s3://a-bucket/prefix/of", "s3://a-bucket"])
def test_a_directory_and_a_bucket_are_audio_stores(place: str) -> None:
    assert read_settings({**GIVEN, "AUDIO_STORE": place}).audio_store == place


@pytest.mark.parametrize("place", ["dir:", "var/audio", "s3://", "s3:///x", "s3://Bucket/x", "gs://bucket/x"])
def test_another_audio_store_is_refused(place: str) -> None:
    assert set(rejected({**GIVEN, "AUDIO_STORE": place})) == {"AUDIO_STORE"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ONRECORD_ANCHOR_S3", "s3://a-bucket/log"),
        ("ONRECORD_ANCHOR_S3", "s3://a-bucket"),
        ("ONRECORD_WITNESS", f"{WITNESS} https://witness.example/prefix"),
        ("ONRECORD_WITNESS", f"{WITNESS} http://127.0.0.1:7380"),
        ("ONRECORD_TSA", "https://tsa.example/tsr"),
        ("ONRECORD_TSA", "http://localhost:3180/"),
    ],
)
def test_who_holds_checkpoints_is_named_by_a_setting_each(name: str, value: str) -> None:
    settings = read_settings({**GIVEN, name: value})
    assert [settings.anchor_s3, settings.witness, settings.time_stamp].count(value) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ONRECORD_ANCHOR_S3", "a-bucket/log"),
        ("ONRECORD_ANCHOR_S3", "dir:var/anchors"),
        ("ONRECORD_ANCHOR_S3", "s3://A_Bucket"),
        ("ONRECORD_WITNESS", "https://witness.example"),
        ("ONRECORD_WITNESS", WITNESS),
        ("ONRECORD_WITNESS", f"{WITNESS} witness.example"),
        ("ONRECORD_WITNESS", f"{WITNESS} http://witness.example"),
        ("ONRECORD_WITNESS", f"{WITNESS} https://user:word@witness.example"),
        ("ONRECORD_WITNESS", f"{WITNESS}  https://witness.example"),
        ("ONRECORD_WITNESS", f"{WITNESS[:-1]}Y https://witness.example"),
        ("ONRECORD_WITNESS", f"{LOG_KEY} https://witness.example"),  # the key of a log, not of a cosigner
        ("ONRECORD_TSA", "tsa.example"),
        ("ONRECORD_TSA", "http://tsa.example/tsr"),
        ("ONRECORD_TSA", "ftp://tsa.example"),
        ("ONRECORD_TSA", "https://user@tsa.example"),
    ],
)
def test_whoever_can_hold_no_checkpoint_is_refused(name: str, value: str) -> None:
    assert set(rejected({**GIVEN, name: value})) == {name}


def test_what_is_wrong_with_the_holders_is_told_together() -> None:
    wrong = {"ONRECORD_ANCHOR_S3": "bucket", "ONRECORD_WITNESS": "nobody", "ONRECORD_TSA": "nowhere"}
    assert set(rejected({**GIVEN, **wrong, "AUDIO_STORE": "ftp://x"})) == {*wrong, "AUDIO_STORE"}


def test_a_command_on_the_database_alone_reads_where_the_anchor_file_is() -> None:
    settings = read_settings({"ONRECORD_ANCHOR_FILE": "-", "ONRECORD_WITNESS": "nobody"}, need="database")
    assert (settings.anchor_file, settings.witness) == ("-", "")


def test_no_secret_is_in_the_repr() -> None:
    environ = {
        **GIVEN,
        "TWILIO_AUTH_TOKEN_SECONDARY": "secondary-0123456789",
        "TWILIO_API_KEY": "SK" + "a" * 32,
        "TWILIO_API_SECRET": "api-secret-0123456789",
        "DATABASE_URL": "postgresql://user:db-password@db/x",
    }
    shown = repr(read_settings(environ))
    for secret in (TOKEN, "secondary-0123456789", "api-secret-0123456789", "db-password"):
        assert secret not in shown


def test_no_secret_is_in_a_problem() -> None:
    for name in ("TWILIO_AUTH_TOKEN", "TWILIO_API_SECRET", "DATABASE_URL", "PUBLIC_BASE_URL"):
        with pytest.raises(SettingsRejected) as rejection:
            read_settings({**GIVEN, name: "s3cr3t w0rd"})
        assert "s3cr3t" not in str(rejection.value)


SIGN_ON = {
    "OIDC_ISSUER": "https://idp.example/tenant/",
    "OIDC_CLIENT_ID": "onrecord",
    "OIDC_CLIENT_SECRET": "client-secret-0123456789",
}


def test_single_sign_on_is_read_as_it_is_written() -> None:
    settings = read_settings({**GIVEN, **SIGN_ON})
    assert (settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret) == tuple(SIGN_ON.values())
    assert SIGN_ON["OIDC_CLIENT_SECRET"] not in repr(settings)


@pytest.mark.parametrize("names", [*combinations(SIGN_ON, 1), *combinations(SIGN_ON, 2)], ids=str)
def test_a_part_of_single_sign_on_is_one_problem(names: tuple[str, ...]) -> None:
    problems = rejected({**GIVEN, **{name: SIGN_ON[name] for name in names}})
    assert [(name, problem.remedy) for name, problem in problems.items()] == [("OIDC_ISSUER", "set all three or none")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OIDC_ISSUER", "http://idp.example"),
        ("OIDC_ISSUER", "https://idp.example/?tenant=a"),
        ("OIDC_ISSUER", "https://idp.example/#a"),
        ("OIDC_ISSUER", "idp.example"),
        ("OIDC_CLIENT_ID", "on record"),
        ("OIDC_CLIENT_ID", "c" * 256),
        ("OIDC_CLIENT_SECRET", "short"),
    ],
)
def test_single_sign_on_that_cannot_work_is_refused(name: str, value: str) -> None:
    assert set(rejected({**GIVEN, **SIGN_ON, name: value})) == {name}


def test_a_client_secret_can_come_from_a_file(tmp_path: Path) -> None:
    given = {**GIVEN, **SIGN_ON, "OIDC_CLIENT_SECRET_FILE": secret_file(tmp_path, "secret-in-a-file-0123\n")}
    del given["OIDC_CLIENT_SECRET"]
    assert read_settings(given).oidc_client_secret == "secret-in-a-file-0123"


def test_a_provider_on_this_machine_may_be_asked_in_the_clear() -> None:
    assert read_settings({**GIVEN, **SIGN_ON, "OIDC_ISSUER": "http://127.0.0.1:8080"}).oidc_issuer


MAIL = {
    "ONRECORD_SMTP": "smtp://mail.example",
    "ONRECORD_SMTP_USER": "onrecord",
    "ONRECORD_SMTP_PASSWORD": "se cret",
    "ONRECORD_MAIL_FROM": "onrecord@calls.example.org",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ONRECORD_SMTP", f"smtp://{'m' * 64}.example"),
        ("ONRECORD_SMTP", "smtp://us@mail.example"),
        ("ONRECORD_SMTP_USER", "anné"),
        ("ONRECORD_SMTP_PASSWORD", "pässword"),
        ("ONRECORD_MAIL_FROM", "onrecord@calls.example.org\nBcc: everybody@example.org"),
    ],
)
def test_a_mail_server_that_cannot_be_spoken_to_is_refused_before_anything_starts(name: str, value: str) -> None:
    assert read_settings({**GIVEN, **MAIL}).smtp_password == "se cret"
    assert set(rejected({**GIVEN, **MAIL, name: value})) == {name}


def test_the_other_hosts_of_twilio_are_twilios_unless_they_or_the_api_are_set() -> None:
    names = [field.name for field in fields(Hosts)]
    assert {account(GIVEN).host(name) for name in names} == {f"https://{name}.twilio.com" for name in names}
    standing_in = {**GIVEN, "TWILIO_API_BASE_URL": "http://127.0.0.1:9/"}
    assert {account(standing_in).host(name) for name in names} == {"http://127.0.0.1:9"}
    for name in names:
        one = account({**standing_in, f"TWILIO_{name.upper()}_BASE_URL": "https://elsewhere.example/"})
        assert [other for other in names if one.host(other) != "http://127.0.0.1:9"] == [name]
        assert one.host(name) == "https://elsewhere.example"


def account(environ: dict[str, str]) -> Account:
    settings = read_settings(environ)
    return Account(ACCOUNT, ACCOUNT, TOKEN, settings.api_base_url or TWILIO, settings.hosts)
