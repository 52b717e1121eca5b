"""The command that starts Twilio's side of the line, for people who test a Twilio app of their own."""

import os
import sys

import click


@click.command()
@click.option("--listen", default="127.0.0.1:8010", show_default=True, metavar="HOST:PORT", help="Port 0: a free one.")
@click.option("--voice-url", default="", metavar="URL", help="Where your app answers calls. REST can change it.")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="An account with numbers of your own, as JSON.",
)
@click.option("--lenient", is_flag=True, help="Let documents pass that Twilio would only warn about.")
def simulate(listen: str, voice_url: str, config: str | None, *, lenient: bool) -> None:
    """Stand in for Twilio, with a phone in the browser.

    Prints an account that it makes up, with a number to call. It needs no installation, and no setting.
    """
    options = ["--listen", listen]
    options += ["--voice-url", voice_url] if voice_url else []
    options += ["--config", config] if config else []
    options += ["--lenient"] if lenient else []
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "simulator", *options])  # noqa: S606  # this process becomes it
