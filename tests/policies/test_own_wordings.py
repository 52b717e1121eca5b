"""The operator's own wordings: how they are read, what is refused, and which of them a caller hears."""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.consent import Mode
from policies.own_texts import Approval, Audio, OwnWording
from policies.rulebook.mistakes import Findings
from policies.rulebook.toml_positions import positions
from policies.rulebook.wording_faults import check_own_wordings, silent_about_key, uncovered, wording_faults
from policies.rulebook.wordings import approvals, own_wordings
from policies.rules import AUTO, Line
from policies.wording import Wording, spoken_length_s, wording_for
from policies.wording_pack import KEYS_OF

HASH = "0f" * 32
HERE, ELSEWHERE = "+14155550100", "+12125550100"
BUSINESS = "Studio 54"

GOOD = f"""\
[[wording]]
variant = "opt_in"
language = "en-US"
version = "2026-10-01"
disclosure = "Welcome to {{business}}. We record for {{purposes}}, if you let us."
question = "Press 1 for yes, 2 for no, 9 to hear this again."
approved_by = "A. Lawyer"
approved_on = 2026-10-01

[[wording]]
variant = "notice"
language = "es-US"
line = "{HERE}"
version = "7"
disclosure = "Studio 54 graba esta llamada para revisar nuestro servicio. Si no quiere, cuelgue."
disclosure_audio = {{ file = "audio/aviso.wav", sha256 = "{HASH}", length_s = 9.4 }}
purposes = ["quality"]
approved_by = "B. Abogada"
approved_on = 2026-10-02

[[approved]]
sha256 = "{HASH}"
by = "A. Lawyer"
on = 2026-10-03
"""

OPT_IN, NOTICE = (
    OwnWording(
        variant="opt_in",
        language="en-US",
        line="",
        version="2026-10-01",
        disclosure="Welcome to {business}. We record for {purposes}, if you let us.",
        question="Press 1 for yes, 2 for no, 9 to hear this again.",
        disclosure_audio=None,
        question_audio=None,
        purposes=(),
        approved_by="A. Lawyer",
        approved_on=date(2026, 10, 1),
    ),
    OwnWording(
        variant="notice",
        language="es-US",
        line=HERE,
        version="7",
        disclosure="Studio 54 graba esta llamada para revisar nuestro servicio. Si no quiere, cuelgue.",
        question="",
        disclosure_audio=Audio("audio/aviso.wav", HASH, 9400),
        question_audio=None,
        purposes=("quality",),
        approved_by="B. Abogada",
        approved_on=date(2026, 10, 2),
    ),
)
UNSPOKEN = '"Welcome to {business}. We record for {p…" cannot be spoken'
RECORDED = "wording[2].disclosure_audio"
NEVER = replace(OPT_IN, variant="never", disclosure="You are with {business}. Nothing is recorded.", question="")
APPROVAL = Approval(HASH, "A. Lawyer", date(2026, 10, 3))


def line(number: str = HERE, *purposes: str, languages: Sequence[str] = ("en-US", "es-US")) -> Line:
    return Line(number, (), tuple(languages), purposes or ("quality",), AUTO, "short")


def mistakes(text: str, *lines: Line) -> list[tuple[int, str, str]]:
    """What is found in a rulebook's own wordings and approvals."""
    findings, root = Findings(positions(text)), tomllib.loads(text)
    own = own_wordings(root.get("wording", []), findings)
    approvals(root.get("approved", []), findings)
    check_own_wordings(own, BUSINESS, lines or (line(),), findings)
    assert all(mistake.expected for mistake in findings.mistakes)
    return [(mistake.line, mistake.where, mistake.problem) for mistake in findings.mistakes]


def faults(own: OwnWording, business_name: str = BUSINESS) -> list[tuple[str, str]]:
    return [(fault.key, fault.problem) for fault in wording_faults(own, business_name)]


