"""One installation is made for all of these tests; each gets a copy of its own to spoil."""

from pathlib import Path

import pytest

from tests.onrecord.commands.people import People, settled_site
from tests.onrecord.commands.site import Site, new_site
from tests.simulator.office import ACCOUNT, LINE, TOKEN, Office


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return new_site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def site(fresh: Site, tmp_path: Path) -> Site:
    return fresh.copied_to(tmp_path / "site")


@pytest.fixture(scope="session")
def settled(fresh: Site, tmp_path_factory: pytest.TempPathFactory) -> People:
    return settled_site(fresh.copied_to(tmp_path_factory.mktemp("settled")))


@pytest.fixture
def people(settled: People, tmp_path: Path) -> People:
    return settled.at(tmp_path / "site")


@pytest.fixture
def connected(site: Site, office: Office) -> Site:
    """A site with the one line that the exchange of the test's own `office` has."""
    site.environ |= {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_API_BASE_URL": office.exchange.config.api_url,
    }
    rules = site.folder / "onrecord.toml"
    rules.write_text(rules.read_text().replace("+14155550100", LINE))
    return site
