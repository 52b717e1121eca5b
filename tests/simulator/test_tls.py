"""Webhooks over TLS, to a service whose certificate an authority of the tester's own has signed."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask, Response
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.onrecord.tls import HOST, certified
from tests.simulator.office import LINE, Office, heard, twiml


class Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...

    def log(self, kind: str, message: str, *args: object) -> None: ...


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A service over TLS, and the file of its authority."""
    certificate, key = certified(tmp_path, datetime.now(UTC) + timedelta(days=1))
    app = Flask(__name__)

    @app.post("/voice")
    def voice() -> Response:
        return twiml("<Say>Hello over TLS.</Say>")

    server = make_server(HOST, 0, app, request_handler=Quiet, ssl_context=(str(certificate), str(key)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://{HOST}:{server.server_port}/voice", certificate
    server.shutdown()
    server.server_close()


def test_ssl_cert_file_names_the_authority_to_trust(secured: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    url, authority = secured
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    office = Office()
    office.exchange.numbers[LINE].voice_url = url
    assert heard(office.call()) == ["Hello over TLS."]


def test_without_it_a_strange_authority_is_no_authority(
    secured: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    office = Office()
    office.exchange.numbers[LINE].voice_url = secured[0]
    assert [error["code"] for error in office.call().journal.of("error")] == [11220]
