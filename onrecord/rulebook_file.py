"""The rulebook in the operator's file: read, and checked against the law before it comes in force."""

from collections.abc import Mapping
from pathlib import Path

from onrecord.not_ready import NotReady, collecting
from onrecord.settings.environment import Problem, SettingsRejected, read_settings
from policies.jurisdiction.pack import packaged_law
from policies.rulebook.read import parse
from policies.rules import Rulebook


def open_rulebook(environ: Mapping[str, str]) -> Rulebook:
    """The rules alone, even if the rest of the installation is missing or wrong. Raises NotReady."""
    problems: list[str] = []
    settings = collecting(problems, lambda: read_settings(environ, need="rulebook"))
    rulebook = collecting(problems, lambda: _read_and_parse(settings.rulebook)) if settings else None
    if rulebook is None:
        raise NotReady(problems)
    return rulebook


def parse_rulebook(text: str, path: Path) -> Rulebook:
    """The rulebook, checked against the law as well: it is about to come in force."""
    return parse(text, str(path), under=packaged_law())


def read_rulebook(path: Path) -> str:
    try:
        return path.read_bytes().decode()  # not read_text: the hash is of the file as it is
    except FileNotFoundError:
        raise SettingsRejected(
            Problem("ONRECORD_RULEBOOK", f"names {path}, which does not exist", "run `onrecord init` to get one")
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsRejected(
            Problem("ONRECORD_RULEBOOK", f"names {path}: {error}", "make it a readable UTF-8 file")
        ) from None


def _read_and_parse(path: Path) -> Rulebook:
    return parse_rulebook(read_rulebook(path), path)
