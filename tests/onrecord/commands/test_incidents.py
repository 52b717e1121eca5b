"""`onrecord incidents`: what a person must look at, and that one has."""

import json
import secrets
from contextlib import closing
from datetime import UTC, datetime

from policies.incidents import ADVICE, IncidentKind
from storage.moment import Moment
from storage.rows.incidents import raise_incident
from tests.onrecord.commands.site import Site


def test_an_incident_is_listed_until_somebody_closes_it(site: Site) -> None:
    assert (site.run("incidents").code, site.run("incidents").out) == (0, "no incident is open\n")
    for _ in range(2):
        _raise(site)
    listed = site.run("incidents")
    assert listed.code == 1
    line, _, advice = listed.out.splitlines()
    assert "job_failed  sweep:: sweep: no answer" in line
    assert advice == f"job_failed: {ADVICE[IncidentKind.JOB_FAILED]}"
    assert site.run("incidents", "close", line.split()[0], "--why", "the disk was full").code == 0
    assert (site.run("incidents").code, site.run("incidents").out) == (0, "no incident is open\n")
    assert site.run("incidents", "close", line.split()[0], "--why", "again").code == 1
    assert site.run("log", "verify").code == 0


def test_a_script_gets_the_severity_and_the_advice(site: Site) -> None:
    _raise(site)
    (told,) = json.loads(site.run("incidents", "--json").out)
    advice = str(ADVICE[IncidentKind.JOB_FAILED])
    assert (told["kind"], told["severity"], told["advice"]) == ("job_failed", "warning", advice)


def test_who_closes_an_incident_says_why_and_names_nobody(site: Site) -> None:
    _raise(site)
    assert site.run("incidents", "close", "1").code == 2
    for reason in ("", "  ", "+14155550100 was right"):
        assert site.run("incidents", "close", "1", "--why", reason).code == 1
    assert site.run("incidents").code == 1
    assert site.run("incidents", "close", "1", "--why", "the disk was full", "--as", "maria").code == 0
    (event,) = [json.loads(line) for line in site.run("log", "show").out.splitlines() if '"incident.closed"' in line]
    assert (event["incident"], sorted(event["sd"])) == (1, ["actor", "reason"])


def test_an_incident_that_happens_again_is_open_again(site: Site) -> None:
    _raise(site)
    assert site.run("incidents", "close", "1", "--why", "the disk was full").code == 0
    _raise(site)
    assert "job_failed  sweep:: sweep: no answer" in site.run("incidents").out
    assert site.run("log", "verify").code == 0


def _raise(site: Site) -> None:
    moment = Moment(datetime.now(UTC), secrets.token_bytes)
    with closing(site.database()) as database:
        database.write(
            lambda connection: raise_incident(
                connection, moment, IncidentKind.JOB_FAILED, about="sweep:", call_id=None, detail="sweep: no answer"
            )
        )
