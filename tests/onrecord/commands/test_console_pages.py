"""The console's pages, as the settings and the rulebook of an installation make them."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask.testing import FlaskClient

from console.app import Console, create_app
from onrecord.installation import open_web_installation
from onrecord.processes.serve import console_of
from tests.onrecord.commands.site import Site

CONSOLE = "https://console.example.org"
OIDC = {
    "OIDC_ISSUER": "https://id.example.org/tenant",
    "OIDC_CLIENT_ID": "onrecord",
    "OIDC_CLIENT_SECRET": "a-secret-of-the-tests-0123",
}


@contextmanager
def console(site: Site) -> Iterator[Console]:
    with site.inside():
        front = open_web_installation(site.environ)
        yield console_of(front)
        front.database.close()


def passkeys_of(client: FlaskClient, base_url: str) -> object:
    """The name that passkeys are bound to, by the options that a browser is given."""
    page = client.get("/enter", base_url=base_url).text
    token = page.partition('name="csrf-token" content="')[2].partition('"')[0]
    answer = client.post("/enter/passkey/options", base_url=base_url, headers={"X-CSRF-Token": token})
    return (answer.json or {})["rpId"]


def test_passkeys_are_bound_to_the_address_in_the_settings(site: Site) -> None:
    site.environ["CONSOLE_BASE_URL"] = f"{CONSOLE}:443"
    with console(site) as made:
        assert made.base_url == CONSOLE  # as browsers write it
        assert passkeys_of(create_app(made).test_client(), CONSOLE) == "console.example.org"


def test_a_console_of_no_address_is_on_this_machine(site: Site) -> None:
    with console(site) as made:
        assert passkeys_of(create_app(made).test_client(), "http://localhost:8001") == "localhost"


def test_single_sign_on_is_offered_where_there_is_a_provider(site: Site) -> None:
    with console(site) as made:
        assert "/enter/sign-on" not in create_app(made).test_client().get("/enter").text
    site.environ.update(OIDC)
    with console(site) as made:
        assert "Sign in by id.example.org" in create_app(made).test_client().get("/enter").text


def test_the_rulebooks_rules_on_the_console_are_those_of_its_pages(site: Site) -> None:
    rules = site.folder / "onrecord.toml"
    rules.write_text(f'{rules.read_text()}\n[console]\npasskey_roles = ["admin"]\nsession_idle = "PT10M"\n')
    with console(site) as made:
        assert made.entry
        assert made.entry.rules.passkey_roles == {"admin"}
        assert made.limits == made.entry.rules.limits
        assert made.limits.idle.total_seconds() == 600
        assert len(made.lines) > 0
