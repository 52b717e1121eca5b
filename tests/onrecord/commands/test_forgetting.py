"""What a worker forgets now and then, because its time is over."""

import os
from contextlib import closing
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, insert, select

from onrecord.installation import open_installation
from onrecord.processes.work import make_worker
from storage.database.tables import call, remembered_decline
from storage.rows import declines
from tests.onrecord.commands.site import Site


def test_a_worker_forgets_who_declined_when_the_time_is_over(site: Site) -> None:
    now = datetime.now(UTC)

    def decline(connection: Connection) -> None:
        row = {"line": "+1", "mode": "opt_in", "silence_is_consent": 0, "prompts_max": 1, "language": "en-US"}
        hashes = {"wording_sha256": "", "rules_sha256": "", "disclosure_length_ms": 1}
        decided = {"state": "ended", "outcome": "declined", "received_at": now, "decided_at": now}
        connection.execute(insert(call), row | hashes | decided | {"id": "c", "call_sid": "CA"})
        for number in range(1001):  # more than are forgotten at once
            ends = now + timedelta(minutes=1 if number == 0 else -1)
            declines.remember(connection, f"{number:064x}", call_id="c", at=now, forget_at=ends)

    with site.inside(), closing(open_installation(os.environ)) as installation:
        installation.database.write(decline)
        (forget,) = (one for one in make_worker(installation)._periodic if one.name == "forget")
        forget.work()
        with installation.database.read() as connection:
            assert list(connection.scalars(select(remembered_decline.c.number_hash))) == ["0" * 64]
