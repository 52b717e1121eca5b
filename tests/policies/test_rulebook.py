import hashlib
import string
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.consent import Mode
from policies.durations import Duration, RetentionRule
from policies.jurisdiction.overrides import Override
from policies.jurisdiction.pack import Regime, packaged_law
from policies.pausing import AtLimit, Pausing
from policies.permissions import Role
from policies.rulebook.read import AUTO, Business, Destination, Line, Mistake, Rulebook, RulebookRejected, parse
from policies.sessions import Limits
from policies.sign_in import ConsoleRules
from policies.wording import languages

GOOD = """\
[business]
name = "Email Customer Support"
jurisdiction = "US-CA"
recorder_jurisdiction = "US-VA"

[[line]]
number = "+14155550100"
connect_to = ["+14155550123", "client:alice", "sip:desk@example.com"]
languages = ["en-US", "es-US"]
purposes = ["quality"]
consent = "opt_out"
silence_is_consent = true
prompts_max = 3
retention = "quality-90d"

[[line]]
number = "+18005550199"
connect_to = ["+14155550123"]
languages = ["es-MX"]
purposes = ["training", "proof"]
retention = "short"

[retention.quality-90d]
keep = "P90D"

[retention]
short = { keep = "P1M" }
"""


A_NUMBER = "a whole number is not a table"


def mistakes(text: str) -> tuple[Mistake, ...]:
    with pytest.raises(RulebookRejected) as rejected:
        parse(text, under=packaged_law())
    return rejected.value.mistakes


def only_mistake(before: str, after: str) -> Mistake:
    """The one mistake of the good rulebook with one piece of it changed."""
    assert GOOD.count(before) >= 1
    (mistake,) = mistakes(GOOD.replace(before, after, 1))
    return mistake


def test_a_rulebook_is_read_as_written() -> None:
    number = Destination("number", "+14155550123")
    assert parse(GOOD) == Rulebook(
        business=Business("Email Customer Support", ("US-CA",), "US-VA"),
        lines=(
            Line(
                number="+14155550100",
                connect_to=(number, Destination("client", "alice"), Destination("sip", "sip:desk@example.com")),
                languages=("en-US", "es-US"),
                purposes=("quality",),
                consent=Mode.OPT_OUT,
                retention="quality-90d",
                silence_is_consent=True,
                prompts_max=3,
            ),
            Line(
                number="+18005550199",
                connect_to=(number,),
                languages=("es-MX",),
                purposes=("training", "proof"),
                consent=AUTO,
                retention="short",
                silence_is_consent=False,
                prompts_max=2,
            ),
        ),
        retention={
            "quality-90d": RetentionRule("quality-90d", Duration(days=90)),
            "short": RetentionRule("short", Duration(months=1)),
        },
        sha256=hashlib.sha256(GOOD.encode()).hexdigest(),
        remember_declines=Duration(years=1),
    )


def test_a_line_is_found_by_its_exact_number() -> None:
    rulebook = parse(GOOD)
    assert rulebook.line("+18005550199") is rulebook.lines[1]
    assert rulebook.line("+18005550198") is None
    assert rulebook.line("18005550199") is None


def test_the_hash_is_of_the_text_and_not_of_its_meaning() -> None:
    assert parse(GOOD).sha256 != parse(GOOD + "\n").sha256


