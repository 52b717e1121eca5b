"""A law pack that a database keeps from an earlier version is read, and calls are ruled on by it as they were then."""

import json
from collections.abc import Iterator
from datetime import date

from policies.consent import Mode
from policies.jurisdiction.pack import Law, packaged_law
from policies.jurisdiction.readings import End, reading_of
from policies.jurisdiction.sources import Source
from policies.ruling import rule
from tests.policies.calls import AT, LINE, TODAY, rulebook
from tests.policies.earlier_law import FIRST, FOLDER

SHA256 = "22970bb359b0821b0277bcb389ee0b7cb1daa95442ec69f2174d8d831b3db278"
"""The hash by which logs of those days name the first pack."""


def told(law: Law) -> Iterator[str]:
    """The pack's demands in lines: at each place on two days, and on keeping."""
    for day in (TODAY, date(2027, 6, 1)):
        for code in law.jurisdictions:
            reading = reading_of(law, End("caller", code), day)
            allowed = "all" if reading.purposes_allowed is None else " ".join(sorted(reading.purposes_allowed))
            yield f"{day} {code}: {reading.regime}; {' '.join(sorted(reading.flags))}; {allowed}"
    for kept in law.retention:
        duty = kept.on_refusal if kept.must_record else "may be refused"
        yield f"{kept.id}: {kept.floor} {kept.ceiling}; {duty}; {'a guess' if kept.is_guess else 'sourced'}"


def test_the_first_pack_is_found_by_the_hash_that_its_logs_name() -> None:
    assert (FIRST.version, FIRST.sha256) == ("2026-11-24", SHA256)
    assert FIRST.sha256 != packaged_law().sha256


def test_the_first_pack_demands_what_it_demanded() -> None:
    """The file was written by the program of that day."""
    assert [*told(FIRST)] == (FOLDER / "2026-11-24" / "demands.txt").read_text(encoding="utf-8").splitlines()


def test_the_first_pack_has_its_sources_word_for_word() -> None:
    places = json.loads(json.loads(FIRST.text)["jurisdictions.json"])["jurisdictions"]
    assert {code: FIRST.sources_of(code) for code in FIRST.jurisdictions} == {
        place["code"]: tuple(place["sources"]) for place in places
    }
    assert FIRST.sources_of("no such record") == ()


def test_a_call_of_those_days_is_ruled_on_under_the_pack_of_those_days() -> None:
    of = rulebook(sectors=["fcm_swap_dealer"])
    end = (End("caller", "US-NY"),)
    then, now = (rule(law, of, LINE, end, AT) for law in (FIRST, packaged_law()))
    assert (then.mode, now.mode) == (Mode.OPT_OUT, Mode.MUST_RECORD)
    assert (then.law_version, now.law_version) == ("2026-11-24", packaged_law().version)


def test_a_source_is_told_with_its_page_and_day() -> None:
    read = {"source": "Act 1, s. 2", "url": "https://law.example/1", "read": "2026-11-29"}
    quoted = {"source": "Act 1, s. 2", "as_given_by": "https://news.example/7", "read": "2026-11-29"}
    assert str(Source.of(read)) == "Act 1, s. 2: https://law.example/1 (read 2026-11-29)"
    assert str(Source.of(quoted)) == "Act 1, s. 2: not opened; as given by https://news.example/7 (read 2026-11-29)"
    assert str(Source.of("none: unknown default")) == "none: unknown default"


def test_a_source_has_an_address_where_it_names_a_page() -> None:
    assert Source.of("https://law.example/1").has_address
    assert Source.of({"source": "Act 1", "as_given_by": "https://news.example/7", "read": "2026-11-29"}).has_address
    assert not Source.of("EU default record").has_address
