"""A worker closes the subtrees of the log that callers fill."""

import os
from contextlib import closing

from sqlalchemy import select

from evidence.events import Event
from onrecord.installation import open_installation
from onrecord.processes.work import make_worker
from storage.database.tables import log_node
from storage.log import consent_log
from storage.log.tree import FAN_OUT
from storage.moment import Moment, utc_now
from tests.onrecord.commands.site import Site


def test_a_worker_closes_the_subtrees_of_the_log(site: Site) -> None:
    events = [Event("selftest.passed", {"calls": n}) for n in range(FAN_OUT)]
    with site.inside(), closing(open_installation(os.environ)) as installation:
        moment = Moment(utc_now(), os.urandom)
        installation.database.write(lambda connection: consent_log.append_events(connection, moment, *events))
        (duty,) = (one for one in make_worker(installation)._periodic if one.name == "subtrees")
        duty.work()
        with installation.database.read() as connection:
            assert connection.scalars(select(log_node.c.lvl)).all() == [1]
