"""Workers with older and newer code beside each other."""

from storage.jobs.contract import JobKind, Lane, Standing
from tests.storage.jobs.conftest import Yard, until

LATER = JobKind("later", Lane.BULK)


def cut_in_the_third_step(yard: Yard) -> None:
    yard.hold("hold_third")
    [older] = yard.start()
    yard.ask("a")
    until(lambda: yard.steps()["a third"] == 1)
    older.kill()
    yard.let_go("hold_third")


def test_a_step_that_was_cut_may_have_another_name_and_others_may_follow_it(yard: Yard) -> None:
    cut_in_the_third_step(yard)
    yard.start(steps=("first", "second", "other", "fourth"))
    until(lambda: yard.standing("a") is Standing.DONE)
    assert yard.steps() == {"a first": 1, "a second": 1, "a third": 1, "a other": 1, "a fourth": 1}


def test_a_job_ends_where_the_steps_of_newer_code_do(yard: Yard) -> None:
    cut_in_the_third_step(yard)
    yard.start(steps=("first",))
    until(lambda: yard.standing("a") is Standing.DONE)
    assert yard.steps() == {"a first": 1, "a second": 1, "a third": 1}


def test_a_job_whose_finished_steps_have_other_names_fails_and_its_failure_is_told(yard: Yard) -> None:
    cut_in_the_third_step(yard)
    yard.start(steps=("one", "two", "three"))
    until(lambda: yard.standing("a") is Standing.FAILED)
    assert yard.steps() == {"a first": 1, "a second": 1, "a third": 1}
    assert yard.lines("failures") == ["a OtherCode('step one: the job was begun by code with other steps')"]


def test_a_job_that_an_older_worker_does_not_know_is_done_by_a_newer_one_in_the_end(yard: Yard) -> None:
    [older] = yard.start()
    yard.ask("a", LATER)
    until(lambda: yard.standing("a", LATER) is Standing.RUNNING)
    yard.start(1, "later")
    older.terminate()
    assert older.wait(20) == 0
    until(lambda: yard.standing("a", LATER) is Standing.DONE)
    assert yard.steps() == {"a first": 1, "a second": 1, "a third": 1}