@pytest.mark.parametrize(
    ("before", "after", "mistake"),
    [
        ('consent = "opt_out"', 'consent = "opt-out"', (11, "line[1].consent", '"opt-out" is not a consent mode')),
        ('consent = "opt_out"', "consent = 1", (11, "line[1].consent", "a whole number is not a text")),
        ('"quality"]', '"qualty"]', (10, "line[1].purposes[1]", '"qualty" has no wording')),
        ('"es-US"', '"nl-NL"', (9, "line[1].languages[2]", '"nl-NL" has no wording')),
        ('"es-US"', '"en-US"', (9, "line[1].languages[2]", "the same as item 1")),
        ('["quality"]', "[]", (10, "line[1].purposes", "an empty list is not a list of one or more")),
        ('["quality"]', '"quality"', (10, "line[1].purposes", '"quality" is not a list of one or more')),
        ("prompts_max = 3", "prompts_max = 0", (13, "line[1].prompts_max", "out of range")),
        ("prompts_max = 3", "prompts_max = 6", (13, "line[1].prompts_max", "out of range")),
        ("prompts_max = 3", f"prompts_max = 0x{'f' * 9000}", (13, "line[1].prompts_max", "out of range")),
        ("prompts_max = 3", "prompts_max = true", (13, "line[1].prompts_max", "true or false is not a whole number")),
        ("consent = true", 'consent = "yes"', (12, "line[1].silence_is_consent", '"yes" is not a yes or no')),
        (
            'consent = "opt_out"',
            'consent = "opt_in"',
            (12, "line[1].silence_is_consent", "means nothing where consent is opt_in"),
        ),
        (
            'consent = "opt_out"\nsilence_is_consent = true',
            'consent = "never"\nwithdrawal_key = true',
            (12, "line[1].withdrawal_key", "means nothing where consent is never"),
        ),
        ("silence_is_consent = true", 'withdrawal_key = "*"', (12, "line[1].withdrawal_key", '"*" is not a yes or no')),
        ("+14155550100", "+1415555010", (7, "line[1].number", "not a valid phone number")),
        ("+14155550100", "+89000000", (7, "line[1].number", "not a valid phone number")),
        ("+14155550100", "4155550100", (7, "line[1].number", "not a valid phone number")),
        ("+14155550100", "+18005550199", (17, "line[2].number", "the same number as line[1]")),
        ('number = "+14155550100"', "", (6, "line[1].number", "missing")),
        ("client:alice", "client:", (8, "line[1].connect_to[2]", "not a place to connect to")),
        ("client:alice", "client:a b", (8, "line[1].connect_to[2]", "not a place to connect to")),
        ("client:alice", "tel:alice", (8, "line[1].connect_to[2]", "not a place to connect to")),
        ("client:alice", "+14155550123", (8, "line[1].connect_to[2]", "the same as item 1")),
        ("client:alice", "+1", (8, "line[1].connect_to[2]", "not a valid phone number")),
        ("sip:desk@", f"sip:{'d' * 300}@", (8, "line[1].connect_to[3]", "not a place to connect to")),
        ("sip:desk@", "sip:@", (8, "line[1].connect_to[3]", "not a place to connect to")),
        ("client:alice", "+18005550199", (8, "line[1].connect_to", "a call would come back to one of these lines")),
        (
            '"client:alice"',
            ", ".join(f'"client:alice{n}"' for n in range(9)),
            (8, "line[1].connect_to", "11 places to ring at once"),
        ),
        ('"quality-90d"\n', '"quality"\n', (14, "line[1].retention", 'there is no retention rule "quality"')),
        ('"P90D"', '"90D"', (24, "retention.quality-90d.keep", '"90D": not an ISO 8601 duration')),
        ('keep = "P90D"', "", (23, "retention.quality-90d.keep", "missing")),
        ('keep = "P1M"', "", (27, "retention.short.keep", "missing")),
        ("US-CA", "US-CF", (3, "business.jurisdiction", '"US-CF" is not a part of US')),
        ("US-CA", "USA", (3, "business.jurisdiction", '"USA" is not a place')),
        ("US-CA", "PR", (3, "business.jurisdiction", '"PR" counts as US-PR here')),
        ("US-VA", "UK", (4, "business.recorder_jurisdiction", '"UK" is not a place')),
        ("Email Customer Support", " ", (2, "business.name", '" " is not a name')),
        ("Email Customer Support", "a\\nb", (2, "business.name", '"a\\nb" is not a name')),
        ("Email Customer Support", "n" * 101, (2, "business.name", f'"{"n" * 39}…" is not a name')),
        ("[business]", "[busyness]", (1, "busyness", "unknown key")),
        (
            'languages = ["en-US", "es-US"]',
            f'language_by = "menu"\nlanguages = {list(languages()[:10])}'.replace("'", '"'),
            (10, "line[1].languages", "10 languages in one menu"),
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(before: str, after: str, mistake: tuple[int, str, str]) -> None:
    found = mistakes(GOOD.replace(before, after, 1))
    assert mistake in [(m.line, m.where, m.problem.partition(" of years")[0]) for m in found]


FULL = """\
[business]
name = "Email Customer Support"
jurisdiction = ["US-CA", "DE"]
recorder_jurisdiction = "US-VA"
sectors = ["debt_collector"]
agents_agreed_on = 2026-01-31

[[line]]
number = "+14155550100"
connect_to = ["client:alice"]
languages = ["en-US"]
purposes = ["quality", "proof"]
retention = { quality = "short", proof = "long" }
language_by = "menu"
jurisdiction = ["BR", "PT"]
sectors = ["regulated_by_federal_executive"]

[retention]
short = { keep = "P1M" }
long = { keep = "P2Y" }

[declines]
remember = "P6M"

[[override]]
line = "+14155550100"
jurisdiction = "EEA"
purpose = "quality"
from = 2026-11-24
until = 2027-11-24
because = "the works council, 2026-10-01"
regime = "all_party_opt_in"
notice_in_recording = true
no_recording_on_hold = false
no_systematic_recording = true
keep_at_least = "P1D"
keep_at_most = "P1Y"
consent = "opt_in"
silence_is_consent = false
retention = "short"

[[override]]
jurisdiction = "ZZ"
must_record = true
on_refusal = "end_call"
prompts_max = 1
"""


def test_everything_that_a_rulebook_may_say_is_read() -> None:
    rulebook = parse(FULL)
    (line,) = rulebook.lines
    assert rulebook.business == Business(
        "Email Customer Support", ("US-CA", "DE"), "US-VA", ("debt_collector",), date(2026, 1, 31)
    )
    assert (line.retention, line.retention_for) == ("", (("quality", "short"), ("proof", "long")))
    assert line.language_by == "menu"
    assert rulebook.agents_in(line) == ("BR", "PT")
    assert rulebook.sectors_of(line) == {"debt_collector", "regulated_by_federal_executive"}
    assert rulebook.remember_declines == Duration(months=6)
    assert rulebook.overrides == (
        Override(
            line="+14155550100",
            jurisdiction="EEA",
            purpose="quality",
            since=date(2026, 11, 24),
            until=date(2027, 11, 24),
            because="the works council, 2026-10-01",
            regime=Regime.ALL_PARTY_OPT_IN,
            notice_in_recording=True,
            no_recording_on_hold=False,
            no_systematic_recording=True,
            keep_at_least=Duration(days=1),
            keep_at_most=Duration(years=1),
            consent=Mode.OPT_IN,
            silence_is_consent=False,
            retention="short",
            number=1,
        ),
        Override(jurisdiction="ZZ", must_record=True, on_refusal="end_call", prompts_max=1, number=2),
    )


def test_a_line_without_a_place_of_its_own_has_the_agents_of_the_business() -> None:
    rulebook = parse(FULL.replace('jurisdiction = ["BR", "PT"]\n', ""))
    assert rulebook.agents_in(rulebook.lines[0]) == ("US-CA", "DE")


RECEIPTS = """\
agents_agreed_on = 2026-01-31
address = "1 Example Street, Springfield"
contact = "privacy@example.com"
stored_in = ["US-VA", "CA-QC"]
recipients = ["Example Training Ltd"]
"""
WITH_RECEIPTS = FULL.replace("agents_agreed_on = 2026-01-31\n", RECEIPTS)


def test_what_a_consent_receipt_has_to_name_is_read_and_may_be_left_out() -> None:
    said = parse(WITH_RECEIPTS).business
    assert (said.address, said.contact) == ("1 Example Street, Springfield", "privacy@example.com")
    assert (said.stored_in, said.recipients) == (("US-VA", "CA-QC"), ("Example Training Ltd",))
    assert parse(WITH_RECEIPTS.replace('["Example Training Ltd"]', "[]")).business.recipients == ()
    unsaid = parse(FULL).business
    assert (unsaid.address, unsaid.contact, unsaid.stored_in, unsaid.recipients) == ("", "", (), None)


@pytest.mark.parametrize(
    ("before", "after", "mistake"),
    [
        ('"1 Example Street, Springfield"', '" "', (7, "business.address", '" " says nothing')),
        ('"privacy@example.com"', '"a\\u001b"', (8, "business.contact", '"a\\u001b" says nothing')),
        ('["US-VA", "CA-QC"]', '"EU"', (9, "business.stored_in", '"EU" is not a place')),
        ('["US-VA", "CA-QC"]', "[]", (9, "business.stored_in", "not a place or a list of different ones")),
        ('["Example Training Ltd"]', '"all"', (10, "business.recipients", '"all" is not a list')),
        ('["Example Training Ltd"]', '["a", "a"]', (10, "business.recipients", "a name is there twice")),
    ],
)
def test_a_mistake_in_what_a_receipt_names_is_found(before: str, after: str, mistake: tuple[int, str, str]) -> None:
    found = mistakes(WITH_RECEIPTS.replace(before, after, 1))
    assert mistake in [(m.line, m.where, m.problem) for m in found]


@pytest.mark.parametrize(("remember", "duration"), [('"never"', None), ('"P30D"', Duration(days=30))])
def test_how_long_a_decline_is_remembered_is_the_operators_to_say(remember: str, duration: Duration | None) -> None:
    assert parse(FULL.replace('"P6M"', remember)).remember_declines == duration


@pytest.mark.parametrize(
    ("before", "after", "mistake"),
    [
        ('["US-CA", "DE"]', "[]", (3, "business.jurisdiction", "not a place or a list of different ones")),
        ('["US-CA", "DE"]', '["DE", "DE"]', (3, "business.jurisdiction", "not a place or a list of different ones")),
        ('["US-CA", "DE"]', '"EU"', (3, "business.jurisdiction", '"EU" is not a place')),
        ('["US-CA", "DE"]', '"CA-XX"', (3, "business.jurisdiction", '"CA-XX" is not a part of CA')),
        ('"debt_collector"', '"debt"', (5, "business.sectors[1]", '"debt" is not a regulated sector')),
        ("2026-01-31", "9999-12-31", (6, "business.agents_agreed_on", "a day that nobody means")),
        ("2026-01-31", '"2026-01-31"', (6, "business.agents_agreed_on", '"…" is not a day')),
        ("2026-01-31", "2026-01-31T00:00:00", (6, "business.agents_agreed_on", "a date or time is not a day")),
        (', proof = "long"', "", (13, "line[1].retention.proof", "missing")),
        ('proof = "long"', 'prof = "long"', (13, "line[1].retention.prof", "unknown key")),
        ('proof = "long"', 'proof = "lon"', (13, "line[1].retention", 'there is no retention rule "lon"')),
        ('"menu"', '"voice"', (14, "line[1].language_by", '"voice" is no way to choose a language')),
        ('"P6M"', '"always"', (23, "declines.remember", '"always": not an ISO 8601 duration')),
        (
            '"+14155550100"\njurisdiction = "EEA"',
            '"+14155550101"',
            (26, "override[1].line", "not a line of this rulebook"),
        ),
        ('"EEA"', '"GG"', (27, "override[1].jurisdiction", '"GG" counts as GB here')),
        ('"EEA"', '"PR"', (27, "override[1].jurisdiction", '"PR" counts as US-PR here')),
        ('"EEA"', '"EFTA"', (27, "override[1].jurisdiction", '"EFTA" is not a place')),
        ('"quality"\nfrom', '"sales"\nfrom', (28, "override[1].purpose", '"sales" has no wording')),
        ("2027-11-24", "2026-11-24", (30, "override[1].until", "not after the day it begins")),
        ("the works council, 2026-10-01", " ", (31, "override[1].because", '" " says nothing')),
        ("the works council, 2026-10-01", "a\\nb", (31, "override[1].because", '"a\\nb" says nothing')),
        ('"all_party_opt_in"', '"two_party"', (32, "override[1].regime", '"two_party" is not a regime')),
        (
            'retention = "short"\n\n',
            'retention = "lo"\n\n',
            (40, "override[1].retention", 'there is no retention rule "lo"'),
        ),
        ("must_record = true\n", "", (44, "override[2].on_refusal", "means nothing without must_record")),
        (
            "must_record = true",
            "must_record = false",
            (45, "override[2].on_refusal", "means nothing without must_record"),
        ),
        ('"end_call"', '"hang_up"', (45, "override[2].on_refusal", '"hang_up" is no answer to a refusal')),
        (
            '"ZZ"',
            '"ZZ"\npurpose = "proof"',
            (45, "override[2].must_record", "a call is recorded for all purposes or not"),
        ),
        (
            '"ZZ"',
            '"ZZ"\npurpose = "proof"',
            (47, "override[2].prompts_max", "a call has one question for all purposes"),
        ),
        ("[[override]]", "[[overrides]]", (25, "overrides", "unknown key")),
    ],
)
def test_a_mistake_in_the_rules_of_law_is_named_with_its_line(
    before: str, after: str, mistake: tuple[int, str, str]
) -> None:
    assert before in FULL
    found = mistakes(FULL.replace(before, after, 1))
    assert mistake in [(m.line, m.where, m.problem.partition(" of years")[0]) for m in found]


@pytest.mark.parametrize("nothing", ["", 'because = "so"', 'line = "+14155550100"\njurisdiction = "DE"'])
def test_an_override_that_says_nothing_is_a_mistake(nothing: str) -> None:
    (mistake,) = mistakes(f"{FULL}\n[[override]]\n{nothing}\n")
    assert (mistake.where, mistake.problem) == ("override[3]", "it overrides nothing")


def test_an_override_with_a_mistake_in_it_is_not_also_said_to_override_nothing() -> None:
    (mistake,) = mistakes(f'{FULL}\n[[override]]\nregime = "two"\n')
    assert mistake.where == "override[3].regime"


def test_a_list_of_overrides_is_needed() -> None:
    assert "not a list of overrides" in [mistake.problem for mistake in mistakes("override = 1\n" + GOOD)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("prompts_max", "prompt_max", "prompts_max (did you mean that?)"),
        ('"opt_out"', '"opt-out"', "opt_out (did you mean that?)"),
        ('"opt_out"', '"0"', "one of auto, notice, opt_out, opt_in, never, must_record"),
        ('"quality-90d"\n', '"quality-90"\n', "quality-90d (did you mean that?)"),
        ('"es-US"', '"es-UK"', "es-US (did you mean that?)"),
    ],
)
def test_a_typing_error_is_answered_with_the_nearest_word(before: str, after: str, expected: str) -> None:
    assert only_mistake(before, after).expected == expected


EVERY_MISTAKE = """\
rules.toml:1: business.jurisdiction: missing; expected jurisdiction = …
rules.toml:1: business.recorder_jurisdiction: missing; expected recorder_jurisdiction = …
rules.toml:2: business.name: "" is not a name; expected 1 to 100 printable characters on one line
rules.toml:3: business.place: unknown key; expected one of name, jurisdiction, recorder_jurisdiction, sectors, \
agents_agreed_on, on_withdrawal, address, contact, stored_in, recipients
rules.toml:4: line[1].purposes: missing; expected purposes = …
rules.toml:5: line[1].number: not a valid phone number; expected an E.164 number such as +14155550100
rules.toml:8: line[1].connect_to[2]: not a place to connect to; \
expected an E.164 number such as +14155550100, client:NAME or sip:USER@HOST
rules.toml:10: line[1].languages: "en-US" is not a list of one or more; expected a list such as ["…"]
rules.toml:11: line[1]."odd one": unknown key; \
expected one of number, connect_to, languages, purposes, retention, consent, silence_is_consent, prompts_max, \
language_by, jurisdiction, sectors, on_withdrawal, withdrawal_key
rules.toml:12: line[1].retention: there is no retention rule "none"; expected a table [retention.NAME] to name"""


def test_every_mistake_is_reported_at_once_in_the_order_of_lines() -> None:
    text = """\
[business]
name = ""
place = "US-CA"
[[line]]
number = "+1"
connect_to = [
  "client:alice",
  "elsewhere",
]
languages = "en-US"
"odd one" = 1
retention = "none"
"""
    with pytest.raises(RulebookRejected) as rejected:
        parse(text, "rules.toml")
    assert str(rejected.value) == EVERY_MISTAKE


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [(1, "business", "missing"), (1, "line", "missing")]),
        ("line = {}", [(1, "business", "missing"), (1, "line", "a table is not a list of lines")]),
        ("\nline = []", [(1, "business", "missing"), (2, "line", "an empty list is not a list of lines")]),
        ("business = 1\nline = [2]", [(1, "business", A_NUMBER), (2, "line[1]", A_NUMBER)]),
    ],
)
def test_what_is_no_rulebook_at_all_says_what_to_begin_with(text: str, found: list[tuple[int, str, str]]) -> None:
    assert [(mistake.line, mistake.where, mistake.problem) for mistake in mistakes(text)] == found


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n\na = = 1", 3),
        ("a = [\n1,\n", 2),
        ("a = 1\na = 2", 2),
        ("\ufeff[business]", 1),
        ("a = " + "[" * 9000, 1),
        ("a = " + "1" * 9000, 1),
        ('a = "\ud800"', 1),
    ],
)
def test_what_is_not_toml_is_one_mistake_with_its_line(text: str, line: int) -> None:
    (mistake,) = mistakes(text)
    assert (mistake.line, mistake.where, mistake.expected) == (line, "(file)", "TOML")
    assert len(mistake.problem) < 100


