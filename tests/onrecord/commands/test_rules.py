"""The commands about rules: why a call is decided so, what each line asks, what another rulebook would change."""

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from policies.jurisdiction.pack import DISCLAIMER, packaged_law
from policies.rulebook.read import parse
from storage.database.tables import call as call_table
from tests.callflow.conftest import RULEBOOK, Installation, install
from tests.callflow.whole_calls import ASKS, NOTICE, talks
from tests.onrecord.commands.site import Site
from tests.publishing import publish

LINE, TEXAS, GERMANY = "+14155550100", "+15125550111", "+4930123456"
NOON = "2026-11-22T12:00:00+00:00"


def explained(site: Site, *arguments: str) -> dict[str, Any]:
    ran = site.run("explain", *arguments, "--json")
    assert (ran.code, ran.err) == (0, "")
    told: dict[str, Any] = json.loads(ran.out)
    assert told["disclaimer"] == DISCLAIMER
    return told


@pytest.mark.parametrize(
    ("caller", "mode", "language", "cited"),
    [
        (TEXAS, "opt_out", "en-US", "Tex. Penal Code 16.02"),
        ("+18602345678", "opt_out", "en-US", "Conn. Gen. Stat. 52-570d"),
        (GERMANY, "opt_in", "en-US", "StGB 201"),
        ("+525512345678", "opt_in", "es-US", ""),
        ("anonymous", "opt_in", "en-US", "policy default"),
        ("+266696687", "opt_in", "en-US", "policy default"),
    ],
)
def test_it_is_explained_what_a_caller_would_be_asked_and_why(
    caller: str, mode: str, language: str, cited: str, site: Site
) -> None:
    told = explained(site, "--line", LINE, "--from", caller)
    assert (told["ruling"]["mode"], told["language"]) == (mode, language)
    assert told["wording"]["id"].startswith(f"{mode}.{language}@")
    assert cited in json.dumps(told["ruling"]["because"], ensure_ascii=False)
    assert told["ruling"]["law"]["sha256"] == packaged_law().sha256


def test_people_read_the_same_with_both_sides_of_what_is_contested(site: Site) -> None:
    ran = site.run("explain", "--line", LINE, "--from", "+18602345678")
    assert (ran.code, ran.err) == (0, "")
    for said in (
        "a call to +14155550100 from US-CT (known by: area code)",
        "silence is not consent",
        "notice in recording",
        "one view: all_party_notice: 52-570d civil action",
        "one view: one_party: 53a-187/189 criminal",
        "source: https://",
        "Thanks for calling Email Customer Support.",
        DISCLAIMER,
    ):
        assert said in ran.out
    assert "+1860" not in ran.out


@pytest.mark.parametrize(("day", "regime"), [("2027-05-12", "all_party_notice"), ("2027-05-13", "all_party_opt_in")])
def test_the_day_counts(day: str, regime: str, site: Site) -> None:
    told = explained(site, "--line", LINE, "--from", "+919812345678", "--at", day)
    (india,) = [one for one in told["ruling"]["because"] if one["about"] == "caller in IN"]
    assert india["says"] == regime


def test_a_source_is_told_with_the_day_on_which_it_was_read_and_whether_it_was_opened(site: Site) -> None:
    spain = site.run("explain", "--line", LINE, "--from", "+34912345653").out
    assert re.search(r"source: Ley 10/2025, .*: https://\S+ \(read 2026-11-29\)\n", spain)
    emirates = site.run("explain", "--line", LINE, "--from", "+971501234590").out
    assert "source: Federal Decree-Law 34/2021 art. 44: not opened; as given by https://" in emirates