def test_wordings_and_approvals_are_read_as_written() -> None:
    findings, root = Findings(positions(GOOD)), tomllib.loads(GOOD)
    assert own_wordings(root["wording"], findings) == (OPT_IN, NOTICE)
    assert approvals(root["approved"], findings) == (APPROVAL,)
    assert mistakes(GOOD) == []


def test_a_rulebook_needs_no_wordings_of_its_own() -> None:
    assert mistakes("") == []


@pytest.mark.parametrize(
    ("before", "after", "mistake"),
    [
        ('"opt_in"', '"opt-in"', (2, "wording[1].variant", '"opt-in" is not a variant of a wording')),
        ('"opt_in"', "1", (2, "wording[1].variant", "a whole number is not a text")),
        ('"en-US"', '"nl-NL"', (3, "wording[1].language", '"nl-NL" has no wording')),
        ('version = "2026-10-01"\n', "", (1, "wording[1].version", "missing")),
        ('"2026-10-01"', '"a b"', (4, "wording[1].version", '"a b" is not a version')),
        ('disclosure = "W', 'disclosed = "W', (1, "wording[1].disclosure", "missing")),
        ('disclosure = "W', 'disclosed = "W', (5, "wording[1].disclosed", "unknown key")),
        ("if you", "if\\nyou", (5, "wording[1].disclosure", UNSPOKEN)),
        ("if you", "if\\u0000", (5, "wording[1].disclosure", UNSPOKEN)),
        ("if you", "\\uFFFF", (5, "wording[1].disclosure", UNSPOKEN)),
        ("if you", "you " * 300, (5, "wording[1].disclosure", UNSPOKEN)),
        ('"Press 1 for', '"  " #', (6, "wording[1].question", '"  " cannot be spoken')),
        ("{business}", "{name}", (5, "wording[1].disclosure", "braces that stand for nothing")),
        ("{business}", "{{business}}", (5, "wording[1].disclosure", "braces that stand for nothing")),
        ("{business}", "{business!r}", (5, "wording[1].disclosure", "braces that stand for nothing")),
        ("9 to hear", "9 {to hear", (6, "wording[1].question", "braces that stand for nothing")),
        ('"A. Lawyer"', '""', (7, "wording[1].approved_by", '"" is not a name')),
        ("2026-10-01\n\n", '"2026-10-01"\n\n', (8, "wording[1].approved_on", '"…" is not a day')),
        ("2026-10-01\n\n", "2026-10-01T00:00:00Z\n\n", (8, "wording[1].approved_on", "a date or time is not a day")),
        (f'"{HERE}"', '"+1"', (13, "wording[2].line", "not a valid phone number")),
        ('"audio/aviso.wav"', '"/aviso.wav"', (16, f"{RECORDED}.file", '"/aviso.wav" is not an audio file')),
        ('"audio/aviso.wav"', '"../aviso.wav"', (16, f"{RECORDED}.file", '"../aviso.wav" is not an audio file')),
        ('"audio/aviso.wav"', '"aviso.flac"', (16, f"{RECORDED}.file", '"aviso.flac" is not an audio file')),
        (f'"{HASH}", length', '"0F0F", length', (16, f"{RECORDED}.sha256", '"0F0F" is not a SHA-256')),
        ("9.4", "0", (16, f"{RECORDED}.length_s", "out of range")),
        ("9.4", "nan", (16, f"{RECORDED}.length_s", "out of range")),
        ("9.4", "true", (16, f"{RECORDED}.length_s", "true or false is not a number of seconds")),
        (", length_s = 9.4", "", (16, f"{RECORDED}.length_s", "missing")),
        ('["quality"]', "[]", (17, "wording[2].purposes", "an empty list is not a list of one or more")),
        ('["quality"]', '["qualty"]', (17, "wording[2].purposes[1]", '"qualty" has no wording')),
        (f'"{HASH}"\nby', '"0f"\nby', (22, "approved[1].sha256", '"0f" is not a SHA-256')),
        ('\nby = "A. Lawyer"', "\nby = 1", (23, "approved[1].by", "a whole number is not a text")),
        ("on = 2026-10-03", "on = 1", (24, "approved[1].on", "a whole number is not a day")),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(before: str, after: str, mistake: tuple[int, str, str]) -> None:
    assert before in GOOD
    assert mistake in mistakes(GOOD.replace(before, after, 1))


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("wording = 1", (1, "wording", "a whole number is not a list of tables")),
        ("wording = {}", (1, "wording", "a table is not a list of tables")),
        ("wording = [1]", (1, "wording[1]", "a whole number is not a table")),
        ("approved = true", (1, "approved", "true or false is not a list of tables")),
        ("approved = ['']", (1, "approved[1]", '"" is not a table')),
    ],
)
def test_what_is_no_table_at_all_is_one_mistake(text: str, mistake: tuple[int, str, str]) -> None:
    assert mistakes(text) == [mistake]


