"""Recovery at its worst: several find the same worker dead, and the database goes away meanwhile."""

from storage.jobs.contract import Standing
from tests.storage.jobs.a_worker import QUICK
from tests.storage.jobs.conftest import Yard, until
from tests.storage.jobs.engine import writes_cut


def test_two_workers_with_one_list_of_the_dead_resume_a_job_once(yard: Yard) -> None:
    yard.hold()
    [first] = yard.start()
    yard.ask("a")
    until(lambda: yard.steps()["a second"] == 1)
    others = second, third = yard.start(2)
    for process in others:
        yard.hold(f"hold_resuming_{process.pid}")
    first.kill()
    until(lambda: set(yard.lines("resuming")) == {str(process.pid) for process in others})
    yard.let_go(f"hold_resuming_{second.pid}")
    until(lambda: yard.steps()["a second"] == 2)
    yard.let_go(f"hold_resuming_{third.pid}")
    until(lambda: str(third.pid) in yard.lines("resumed"))
    yard.watch_for(third, seconds=10 * QUICK.poll_s)
    assert yard.steps() == {"a first": 1, "a second": 2}, "who came late with an old list took it from a living worker"
    yard.let_go()
    until(lambda: yard.standing("a") is Standing.DONE)
    assert yard.steps() == {"a first": 1, "a second": 2, "a third": 1}


def test_a_job_is_resumed_though_the_database_goes_away_while_it_is(yard: Yard) -> None:
    yard.hold()
    [first] = yard.start()
    yard.ask("a")
    until(lambda: yard.steps()["a second"] == 1)
    [second] = yard.start()
    yard.hold(f"hold_resuming_{second.pid}")
    first.kill()
    until(lambda: yard.lines("resuming") != [])
    with writes_cut(yard.database, yard.folder / "onrecord.db.turn") as somebody_waits:
        yard.let_go(f"hold_resuming_{second.pid}")
        until(somebody_waits)
    yard.let_go()
    until(lambda: yard.standing("a") is Standing.DONE)
    assert yard.steps() == {"a first": 1, "a second": 2, "a third": 1}
    until(lambda: set(yard.workers()) == {second.pid})


def test_a_job_that_could_not_be_resumed_is_at_the_next_turn(yard: Yard) -> None:
    yard.hold()
    [first] = yard.start()
    yard.ask("a")
    until(lambda: yard.steps()["a second"] == 1)
    yard.hold("fail_to_resume")
    yard.start()
    first.kill()
    until(lambda: not (yard.folder / "fail_to_resume").exists())
    yard.let_go()
    until(lambda: yard.standing("a") is Standing.DONE)
    assert yard.steps() == {"a first": 1, "a second": 2, "a third": 1}


def test_a_job_that_was_taken_while_the_answer_was_lost_is_begun_all_the_same(yard: Yard) -> None:
    yard.start()
    yard.hold("lose_answer")
    yard.ask("a")
    until(lambda: yard.standing("a") is Standing.DONE)
    assert not (yard.folder / "lose_answer").exists()
    assert yard.steps() == {"a first": 1, "a second": 1, "a third": 1}


def test_jobs_of_a_worker_whose_row_went_while_nobody_looked_are_resumed(yard: Yard) -> None:
    yard.hold()
    [first] = yard.start()
    yard.ask("a")
    until(lambda: yard.steps()["a second"] == 1)
    first.kill()
    first.wait()
    yard.take_rows_away()
    yard.let_go()
    yard.start()
    until(lambda: yard.standing("a") is Standing.DONE)
    assert yard.steps() == {"a first": 1, "a second": 2, "a third": 1}
