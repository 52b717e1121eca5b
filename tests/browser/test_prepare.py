"""A machine that lacks what pip cannot bring is told what to do about it."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests import prepare


def test_where_nothing_can_be_installed_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(prepare, "SYSTEM_PATH", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert prepare.main() == 0
    told = capsys.readouterr().out
    assert all(one.how in told for one in prepare.NEEDED)


def test_where_all_is_there_it_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(prepare, "NEEDED", [replace(one, directory=None) for one in prepare.NEEDED])
    for one in prepare.NEEDED:
        (tmp_path / one.programs[0]).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert prepare.main() == 0
    assert capsys.readouterr().out == ""