def test_of_a_wording_that_cannot_be_read_nothing_more_is_said() -> None:
    unread = GOOD.replace("{business}", "{name}").replace('"2026-10-01"', '"a b"')
    assert [where for _, where, _ in mistakes(unread)] == ["wording[1].version", "wording[1].disclosure"]


@pytest.mark.parametrize("key", ["variant", "language", "version", "disclosure", "question", "approved_by"])
def test_no_message_quotes_a_phone_number(key: str) -> None:
    text = GOOD.partition(f"{key} = ")
    number = "+1 (415) 555-0177 {"
    spoilt = f'{text[0]}{text[1]}"{number}"\n{text[2].partition(chr(10))[2]}'
    found = mistakes(spoilt)
    assert any(where == f"wording[1].{key}" for _, where, _ in found) or key == "approved_by"
    assert not any("0177" in problem for _, _, problem in found)


def test_the_same_wording_is_not_approved_twice() -> None:
    twice = GOOD + f'\n[[approved]]\nsha256 = "{HASH}"\nby = "C"\non = 2026-10-04\n'
    assert mistakes(twice) == [(27, "approved[2].sha256", "the same as approved[1]")]


@pytest.mark.parametrize(
    ("own", "fault"),
    [
        (replace(OPT_IN, disclosure="We record for {purposes}."), ("disclosure", "does not say who is called")),
        (replace(OPT_IN, disclosure="Welcome to {business}."), ("disclosure", "does not say why")),
        (
            replace(OPT_IN, disclosure="{business}, {purposes}. Press 1."),
            ("disclosure", "names a key or number, and no key is heard yet"),
        ),
        (
            replace(OPT_IN, disclosure="{business}, {purposes}, २ दबाएँ"),
            ("disclosure", "names a key or number, and no key is heard yet"),
        ),
        (replace(OPT_IN, question=""), ("question", "missing")),
        (replace(OPT_IN, question="Press 1 or 2."), ("question", "names other keys than are heard")),
        (replace(OPT_IN, question="Press 1, 2, 3 or 9."), ("question", "names other keys than are heard")),
        (replace(OPT_IN, question="Press 12 or 9."), ("question", "names other keys than are heard")),
        (replace(OPT_IN, variant="remembered"), ("question", "names other keys than are heard")),
        (replace(OPT_IN, variant="notice"), ("question", "notice asks nothing")),
        (replace(OPT_IN, variant="never"), ("question", "never asks nothing")),
        (replace(OPT_IN, purposes=("quality",)), ("purposes", "the disclosure has {purposes} already")),
        (replace(NEVER, purposes=("quality",)), ("purposes", "means nothing where nothing is recorded")),
        (
            replace(NOTICE, question_audio=Audio("a.wav", HASH, 1)),
            ("question_audio", "there is no question to be spoken"),
        ),
        (
            replace(OPT_IN, disclosure_audio=Audio("a.wav", HASH, 1)),
            ("disclosure", "a recording does not change with the rulebook"),
        ),
        (
            replace(OPT_IN, question="{business}: 1, 2, 9?", question_audio=Audio("a.wav", HASH, 1)),
            ("question", "a recording does not change with the rulebook"),
        ),
        (replace(OPT_IN, disclosure="{business} {purposes}" + " so" * 80), ("disclosure", "takes 35 s to say")),
        (replace(OPT_IN, question="1 2 9" + " so" * 50), ("question", "takes 21 s to say")),
        (replace(NOTICE, disclosure_audio=Audio("a.wav", HASH, 30_500)), ("disclosure_audio", "takes 30 s to say")),
    ],
)  # fmt: skip
def test_a_wording_that_does_not_tell_the_caller_is_refused(own: OwnWording, fault: tuple[str, str]) -> None:
    assert faults(own) == [fault]


