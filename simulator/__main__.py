"""`python -m simulator`: serve until SIGTERM.

The first line printed is the address; without `--config`, an account that was made up for this run follows.
"""

import argparse
import secrets
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

from simulator import speech
from simulator.addresses import is_url
from simulator.config import Config
from simulator.exchange import Exchange, check_authorities
from simulator.server import Server

NUMBER = "+12125550100"


def main(arguments: list[str] | None = None) -> int:
    """0 after a clean end, 2 for options or a configuration that cannot be used."""
    given = _options().parse_args(arguments)
    try:
        config = Config.read(given.config) if given.config else _made_up(given.voice_url)
        if given.config and given.voice_url:
            raise ValueError("--voice-url is for the account that is made up; with --config, name the URL there")
        exchange = Exchange(replace(config, strict=False) if given.lenient else config)
        speech.hurry(exchange.config.words_per_minute)
        check_authorities()
        server = _served(exchange, given.listen)
    except (OSError, ValueError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 2
    print(server.url, flush=True)
    if not given.config:
        print(_introduction(exchange.config), flush=True)
    if speech.engine_name() == "synthetic":
        print("simulator: espeakng-loader is not installed, so people babble", file=sys.stderr)
    _serve_until_stopped(server)
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description="Twilio's side of the line, with a phone in the browser."
    )
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="port 0 is a free one")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the account, its credentials and numbers: JSON")
    parser.add_argument("--voice-url", default="", metavar="URL", help="where calls are answered; REST can change it")
    parser.add_argument("--lenient", action="store_true", help="let documents pass that Twilio would only warn about")
    return parser


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"--listen is {text!r}, which is no address: write HOST:PORT, such as 127.0.0.1:8010")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _served(exchange: Exchange, listen: str) -> Server:
    try:
        return Server(exchange, *_address(listen))
    except OSError as error:
        raise ValueError(f"--listen is {listen!r}, where nothing can be served: {error.strerror or error}") from error


def _made_up(voice_url: str) -> Config:
    """An account with a number, and credentials that no other run has."""
    if not is_url(voice_url):
        raise ValueError(f"--voice-url is {voice_url!r}, which is no URL: write http://127.0.0.1:5000/voice, say")
    return Config.of(
        {
            "account_sid": "AC" + secrets.token_hex(16),
            "auth_token": secrets.token_hex(16),
            "api_key": "SK" + secrets.token_hex(16),
            "api_secret": secrets.token_hex(16),
            "numbers": {NUMBER: {"voice_url": voice_url, "label": "Your line"}},
        }
    )


def _introduction(config: Config) -> str:
    """The account, for a person and for the settings of the app under test."""
    ((key, secret),) = config.api_keys.items()
    (number,) = config.numbers.values()
    return (
        f"  the phone          {config.api_url}/\n"
        f"  REST's base URL    {config.api_url}\n"
        f"  account            {config.account_sid}, auth token {config.auth_token}\n"
        f"  API key            {key}, secret {secret}\n"
        f"  number             {number.e164}, {number.sid}, answered at {number.voice_url or 'no URL yet'}"
    )


def _serve_until_stopped(server: Server) -> None:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with server:
        stopping.wait()


if __name__ == "__main__":
    sys.exit(main())