def test_what_a_guess_rests_on_is_said_with_the_record_behind_it(site: Site) -> None:
    austria = site.run("explain", "--line", LINE, "--from", "+4312345678").out
    assert "[AT]" in austria
    assert "a guess, researched by nobody" in austria
    assert "[EU, researched 2026-11]" in austria
    assert "one view: all_party_notice: legitimate interest" in austria
    india = site.run("explain", "--line", LINE, "--from", "+919812345678", "--at", "2027-05-13").out
    assert "a guess that may only raise: DPDP Rules" in india


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--line", "+14155550101", "--from", TEXAS], 1, "that number is not a line of the rulebook"),
        (["--line", LINE], 2, "--line and --from belong together"),
        (["--from", TEXAS], 2, "--line and --from belong together"),
        ([], 2, "say --line and --from"),
        (["--line", LINE, "--from", TEXAS, "--call", "CA1"], 2, "say --line and --from"),
        (["--line", LINE, "--from", TEXAS, "--at", "soon"], 2, "'soon' is not a day"),
        (["--line", LINE, "--from", TEXAS, "--at", "9999-12-31"], 2, "not a day that anybody means"),
        (["--line", LINE, "--from", "8602345678"], 2, "these digits are no number as Twilio writes it"),
        (["--line", LINE, "--from", "+1 (860) 234-5678"], 2, "expected a plus, the country's code"),
        (["--line", LINE, "--from", "0018602345678"], 2, "these digits are no number as Twilio writes it"),
        (["--call", "CA" + "0" * 32], 1, "there is no call with this sid or id"),
    ],
)
def test_what_cannot_be_explained_is_told_in_a_line(arguments: list[str], code: int, said: str, site: Site) -> None:
    ran = site.run("explain", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert "Traceback" not in ran.err


@pytest.fixture
def called(site: Site) -> tuple[Site, Installation]:
    """A site under the rulebook of the tests, and its phone side."""
    text = RULEBOOK.read_text()
    (site.folder / "onrecord.toml").write_text(text)
    database = site.database()
    publish(database, parse(text), text)
    return site, install(database)


def test_a_past_call_is_explained_as_the_log_has_it(called: tuple[Site, Installation]) -> None:
    site, installation = called
    call = talks(installation.twilio.dial(caller=TEXAS), "1")
    told = explained(site, "--call", call.sid)
    event = installation.events(call.sid)[0]
    assert told["ruling"] == event["ruling"]
    assert told["wording"]["sha256"] == event_of(installation, call.sid, "disclosure.served")["prompt_sha256"]
    assert told["again"].endswith("the same")
    assert explained(site, "--call", installation.call(call.sid).id) == told
    assert told["ruling"] == explained(site, "--line", ASKS, "--from", TEXAS, "--at", NOON)["ruling"]


def test_a_past_call_whose_row_says_something_else_than_the_log_is_told_so(called: tuple[Site, Installation]) -> None:
    site, installation = called
    call = talks(installation.twilio.dial(caller=TEXAS), "1")
    said = update(call_table).values(outcome="declined")
    installation.database.write(lambda connection: connection.execute(said))
    for arguments in (["explain", "--call", call.sid], ["explain", "--call", call.sid, "--json"], ["call", call.sid]):
        ran = site.run(*arguments)
        assert ran.code == 1
        assert "its row says that outcome is declined, and its events say consented" in ran.out


def event_of(installation: Installation, sid: str, kind: str) -> dict[str, Any]:
    return next(event for event in installation.events(sid) if event["type"] == kind)


def test_a_past_call_is_explained_under_the_rules_of_its_time(called: tuple[Site, Installation]) -> None:
    site, installation = called
    call = talks(installation.twilio.dial(caller=TEXAS), "1")
    before = explained(site, "--call", call.sid)
    edited = RULEBOOK.read_text().replace('consent = "auto"', 'consent = "never"').replace("P90D", "P3D")
    (site.folder / "onrecord.toml").write_text(edited)
    with closing(site.database()) as database:
        publish(database, parse(edited), edited)
    assert explained(site, "--call", call.sid) == before
    assert explained(site, "--line", ASKS, "--from", TEXAS)["ruling"]["mode"] == "never"


def test_rules_that_are_not_kept_are_said_to_be_missing(called: tuple[Site, Installation]) -> None:
    site, installation = called
    call = talks(installation.twilio.dial(caller=TEXAS), "1")
    with closing(site.database()) as database:
        database.write(lambda connection: connection.exec_driver_sql("DELETE FROM rulebook_version"))
    assert "not kept here" in explained(site, "--call", call.sid)["again"]


def test_check_shows_every_line_and_a_caller_from_every_place(site: Site) -> None:
    ran = site.run("check")
    assert (ran.code, ran.err) == (0, "")
    for place in packaged_law().jurisdictions:
        assert place == "EU" or re.search(rf"[\s│]{place}\??\*?\s", ran.out), place
    assert DISCLAIMER in ran.out
    full = site.run("check", "--full")
    assert re.search(r"DE\* \+49\d+ +│ opt_in", full.out)
    assert re.search(r"US-CT\* \+1\d+ +│ opt_out", full.out)
    assert re.search(r"JP\? \+81\d+ +│ opt_in", full.out)
    assert re.search(r"US-TX \+1\d+ +│ opt_out", full.out)


def rewrite(site: Site, before: str, after: str) -> None:
    path = site.folder / "onrecord.toml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


LAXER = '\n[[override]]\njurisdiction = "DE"\nregime = "all_party_notice"\n'


def test_an_override_that_is_laxer_than_the_law_needs_a_reason_and_is_listed(site: Site) -> None:
    path = site.folder / "onrecord.toml"
    text = path.read_text()
    path.write_text(text + LAXER)
    (problem,) = site.run("check").problems
    assert "override[1]: laxer than all_party_opt_in in DE; expected because" in problem
    path.write_text(f'{text}{LAXER}because = "memo of 3 December"\n')
    ran = site.run("check")
    assert ran.code == 0
    assert "note: override[1] (in DE): laxer than all_party_opt_in in DE; because: memo of 3 December" in ran.out
    told = explained(site, "--line", LINE, "--from", GERMANY)
    assert told["ruling"]["mode"] == "opt_out"
    assert told["overrides_because"] == {"1": "memo of 3 December"}
    assert "memo of 3 December" not in json.dumps(told["ruling"])  # it may name people, and the log is for ever
    assert "because: memo of 3 December" in site.run("explain", "--line", LINE, "--from", GERMANY).out


LONG = 'keep_at_least = "P11Y"\nbecause = "x"'
CONTRADICTING = '\n[[override]]\njurisdiction = "US-OR"\nconsent = "opt_in"\n'


def test_overrides_that_contradict_one_another_are_refused_by_name(site: Site) -> None:
    path = site.folder / "onrecord.toml"
    path.write_text(path.read_text() + CONTRADICTING + CONTRADICTING.replace("opt_in", "notice"))
    (problem,) = site.run("check").problems
    assert "override[2].consent: notice, and override[1] says opt_in of the same calls; expected one of" in problem


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('keep = "P90D"', 'keep = "P90Y"', "retention.quality-90d: keep is P90Y, and the longest that a law here asks"),
        ('keep = "P90D"', 'keep = "P90Y"', "; if days are meant, it is P90D"),
        ('remember = "P1Y"', 'remember = "P11Y"', "declines: remember is P11Y"),
        ("[[line]]", '[backups]\nkeep = "P4000D"\n\n[[line]]', "backups: keep is P4000D"),
        ("[[line]]", f"[[override]]\n{LONG}\n\n[[line]]", "override[1]: keep_at_least is P11Y"),
    ],
)
def test_check_says_which_times_are_longer_than_any_law_asks_for(
    before: str, after: str, said: str, site: Site
) -> None:
    assert "the longest that a law here asks for" not in site.run("check").out
    rewrite(site, before, after)
    ran = site.run("check")
    assert ran.code == 0
    assert said in ran.out