@pytest.mark.parametrize(
    "own",
    [
        OPT_IN,
        NOTICE,
        NEVER,
        replace(OPT_IN, variant="remembered", question="1 or 9."),
        replace(OPT_IN, disclosure="This is STUDIO 54's line, for {purposes}."),
        replace(OPT_IN, disclosure="{business} {purposes}" + " so" * 60),
        replace(OPT_IN, question="Studio 54 asks: 1, 2 or 9?"),
        replace(OPT_IN, question="हाँ के लिए १, नहीं के लिए २, दोबारा ९"),
        replace(OPT_IN, question_audio=Audio("a.wav", HASH, 20_000)),
        *(replace(OPT_IN, variant=variant) for variant in ("opt_out", "opt_out_by_staying", "must_record")),
    ],
)
def test_a_wording_that_tells_the_caller_is_accepted(own: OwnWording) -> None:
    assert faults(own) == []


def test_a_name_within_another_word_names_nobody() -> None:
    within = replace(OPT_IN, disclosure="The Macme line, for {purposes}.")
    assert faults(within, "Acme") == [("disclosure", "does not say who is called")]
    assert faults(within, "Macme") == []


@pytest.mark.parametrize("text", ["Voulez-vous\u00a0? 1, 2, 9", "Voulez-vous\u202f? 1, 2, 9", "क्\u200dष 1 2 9"])
def test_spaces_and_joiners_that_writing_needs_are_allowed(text: str) -> None:
    assert mistakes(GOOD.replace("Press 1 for yes, 2 for no, 9 to hear this again.", text)) == []


def test_what_is_packaged_would_pass_as_the_operators_own() -> None:
    for variant in KEYS_OF:
        for language in ("en-US", "es-US", "fr-FR", "de-DE", "pt-PT", "hi-IN"):
            said = heard(variant, language)
            theirs = replace(
                OPT_IN,
                variant=variant,
                language=language,
                disclosure=said.disclosure,
                question=said.question,
                purposes=() if variant == "never" else ("quality",),
            )
            assert faults(theirs, "Studio") == []


def heard(variant: str, language: str = "en-US", own: Sequence[OwnWording] = ()) -> Wording:
    mode = {"opt_out_by_staying": Mode.OPT_OUT, "remembered": Mode.OPT_IN}.get(variant) or Mode(variant)
    return wording_for(
        mode,
        language,
        "Studio",
        ["quality"],
        silence_is_consent=variant == "opt_out_by_staying",
        remembered=variant == "remembered",
        own=own,
    )


def test_a_line_whose_purposes_a_wording_does_not_name_is_refused() -> None:
    both = line(HERE, "quality", "training")
    assert mistakes(GOOD, both) == [(17, "wording[2].purposes", "line[1] has the purpose training too")]
    assert list(uncovered((OPT_IN, NOTICE), both)) == [(NOTICE, ("training",))]


@pytest.mark.parametrize(
    ("own", "other"),
    [
        ((OPT_IN, NOTICE), line(ELSEWHERE, "quality", "training")),
        ((OPT_IN, NOTICE), line(HERE, "training", languages=["en-US"])),
        ((replace(NOTICE, line=""), replace(NOTICE, purposes=("training",))), line(HERE, "training")),
        ((OPT_IN, NOTICE), line(HERE, "quality")),
    ],
)
def test_a_wording_that_a_line_does_not_use_need_not_name_its_purposes(
    own: tuple[OwnWording, ...], other: Line
) -> None:
    assert list(uncovered(own, other)) == []


