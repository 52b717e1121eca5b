"""The problems that keep an installation from starting, collected so that all are reported together."""

from collections.abc import Callable
from typing import TypeVar

from onrecord.settings.environment import SettingsRejected
from policies.rulebook.mistakes import RulebookRejected
from storage.errors import Broken, Refused, Unavailable

T = TypeVar("T")


class NotReady(Exception):
    """The problems that keep this installation from starting, a line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def collecting(problems: list[str], attempt: Callable[[], T]) -> T | None:
    """The attempt's result; None where it failed, and its error is then among the problems."""
    try:
        return attempt()
    except NotReady as error:
        problems.extend(error.problems)
    except RulebookRejected as error:
        problems.extend(str(error).splitlines())
    except SettingsRejected as error:
        problems.extend(str(problem) for problem in error.problems)
    except (Refused, Unavailable, Broken) as error:
        problems.append(str(error))
    return None
