"""The operators' page leaves out no secret, and its files agree with one another."""

import re

from onrecord.settings.key_file import NAMES
from onrecord.settings.table import SETTINGS
from tests.source import ROOT

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
DEPLOY = ROOT / "docs" / "deploy"
OTHERS = {"ONRECORD_VCON_KEY", "AWS_SECRET_ACCESS_KEY"}
"""A file with a key of ours, and a secret that a library reads."""


SECRETS = {one.name for one in SETTINGS.values() if one.is_secret} | OTHERS | {*NAMES}


def without_a_way(page: str) -> set[str]:
    """The secrets that no row of the section about keys and secrets begins with."""
    (section,) = re.findall(r"^## Keys and secrets\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`([\w-]+)`", "\n".join(re.findall(r"^\| (.*?) \|", section, re.MULTILINE))))
    return SECRETS - named


def test_each_secret_has_its_way_of_being_changed() -> None:
    assert without_a_way(PAGE) == set()


def test_a_secret_without_a_row_is_seen() -> None:
    assert len(SECRETS) >= 13
    assert without_a_way(PAGE.replace("| `OIDC_CLIENT_SECRET` |", "| the client's |")) == {"OIDC_CLIENT_SECRET"}


def test_nginx_turns_to_where_the_units_listen() -> None:
    upstreams = re.findall(r"server (127\.0\.0\.1:\d+) max_fails=0( backup)?;", (DEPLOY / "nginx.conf").read_text())
    listens = re.search(r"--webhooks (\S+) ", (DEPLOY / "onrecord-stand-in.service").read_text())
    assert listens
    assert upstreams == [("127.0.0.1:8000", ""), (listens[1], " backup")]
    assert f"http://{listens[1]}/readyz" in PAGE


def test_every_unit_and_configuration_is_named_on_the_page() -> None:
    """Units are copied by their common beginning."""
    for file in DEPLOY.iterdir():
        name = "nginx.conf" if file.name == "nginx.conf" else file.stem
        assert re.search(rf"\b{name}\b", PAGE), name
