"""`onrecord selftest` against an installation as an operator has it; and the worker, which does the same every day."""

import json
import os
import threading
from contextlib import closing

import pytest
from sqlalchemy import select, update

from onrecord.daily import EVERY
from onrecord.demo.local_installation import free_port
from onrecord.installation import open_installation
from onrecord.processes.work import make_worker
from onrecord.selftest.checks import CHECKS
from onrecord.selftest.schedule import SelfTest
from storage.database.tables import call, watermark
from storage.errors import Unavailable
from storage.moment import utc_now
from tests.onrecord.commands.site import Site
from tests.onrecord.commands.test_serving import FACES, Served, until
from tests.onrecord.tested_service import only


def test_a_service_that_does_not_answer_is_told_and_logged(site: Site) -> None:
    site.environ["PUBLIC_BASE_URL"] = f"http://127.0.0.1:{free_port()}"
    ran = site.run("selftest")
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "FAILED  reachable: line 1, a stranger: the service does not answer at its public address",
        "0 calls to 1 lines in 0.0 s: 1 of 1 checks failed",
    ]
    told_as_json = json.loads(site.run("selftest", "--json").out)
    assert [fault["check"] for fault in told_as_json["faults"]] == ["reachable"]
    assert '"type":"selftest.failed"' in site.run("log", "show").out
    told = site.run("incidents")
    assert (told.code, "selftest_failed" in told.out) == (1, True)


def test_a_number_that_is_no_line_is_not_called(site: Site) -> None:
    ran = site.run("selftest", "--line", "+19995550100")
    assert (ran.code, ran.err) == (1, "onrecord: that number is not a line of the rulebook\n")


def test_an_installation_that_is_served_passes(site: Site) -> None:
    (site.folder / "onrecord.toml").write_text(only(2), encoding="utf-8")
    ports = {face: free_port() for face in FACES}
    site.environ["PUBLIC_BASE_URL"] = f"http://127.0.0.1:{ports['webhooks']}"
    served = Served(site, None, ports)  # type: ignore[arg-type]  # filled in below
    with site.started("serve", *served.options()) as served.process:
        until(lambda: served.process.poll() is not None or served.is_ready())
        ran = site.run("selftest", "--line", "+12125550102")
    assert ran.code == 0, ran
    *passed, summary = ran.out.splitlines()
    assert f"ok      never: {CHECKS['never']}" in passed
    assert all(line.startswith("ok ") for line in passed)
    assert summary.startswith("2 calls to 1 lines in ")
    with closing(site.database()) as database, database.read() as connection:
        sid = connection.scalars(select(call.c.call_sid)).first()
    assert "a call of the self-test: nobody called" in site.run("call", str(sid)).out


def test_a_worker_that_is_told_to_end_gives_it_up(site: Site) -> None:
    """Rather than wait for a disclosure to end."""
    stopping = threading.Event()
    with site.inside(), closing(open_installation(os.environ)) as installation:
        test = SelfTest.of(installation, stopping)
        test.wait(0.0)
        stopping.set()
        with pytest.raises(Unavailable, match="given up"):
            test.wait(60.0)


def test_the_eldest_worker_looks_whether_it_is_due(site: Site) -> None:
    site.environ["PUBLIC_BASE_URL"] = f"http://127.0.0.1:{free_port()}"
    with site.inside(), closing(open_installation(os.environ)) as installation:
        (daily,) = (one for one in make_worker(installation)._periodic if one.name == "self-test")
        assert not daily.everywhere
        daily.work()
        assert "selftest." not in site.run("log", "show").out
        a_day_ago = update(watermark).where(watermark.c.name == "selftest").values(at=utc_now() - EVERY)
        installation.database.write(lambda connection: connection.execute(a_day_ago))
        daily.work()
        assert site.run("log", "show").out.count("selftest.failed") == 1