def test_a_wording_for_every_line_must_name_every_lines_purposes() -> None:
    general = replace(NOTICE, line="")
    assert list(uncovered((general,), line(ELSEWHERE, "proof"))) == [(general, ("proof",))]


def test_two_wordings_for_the_same_place_are_refused() -> None:
    first = GOOD.partition("\n\n")[0]
    assert mistakes(f"{first}\n\n{first}") == [(11, "wording[2].variant", "the same as wording[1]")]
    of_line = first.replace('version = "', f'line = "{HERE}"\nversion = "', 1)
    assert mistakes(f"{first}\n\n{of_line}") == []


def test_a_wording_for_a_line_that_never_plays_it_is_refused() -> None:
    assert mistakes(GOOD, line(ELSEWHERE)) == [(13, "wording[2].line", "not a line of this rulebook")]
    spoken = line(HERE, languages=["en-US"])
    assert mistakes(GOOD, spoken) == [(12, "wording[2].language", "not one that its line speaks")]


def test_the_lines_own_wording_goes_before_the_general_and_that_before_ours() -> None:
    of_line = replace(OPT_IN, line=HERE, version="line", disclosure="Here {business}, {purposes}.")
    for own in ((OPT_IN, of_line), (of_line, OPT_IN)):
        here, there = (wording_for(Mode.OPT_IN, "en-US", "B", ["quality"], own=own, line=n) for n in (HERE, ELSEWHERE))
        assert (here.version, here.disclosure) == ("line", "Here B, checking and improving our service.")
        assert (there.version, there.disclosure[:12]) == ("2026-10-01", "Welcome to B")
        assert wording_for(Mode.OPT_IN, "en-US", "B", ["quality"], own=own) == there


@pytest.mark.parametrize(
    ("variant", "language"),
    [("opt_out", "en-US"), ("opt_in", "en-GB"), ("remembered", "en-US"), ("never", "en-US"), ("opt_in", "es-US")],
)
def test_an_own_wording_stands_in_for_its_variant_and_its_locale_only(variant: str, language: str) -> None:
    assert heard(variant, language, own=[OPT_IN]) == heard(variant, language)


def test_an_own_wording_is_combined_with_what_else_a_call_says() -> None:
    own, ours = heard("opt_in", own=[OPT_IN]), heard("opt_in")
    differ = {name for name, value in asdict(own).items() if value != asdict(ours)[name]}
    assert differ == {
        "id",
        "version",
        "disclosure",
        "question",
        "disclosure_length_ms",
        "sha256",
        "approved_by",
        "approved_on",
    }
    assert own.id == "own.opt_in.en-US"
    assert (own.approved_by, own.approved_on) == ("A. Lawyer", "2026-10-01")
    assert own.disclosure_length_ms == spoken_length_s(own.disclosure) * 1000


def test_a_recorded_disclosure_takes_as_long_as_the_recording_and_is_named_by_its_hash() -> None:
    spoken = wording_for(Mode.NOTICE, "es-US", BUSINESS, ["quality"], own=[NOTICE], line=HERE)
    assert (spoken.disclosure_audio, spoken.question_audio) == (HASH, "")
    assert spoken.disclosure_length_ms == 9400


def test_the_hash_covers_what_is_recorded_and_not_who_approved_it() -> None:
    def digest(own: OwnWording) -> str:
        return heard(own.variant, own.language, own=[own]).sha256

    asked = replace(OPT_IN, question_audio=Audio("a.wav", HASH, 1))
    assert len({digest(OPT_IN), digest(asked), digest(replace(asked, question_audio=Audio("a.wav", "1" * 64, 1)))}) == 3
    assert digest(OPT_IN) == digest(replace(OPT_IN, approved_by="C", approved_on=date(2027, 1, 1), version="8"))


