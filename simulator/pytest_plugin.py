"""A fixture for tests of a Twilio app: `pytest_plugins = ["simulator.pytest_plugin"]` in a conftest.py."""

from collections.abc import Iterator

import pytest

from simulator.phone_line import PhoneLine


@pytest.fixture
def phone_line() -> Iterator[PhoneLine]:
    """A number to call, for one test."""
    line = PhoneLine()
    yield line
    line.close()