@pytest.mark.parametrize("consent", ["notice", "opt_out", "opt_in", "never"])
def test_a_line_that_must_record_may_not_offer_a_decline(consent: str, site: Site) -> None:
    rewrite(site, 'consent = "auto"  ', f'consent = "{consent}"  ')
    rewrite(site, 'retention = "quality-90d"', 'retention = "quality-90d"\nsectors = ["medicare_tpmo"]')
    (problem,) = site.run("check").problems
    assert f"line[1].consent: {consent} lets a caller go on unrecorded, and this line must record" in problem


def test_a_european_rulebook_names_its_longest_time(site: Site) -> None:
    rewrite(site, 'jurisdiction = "US-CA"', 'jurisdiction = "FR"')
    rewrite(site, 'retention = "quality-90d"', "")
    (problem,) = site.run("check").problems
    assert "line[1].retention: no longest time for keeping" in problem


def test_check_says_what_wants_a_persons_eye(site: Site) -> None:
    rewrite(site, 'jurisdiction = "US-CA"', 'jurisdiction = ["US-CA", "DE", "PT"]')
    rewrite(site, "[[line]]", '[[approved]]\nsha256 = "' + "0" * 64 + '"\nby = "B"\non = 2026-01-01\n\n[[line]]')
    ran = site.run("check")
    for said in (
        "wordings that nobody approved",
        "no_systematic_recording (",
        "the agents in DE, PT must have agreed to being recorded",
        "approved[1]: no caller hears a wording with this hash",
    ):
        assert said in ran.out


