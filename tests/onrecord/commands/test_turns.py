"""What waits when a worker has more to do than it does."""

import os
from contextlib import closing

from onrecord.installation import open_installation
from onrecord.processes.work import make_worker
from storage.jobs.contract import Lane, Turn
from tests.onrecord.commands.site import Site

LATER = {"corroborate": Turn.LOOKING_BACK}


def test_nothing_that_keeps_a_promise_to_a_caller_waits_for_its_turn(site: Site) -> None:
    with site.inside(), closing(open_installation(os.environ)) as installation:
        kinds = [*make_worker(installation)._jobs]
    assert {kind.name: kind.turn for kind in kinds if kind.turn} == LATER
    assert {kind.name for kind in kinds if kind.lane is Lane.BULK} == {"intake", "expire", *LATER}
