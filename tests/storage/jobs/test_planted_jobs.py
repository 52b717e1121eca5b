"""Jobs that somebody with the database has written there: nothing that they bring is run."""

import os
import pickle
from pathlib import Path

from storage.jobs.contract import Standing
from tests.storage.jobs.a_worker import WALK
from tests.storage.jobs.conftest import Yard, until
from tests.storage.jobs.engine import plant_pickle


class Planted:
    """Makes a folder of that name when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self._folder,)


def test_a_pickle_in_the_row_of_a_job_is_not_read_and_other_jobs_are_done(yard: Yard) -> None:
    planted = pickle.dumps({"args": (Planted(yard.folder / "run"),), "kwargs": {}})
    yard.ask("planted")
    plant_pickle(yard.database, WALK.key("planted"), planted)
    yard.ask("honest")
    yard.start()
    until(lambda: yard.standing("honest") is Standing.DONE)
    until(lambda: yard.standing("planted") in {Standing.DONE, Standing.FAILED})
    assert not (yard.folder / "run").exists()
    pickle.loads(planted)
    assert (yard.folder / "run").exists()