@pytest.mark.parametrize("number", ["+14155550177", "14155550177", "+1 (415) 555-0177", "415.555.0177"])
@pytest.mark.parametrize(
    "misplaced", ['languages = ["{}"]', 'consent = "{}"', 'retention = "{}"', '"{}" = 1', "[retention.'{}']"]
)
def test_no_message_quotes_a_phone_number(misplaced: str, number: str) -> None:
    text = "\n".join(["[business]", "[[line]]", f'number = "x{number}"', misplaced.format(number)])
    assert not any("0177" in str(mistake) for mistake in mistakes(text))


def test_each_mistake_stays_on_one_line_whatever_it_quotes() -> None:
    text = GOOD.replace('"opt_out"', '"\\u2028\\u0085\\u202e\\n"').replace("silence_is_consent = true\n", "")
    with pytest.raises(RulebookRejected) as rejected:
        parse(text)
    assert len(str(rejected.value).splitlines()) == 1
    assert str(rejected.value).isprintable()


def accepts_or_rejects(text: str) -> None:
    found: tuple[Mistake, ...] = ()
    try:
        assert isinstance(parse(text), Rulebook)
    except RulebookRejected as rejected:
        found = rejected.mistakes
    assert all(1 <= mistake.line <= text.count("\n") + 1 for mistake in found)


