"""The command that looks for settings that work against the promises."""

import sys

import click

from onrecord.commands.base import FOUND_SOMETHING, as_json_option, opened
from onrecord.terminal import say, say_json


@click.command()
@as_json_option
def doctor(*, as_json: bool) -> None:
    """Look for dangerous settings of the Twilio account.

    Dangerous is what works against the promises. Each finding says what it is, why it is dangerous here, and where to
    change it; a setting that the key may not look at is a finding too. Nothing is changed. The log keeps the result; a
    worker does the same every day. Exit code 1 where anything was found.
    """
    from dataclasses import asdict

    from onrecord.doctor.examination import CHECKS, Doctor

    with opened() as installation:
        found = Doctor(installation).examine()
    if as_json:
        say_json({"checks": CHECKS, "findings": [asdict(finding) for finding in found]})
    else:
        with_findings = {finding.check for finding in found}
        for check in CHECKS:
            if check not in with_findings:
                say(f"ok       {check}")
        for finding in found:
            say(f"{'WRONG' if finding.is_wrong else 'UNTOLD':<7}  {finding.check}: {finding.what}")
            say(f"         {finding.why}")
            say(f"         {finding.where}")
        say(f"{len(CHECKS)} checks, {len(found)} findings")
    if found:
        sys.exit(FOUND_SOMETHING)


def add_doctor_commands(group: click.Group) -> None:
    group.add_command(doctor)