def test_an_approval_names_who_approved_a_packaged_wording_and_when() -> None:
    ours = heard("opt_in")
    approval = replace(APPROVAL, sha256=ours.sha256)
    approved = wording_for(Mode.OPT_IN, "en-US", "Studio", ["quality"], approved=[APPROVAL, approval])
    assert approved == replace(ours, approved_by="A. Lawyer", approved_on="2026-10-03")
    assert (ours.approved_by, ours.approved_on) == ("", "")


def test_an_own_wording_is_approved_where_it_is_written_and_nowhere_else() -> None:
    own = heard("opt_in", own=[OPT_IN])
    approval = Approval(own.sha256, "C", date(2027, 1, 1))
    assert wording_for(Mode.OPT_IN, "en-US", "Studio", ["quality"], own=[OPT_IN], approved=[approval]) == own


def test_an_approval_of_other_words_approves_nothing() -> None:
    approval = replace(APPROVAL, sha256=heard("opt_in").sha256)
    for mode, business in ((Mode.OPT_OUT, "Studio"), (Mode.OPT_IN, "Studios")):
        assert not wording_for(mode, "en-US", business, ["quality"], approved=[approval]).approved_by


def test_every_wording_can_be_kept_as_json() -> None:
    spoken = wording_for(Mode.NOTICE, "es-US", BUSINESS, ["quality"], own=[NOTICE], line=HERE)
    assert json.loads(json.dumps(asdict(spoken))) == asdict(spoken)


TOML_VALUES = ["1", "-1.5", "nan", "true", '""', "[]", "[[]]", "[{}]", "{}", "{a.b = 1}", "1979-05-27", "07:32:00"]
KEYS = sorted({row.partition(" = ")[0] for row in GOOD.splitlines() if " = " in row})


@given(st.sampled_from(KEYS), st.sampled_from(TOML_VALUES))
def test_a_value_of_any_other_type_is_a_mistake_and_never_a_crash(key: str, value: str) -> None:
    rows = GOOD.splitlines()
    at = next(index for index, row in enumerate(rows) if row.startswith(f"{key} = "))
    rows[at] = f"{key} = {value}"
    if (key, value) not in {("approved_on", "1979-05-27"), ("on", "1979-05-27")}:
        assert mistakes("\n".join(rows))


@given(st.text(alphabet='{}businesp 129"\\\n½²٣', max_size=40), st.text(alphabet="{}129 Ax.*[", max_size=8))
def test_any_text_is_spoken_as_it_stands_or_refused(text: str, business_name: str) -> None:
    found = mistakes(GOOD.replace("Press 1 for yes, 2 for no, 9 to hear this again.", json.dumps(text)[1:-1]))
    own = replace(OPT_IN, question=text)
    list(wording_faults(own, business_name))
    if not found:
        expected = text.replace("{business}", "Studio").replace("{purposes}", "checking and improving our service")
        assert heard("opt_in", own=[own]).question == expected


def test_a_disclosure_names_the_star_key_on_a_line_where_it_is_heard() -> None:
    line = Line(HERE, (), ("en-US",), ("quality",), AUTO)
    keyed, elsewhere = replace(line, withdrawal_key=True), replace(line, withdrawal_key=True, languages=("es-US",))
    naming = replace(OPT_IN, disclosure=f"{OPT_IN.disclosure} Press the STAR key to stop it.")
    assert list(silent_about_key([OPT_IN], keyed)) == [OPT_IN]
    assert list(silent_about_key([naming], keyed)) == []
    assert list(silent_about_key([OPT_IN], line)) == list(silent_about_key([OPT_IN], elsewhere)) == []
    assert list(silent_about_key([replace(OPT_IN, variant="never")], keyed)) == []


def test_a_disclosure_that_is_silent_about_the_star_key_is_a_mistake() -> None:
    findings = Findings(positions(GOOD))
    line = Line(HERE, (), ("en-US",), ("quality",), AUTO, withdrawal_key=True)
    check_own_wordings([OPT_IN], BUSINESS, [line], findings)
    (mistake,) = findings.mistakes
    assert (mistake.where, "star key" in mistake.expected) == ("wording[1].disclosure", True)
