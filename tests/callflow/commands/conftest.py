"""One installation is made for all of these tests; each gets a copy of its own to spoil."""

from pathlib import Path

import pytest

from tests.callflow.commands.site import Site, new_site


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return new_site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def site(fresh: Site, tmp_path: Path) -> Site:
    return fresh.copied_to(tmp_path / "site")