@given(st.text() | st.text(alphabet=string.printable))
def test_any_text_is_accepted_or_rejected_and_nothing_else(text: str) -> None:
    accepts_or_rejects(text)


@given(st.integers(0, len(GOOD)), st.integers(0, 40), st.text(alphabet="[]{}\"'=.,#\n+1a ", max_size=6))
def test_a_damaged_rulebook_is_accepted_or_rejected_and_nothing_else(at: int, length: int, junk: str) -> None:
    accepts_or_rejects(GOOD[:at] + junk + GOOD[at + length :])
    accepts_or_rejects(FULL[:at] + junk + FULL[at + length :])


TOML_VALUES = [
    "1",
    "-1.5",
    "nan",
    "true",
    '""',
    '"x"',
    "[]",
    "[[]]",
    "[{}]",
    "{}",
    "{a.b = 1}",
    "1979-05-27",
    "07:32:00",
]
KEYS = [line.partition(" = ")[0] for line in GOOD.splitlines() if " = " in line]


@given(st.sampled_from(KEYS), st.sampled_from(TOML_VALUES))
def test_a_value_of_any_other_type_is_a_mistake_and_never_a_crash(key: str, value: str) -> None:
    lines = GOOD.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith(f"{key} = "))
    lines[at] = f"{key} = {value}"
    if (key, value) not in {("silence_is_consent", "true"), ("prompts_max", "1"), ("name", '"x"'), ("short", "{}")}:
        assert at + 1 in {mistake.line for mistake in mistakes("\n".join(lines))}


