"""`onrecord simulate`: a stand-in for Twilio that needs no configuration."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in an empty directory without any setting, and its first lines."""
    command = [
        sys.executable,
        "-m",
        "onrecord",
        "simulate",
        "--listen",
        "127.0.0.1:0",
        "--voice-url",
        "http://127.0.0.1:9/",
    ]
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("ONRECORD", "TWILIO"))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=bare) as process:
        assert process.stdout is not None
        said = "".join(process.stdout.readline() for _ in range(6))
        yield process, said
        process.kill()


def test_it_makes_an_account_up_and_says_all_that_an_app_must_know(
    started: tuple[subprocess.Popen[str], str],
) -> None:
    process, said = started
    url = said.splitlines()[0]
    ((account, token),) = re.findall(r"account +(AC[0-9a-f]{32}), auth token ([0-9a-f]{32})", said)
    ((key, secret),) = re.findall(r"API key +(SK[0-9a-f]{32}), secret ([0-9a-f]{32})", said)
    ((e164, sid),) = re.findall(r"number +(\+\d+), (PN[0-9a-f]{32}), answered at http://127\.0\.0\.1:9/", said)
    assert "Phone" in requests.get(url, timeout=5).text
    for auth in ((account, token), (key, secret)):
        path = f"{url}/2010-04-01/Accounts/{account}/IncomingPhoneNumbers/{sid}.json"
        assert requests.get(path, auth=auth, timeout=5).json()["phone_number"] == e164
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_an_option_that_cannot_be_used_is_told_and_nothing_is_started() -> None:
    command = [sys.executable, "-m", "onrecord", "simulate", "--voice-url", "voice"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("simulator: --voice-url is 'voice', which is no URL")
