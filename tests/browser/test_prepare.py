"""A machine without a browser is told what to do about it."""

from pathlib import Path

import pytest

from tests import prepare


def test_where_nothing_can_be_installed_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert prepare.main() == 0
    assert prepare.HOW in capsys.readouterr().out


def test_where_a_browser_is_there_it_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "chromium").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert prepare.main() == 0
    assert capsys.readouterr().out == ""
