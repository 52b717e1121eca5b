"""The agent's endpoint, as the settings of an installation open it."""

import pytest
from werkzeug.test import Client

from onrecord.processes import serve
from tests.onrecord.commands.site import Site


@pytest.mark.parametrize("is_file", [False, True], ids=["CONSOLE_API_TOKEN", "CONSOLE_API_TOKEN_FILE"])
def test_the_agents_endpoint_is_open_to_the_token_of_the_settings_alone(
    is_file: bool, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "a-token-of-the-page-0123456789"
    (site.folder / "token").write_text(token + "\n")
    (site.folder / "token").chmod(0o600)
    name, value = ("_FILE", str(site.folder / "token")) if is_file else ("", token)
    site.environ["CONSOLE_API_TOKEN" + name] = value
    monkeypatch.setattr(serve, "say_logs_plainly", lambda: None)
    monkeypatch.setattr(serve, "die_with_parent", lambda: None)
    with site.inside():
        client = Client(serve.console_app())
        asked = [
            client.post(f"/api/calls/CA{'0' * 32}/{act}", json={"actor": "alice"}, headers={"Authorization": bearer})
            for act in ("withdraw", "pause", "resume")
            for bearer in (f"Bearer {token}", "Bearer another-token-0123456789")
        ]
    assert [answer.status_code for answer in asked] == [404, 401] * 3
    assert {answer.get_json()["error"] for answer in asked[::2]} == {"no_such_call"}
