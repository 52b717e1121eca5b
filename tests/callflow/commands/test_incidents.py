"""`onrecord incidents`: what a person must look at, and that one has."""

import secrets
from datetime import UTC, datetime

from storage.calls import Moment
from storage.database import Database
from storage.incidents import raise_incident
from tests.callflow.commands.site import Site


def test_an_incident_is_listed_until_somebody_closes_it(site: Site) -> None:
    assert (site.run("incidents").code, site.run("incidents").out) == (0, "")
    database = Database.open(f"sqlite:///{site.folder}/var/onrecord.db")
    moment = Moment(datetime.now(UTC), secrets.token_bytes)
    for _ in range(2):
        database.write(
            lambda connection: raise_incident(
                connection, moment, "job_failed", about="sweep:", call_id=None, detail="sweep: no answer"
            )
        )
    database.close()
    listed = site.run("incidents")
    assert listed.code == 1
    (line,) = listed.out.splitlines()
    assert "job_failed  sweep:: sweep: no answer" in line
    assert site.run("incidents", "close", line.split()[0]).code == 0
    assert (site.run("incidents").code, site.run("incidents").out) == (0, "")
    assert site.run("incidents", "close", line.split()[0]).code == 1
