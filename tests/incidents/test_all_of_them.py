"""Every incident of the list has its test, and each number is there once."""

import inspect
import re

from tests.incidents import (
    test_both_servers,
    test_console,
    test_imports_and_exports,
    test_storage_and_egress,
    test_webhooks,
)

MODULES = (test_both_servers, test_console, test_imports_and_exports, test_storage_and_egress, test_webhooks)
_NAMED = re.compile(r"test_incident_([0-9]{2})_[a-z]+(?:_[a-z0-9]+){3,}")


def test_the_incidents_are_1_to_24_and_each_is_told_with_its_source() -> None:
    found = [
        (named[1], inspect.getdoc(test) or "")
        for module in MODULES
        for name, test in inspect.getmembers(module, inspect.isfunction)
        if (named := _NAMED.fullmatch(name)) and test.__module__ == module.__name__
    ]
    assert sorted(number for number, _ in found) == [f"{number:02}" for number in range(1, 25)]
    assert [number for number, told in found if "(" not in told or len(told) < 80] == []