@given(
    st.sampled_from([at for at, line in enumerate(FULL.splitlines()) if " = " in line]), st.sampled_from(TOML_VALUES)
)
def test_a_value_of_any_type_anywhere_is_accepted_or_rejected(at: int, value: str) -> None:
    lines = FULL.splitlines()
    lines[at] = f"{lines[at].partition(' = ')[0]} = {value}"
    accepts_or_rejects("\n".join(lines))


@pytest.mark.parametrize("change", [str.upper, str.title, lambda mode: f" {mode}"])
@pytest.mark.parametrize("mode", Mode)
def test_a_consent_mode_is_written_exactly(mode: Mode, change: Callable[[str], str]) -> None:
    text = GOOD.replace('"opt_out"', f'"{change(mode.value)}"').replace("silence_is_consent = true\n", "")
    assert [mistake.where for mistake in mistakes(text)] == ["line[1].consent"]


def test_a_line_keeps_or_destroys_as_the_business_does_unless_it_says_otherwise() -> None:
    assert [line.on_withdrawal for line in parse(GOOD).lines] == ["destroy", "destroy"]
    kept = GOOD.replace('name = "Email', 'on_withdrawal = "keep"\nname = "Email')
    kept = kept.replace('retention = "short"', 'retention = "short"\non_withdrawal = "destroy"')
    assert [line.on_withdrawal for line in parse(kept).lines] == ["keep", "destroy"]


