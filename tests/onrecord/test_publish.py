"""What is in force is kept before anybody can hear it: the law, the rules, and every word that they can lead to."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from onrecord.accepted_rulebook import VARIABLE, hand_over, taken_over
from onrecord.installation import open_web_installation
from onrecord.publish import spoken_under
from policies.jurisdiction.pack import packaged_law, read_law
from policies.jurisdiction.places import places_of
from policies.rulebook.read import parse
from policies.ruling import ends_of, rule
from policies.wording_of_call import wording_of
from storage.database.engine import Database
from storage.errors import Unavailable
from storage.rows.rules_in_force import kept_law, kept_rulebook
from tests.callflow.conftest import RULEBOOK
from tests.conftest import NOON
from tests.onrecord.commands.site import new_site
from tests.publishing import publish

LAW = packaged_law()
TWO = RULEBOOK.read_text().replace('purposes = ["quality"]', 'purposes = ["quality", "training"]')
UNKNOWN_PLACE = '[[override]]\njurisdiction = "UY"\npurpose = "training"\nregime = "prohibited"\n'
SHARED = '[[override]]\njurisdiction = "CA-NS"\nconsent = "never"\n'
LATER = '[[override]]\njurisdiction = "US-TX"\nfrom = 2027-03-01\nregime = "all_party_opt_in"\n'


@pytest.mark.parametrize(
    ("override", "caller", "days"),
    [
        ("", "+15125550111", 0),
        ("", "anonymous", 0),
        ("", "+351912345678", 0),
        ("", "+19022345678", 0),
        (UNKNOWN_PLACE, "+59821231234", 0),
        (SHARED, "+19022345678", 0),
        (LATER, "+15125550111", 200),
        ("", "+919812345678", 200),
    ],
)
@pytest.mark.parametrize("has_declined", [False, True])
def test_no_caller_hears_words_that_were_not_published(
    override: str, caller: str, days: int, has_declined: bool
) -> None:
    rulebook = parse(f"{TWO}\n{override}", under=LAW)
    published = {wording.sha256 for wording in spoken_under(LAW, rulebook, NOON)}
    for line in rulebook.lines:
        ends = ends_of(rulebook, line, places_of(caller, LAW)[0])
        ruling = rule(LAW, rulebook, line, ends, NOON + timedelta(days=days), has_declined=has_declined)
        for language in line.languages:
            assert wording_of(rulebook, line, ruling, language).sha256 in published


def test_law_and_rules_are_kept_word_for_word(used_database: Database) -> None:
    text = RULEBOOK.read_text()
    publish(used_database, parse(text), text)
    publish(used_database, parse(text), text)
    with used_database.read() as connection:
        assert kept_rulebook(connection, parse(text).sha256) == parse(text)
        kept = kept_law(connection, LAW.sha256)
        assert kept is not None
        assert read_law(kept.text).sha256 == LAW.sha256
        assert kept_law(connection, "0" * 64) is None
        assert kept_rulebook(connection, "0" * 64) is None


def test_rules_that_were_in_force_are_read_whatever_the_law_says_by_now(used_database: Database) -> None:
    """A sector, or a part of a country, that a later law pack does not know."""
    text = RULEBOOK.read_text().replace('jurisdiction = "US-TX"', 'jurisdiction = "US-ZY"\nsectors = ["of_old"]')
    publish(used_database, parse(text), text)
    with used_database.read() as connection:
        kept = kept_rulebook(connection, parse(text).sha256)
    assert kept is not None
    assert kept.business.sectors == ("of_old",)


def test_a_face_comes_up_under_the_rules_that_were_accepted_whatever_the_file_says(tmp_path: Path) -> None:
    site = new_site(tmp_path)
    path = site.folder / "onrecord.toml"
    accepted = path.read_text()
    path.write_text("[[[ half an edit")
    with site.inside():
        front = open_web_installation({**site.environ, **hand_over(accepted, tmp_path / "journal")})
    front.database.close()
    assert front.rulebook == parse(accepted)


def test_what_is_handed_over_is_taken_over_however_long_and_by_nobody_else(tmp_path: Path) -> None:
    text = RULEBOOK.read_text() * 200 + "# ünïcode\r\n"
    named = hand_over(text, tmp_path / "journal")
    assert taken_over(named) == text
    assert taken_over({}) is None
    (file,) = (tmp_path / "journal").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_rulebook_that_comes_in_force_later_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    named = hand_over("a = 1\n", tmp_path)
    assert hand_over("b = 2\n", tmp_path) == named
    assert taken_over(named) == "b = 2\n"


def test_a_rulebook_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        taken_over({VARIABLE: str(tmp_path / "rules-in-force.toml")})
