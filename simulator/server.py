"""The exchange as a server: Twilio's REST API and the control API on one port of this machine."""

import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from simulator import (
    control,
    control_account,
    control_recordings,
    control_texts,
    phone_page,
    rest_add_ons,
    rest_calls,
    rest_conferences,
    rest_conversations,
    rest_events,
    rest_intelligence,
    rest_memory,
    rest_numbers,
    rest_outgoing,
    rest_participants,
    rest_recordings,
    rest_transcriptions,
    rest_trunks,
    rest_voice,
)
from simulator.errors import RestError
from simulator.exchange import Exchange
from simulator.rest import Sid, answer_error, answer_failure, answer_http_error, authenticate, date_answer

REST = (
    *(rest_calls.blueprint, rest_outgoing.blueprint),
    *(rest_events.blueprint, rest_recordings.blueprint, rest_numbers.blueprint),
    *(rest_conferences.blueprint, rest_participants.blueprint),
    *(rest_transcriptions.blueprint, rest_intelligence.blueprint, rest_intelligence.operators),
    *(rest_voice.configurations, rest_voice.blueprint, rest_conversations.blueprint, rest_memory.blueprint),
    *(rest_trunks.blueprint, rest_add_ons.blueprint),
)
CONTROL = (control.blueprint, control_account.blueprint, control_recordings.blueprint, control_texts.blueprint)
OPEN = (*CONTROL, phone_page.blueprint, rest_intelligence.media_store)


def create_app(exchange: Exchange) -> Flask:
    """The WSGI app: for programs, and for people the phone in the browser."""
    app = Flask(__name__)
    app.extensions["exchange"] = exchange
    app.url_map.converters["sid"] = Sid
    app.register_error_handler(RestError, answer_error)
    app.register_error_handler(HTTPException, answer_http_error)
    app.register_error_handler(Exception, answer_failure)
    app.before_request(_authenticate_rest)
    app.after_request(date_answer)
    for blueprint in (*REST, *OPEN):
        app.register_blueprint(blueprint)
    return app


class Server:
    """The app on a port, served by threads. Port 0 is a free one; `url` says which."""

    def __init__(self, exchange: Exchange, host: str = "127.0.0.1", port: int = 0) -> None:
        """Raises OSError where it cannot listen."""
        self.exchange = exchange
        app = closing_at_the_end(create_app(exchange))
        is_ipv6 = ":" in host
        family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
        # Werkzeug would end the program where it cannot listen.
        with socket.create_server((host, port), family=family) as listening:
            port, fd = listening.getsockname()[1], listening.fileno()
            self._server: BaseWSGIServer = make_server(
                host, port, app, threaded=True, request_handler=_QuietHandler, fd=fd
            )
        self.url = f"http://[{host}]:{port}" if is_ipv6 else f"http://{host}:{port}"
        exchange.config = exchange.config.served_at(self.url)

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        """Stop serving. Safe from any thread but the one that serves."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> "Server":
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def closing_at_the_end(app: WSGIApplication) -> WSGIApplication:
    """The application, which closes what it sends, such as a file, as soon as that is sent. Werkzeug's server does so
    only if the client stays on the line until then.
    """

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterator[bytes]:
        parts = app(environ, start)
        try:
            yield from parts
        finally:
            if hasattr(parts, "close"):
                parts.close()

    return answer


class _QuietHandler(WSGIRequestHandler):
    """Requests are in the journals of the calls; the terminal stays free for what matters."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...


def _authenticate_rest() -> None:
    """Every request of REST's, but for media that the account gives to anybody."""
    found: Exchange = current_app.extensions["exchange"]
    if request.endpoint == "rest_recordings.media" and not found.services.media_auth:
        return
    if request.blueprint in {blueprint.name for blueprint in REST}:
        authenticate()
