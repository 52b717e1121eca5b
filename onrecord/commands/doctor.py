"""The command that looks for settings that work against the promises."""

import json
import sys

import click

from onrecord.commands.base import FOUND_SOMETHING, opened


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
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
        click.echo(json.dumps({"checks": CHECKS, "findings": [asdict(finding) for finding in found]}, indent=2))
    else:
        with_findings = {finding.check for finding in found}
        for check in CHECKS:
            if check not in with_findings:
                click.echo(f"ok       {check}")
        for finding in found:
            click.echo(f"{'WRONG' if finding.is_wrong else 'UNTOLD':<7}  {finding.check}: {finding.what}")
            click.echo(f"         {finding.why}")
            click.echo(f"         {finding.where}")
        click.echo(f"{len(CHECKS)} checks, {len(found)} findings")
    if found:
        sys.exit(FOUND_SOMETHING)


def add_doctor_commands(group: click.Group) -> None:
    group.add_command(doctor)
