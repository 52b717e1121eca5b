"""`python -m simulator --listen 127.0.0.1:0 --config exchange.json`: serve until SIGTERM."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from simulator import speech
from simulator.config import Config
from simulator.exchange import Exchange
from simulator.server import Server


def main(arguments: list[str] | None = None) -> int:
    """0 after a clean end, 2 for a configuration that cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description="Twilio's side of the line.")
    parser.add_argument("--listen", default="127.0.0.1:0", help="HOST:PORT; port 0 is a free one")
    parser.add_argument("--config", required=True, type=Path, help="the account, its credentials and numbers: JSON")
    given = parser.parse_args(arguments)
    try:
        exchange = Exchange(Config.read(given.config))
        speech.hurry(exchange.config.words_per_minute)
        host, _, port = given.listen.rpartition(":")
        server = Server(exchange, host, int(port))
    except (OSError, ValueError, TypeError, KeyError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 2
    print(server.url, flush=True)
    if speech.engine_name() == "synthetic":
        print("simulator: espeakng-loader is not installed, so people babble", file=sys.stderr)
    _serve_until_stopped(server)
    return 0


def _serve_until_stopped(server: Server) -> None:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with server:
        stopping.wait()


if __name__ == "__main__":
    sys.exit(main())