def test_wordings_are_printed_with_what_an_approval_needs(site: Site) -> None:
    ran = site.run("wordings")
    assert (ran.code, ran.err) == (0, "")
    hashes = re.findall(r"sha256 +([0-9a-f]{64})", ran.out)
    assert len(hashes) == len(set(hashes)) > 3
    assert "approved by nobody" in ran.out
    for later in ("This call is now being recorded.", "Esta llamada se está grabando.", "This call is not recorded."):
        assert later in ran.out
    path = site.folder / "onrecord.toml"
    approval = f'\n[[approved]]\nsha256 = "{hashes[0]}"\nby = "A. Lawyer"\non = 2026-12-01\n'
    path.write_text(path.read_text() + approval)
    assert "approved by A. Lawyer on 2026-12-01" in site.run("wordings").out
    assert site.run("wordings", "--line", "+1").code == 1


def stricter(site: Site) -> Path:
    path = site.folder / "stricter.toml"
    path.write_text(
        RULEBOOK.read_text()
        .replace('consent = "notice"', 'consent = "opt_in"')
        .replace('number = "+12125550105"', 'number = "+12125550106"')
    )
    return path


def test_the_calls_that_another_rulebook_would_decide_otherwise_are_named(called: tuple[Site, Installation]) -> None:
    site, installation = called
    stays = talks(installation.twilio.dial(NOTICE, caller=TEXAS))
    asked = talks(installation.twilio.dial(ASKS, caller=TEXAS), "1")
    gone = talks(installation.twilio.dial("+12125550105", caller=TEXAS), "1")
    ran = site.run("rules", "diff", "onrecord.toml", str(stricter(site)), "--since", "2026-11-01")
    assert ran.code == 1
    assert re.search(rf"{stays.sid} +\+12125550101 +was consented_by_staying\n +mode: notice -> opt_in", ran.out)
    assert re.search(rf"{gone.sid}.*\n +line: in the rulebook -> not in the rulebook", ran.out)
    assert asked.sid not in ran.out
    assert "2 of 3 calls since 2026-11-01 would have been decided differently" in ran.out
    assert DISCLAIMER in ran.out
    assert TEXAS not in ran.out


def test_what_a_rule_is_called_is_no_difference(called: tuple[Site, Installation]) -> None:
    site, installation = called
    talks(installation.twilio.dial(ASKS, caller=TEXAS), "1")
    (site.folder / "renamed.toml").write_text(RULEBOOK.read_text().replace("quality-90d", "ninety-days"))
    ran = site.run("rules", "diff", "onrecord.toml", "renamed.toml", "--since", "2026-11-01")
    assert ran.code == 0
    assert "0 of 1 calls" in ran.out
    assert "not compared: words" in ran.out


def test_a_rulebook_compared_with_itself_changes_nothing(called: tuple[Site, Installation]) -> None:
    site, installation = called
    talks(installation.twilio.dial(NOTICE, caller=TEXAS))
    known = parse(RULEBOOK.read_text()).sha256
    ran = site.run("rules", "diff", known[:12], "onrecord.toml", "--since", "52w")
    assert (ran.code, ran.out.splitlines()[0][:10]) == (0, "0 of 1 cal")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.toml", "onrecord.toml"], "nowhere.toml: no file, and no rulebooks"),
        (["0123456789ab", "onrecord.toml"], "0123456789ab: no file, and no rulebooks"),
        (["onrecord.toml", "broken.toml"], "broken.toml:1: business: missing"),
        (["onrecord.toml", "onrecord.toml", "--since", "yesterday"], "'yesterday' is not a day"),
    ],
)
def test_what_cannot_be_compared_is_told_in_a_line(
    arguments: list[str], said: str, called: tuple[Site, Installation]
) -> None:
    site, _ = called
    (site.folder / "broken.toml").write_text("")
    ran = site.run("rules", "diff", *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