def test_a_forgotten_pause_stops_the_recording_unless_the_rulebook_says_otherwise() -> None:
    assert parse(GOOD).pausing == Pausing(timedelta(minutes=5), AtLimit.STOP)
    said = parse(GOOD + '\n[pause]\nlimit = "PT1H"\nat_limit = "alarm"\n')
    assert said.pausing == Pausing(timedelta(hours=1), AtLimit.ALARM)


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ('limit = "PT1H1S"', "pause.limit", '"PT1H1S": longer than an hour'),
        ('limit = "PT0S"', "pause.limit", '"PT0S": no time at all'),
        ('limit = "P1D"', "pause.limit", '"P1D": not an ISO 8601 duration of hours, minutes and seconds'),
        ("limit = 300", "pause.limit", "a whole number is not a text"),
        ('at_limit = "go on"', "pause.at_limit", '"go on" is no end of a pause'),
        ("length = 5", "pause.length", "unknown key"),
    ],
)
def test_a_mistake_about_pauses_is_named(text: str, where: str, problem: str) -> None:
    (mistake,) = mistakes(f"{GOOD}\n[pause]\n{text}\n")
    assert (mistake.where, mistake.problem) == (where, problem)


def test_the_console_demands_no_passkey_and_has_the_usual_limits_unless_the_rulebook_says_otherwise() -> None:
    assert parse(GOOD).console == ConsoleRules(frozenset(), Limits(timedelta(minutes=30), timedelta(hours=12)))
    said = parse(
        GOOD + '\n[console]\npasskey_roles = ["admin", "compliance"]\nsession_idle = "PT5M"\nsession_whole = "PT24H"\n'
    )
    roles = frozenset({Role.ADMIN, Role.COMPLIANCE})
    assert said.console == ConsoleRules(roles, Limits(timedelta(minutes=5), timedelta(hours=24)))


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ('session_idle = "PT4M59S"', "console.session_idle", '"PT4M59S": out of range'),
        ('session_whole = "PT24H1S"', "console.session_whole", '"PT24H1S": out of range'),
        (
            'session_idle = "P1D"',
            "console.session_idle",
            '"P1D": not an ISO 8601 duration of hours, minutes and seconds',
        ),
        ('session_idle = "PT3H"\nsession_whole = "PT2H"', "console.session_idle", "longer than session_whole"),
        ('passkey_roles = ["owner"]', "console.passkey_roles[1]", '"owner" is not a role of the staff'),
        ("passkey_roles = []", "console.passkey_roles", "an empty list is not a list of one or more"),
        ('passkeys = ["admin"]', "console.passkeys", "unknown key"),
    ],
)
def test_a_mistake_about_the_console_is_named(text: str, where: str, problem: str) -> None:
    (mistake,) = mistakes(f"{GOOD}\n[console]\n{text}\n")
    assert (mistake.where, mistake.problem) == (where, problem)


@pytest.mark.parametrize("table", ["business", "line[1]"])
def test_an_effect_of_a_withdrawal_that_there_is_not_is_named(table: str) -> None:
    begins = "name =" if table == "business" else "number ="
    mistake = only_mistake(begins, f'on_withdrawal = "forget"\n{begins}')
    assert (mistake.where, mistake.problem) == (f"{table}.on_withdrawal", '"forget" is no effect of a withdrawal')
