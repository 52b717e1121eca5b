import json
import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta, timezone

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from evidence.events import (
    Event,
    NotCanonical,
    Personal,
    canonical,
    digest_of,
    names_somebody,
    timestamp,
    without_names,
    write_leaf,
)

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
CALL = "0123456789abcdef0123456789abcdef"


def counting_random(size: int) -> bytes:
    return bytes(range(size))


def test_a_leaf_is_one_canonical_line_that_names_its_call_and_place() -> None:
    leaf = write_leaf(Event("call.received", {"rules_sha256": "1f"}), call=CALL, n=0, at=NOON, random=counting_random)
    assert leaf.line == (
        '{"call":"0123456789abcdef0123456789abcdef","n":0,"rules_sha256":"1f",'
        '"ts":"2026-11-22T12:00:00.123Z","type":"call.received","v":1}'
    )


def test_a_personal_field_stands_in_the_line_only_as_the_digest_of_its_disclosure() -> None:
    event = Event("call.received", {}, {"caller": "+14155550100"})
    leaf = write_leaf(event, call=CALL, n=0, at=NOON, random=counting_random)
    ((digest, body),) = leaf.disclosures.items()
    salt, name, value = json.loads(urlsafe_b64decode(body + "=="))
    assert (len(urlsafe_b64decode(salt + "==")), name, value) == (16, "caller", "+14155550100")
    assert json.loads(leaf.line)["sd"] == {"caller": digest}
    assert digest_of(body) == digest
    assert "4155550100" not in leaf.line


def test_the_sd_jwt_example_digest_is_met() -> None:
    """RFC 9901 §4.2.1 and §4.2.3: the worked disclosure of a family name, and its digest."""
    body = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    assert digest_of(body) == "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"


@pytest.mark.parametrize("bad", [1.5, 2**53, {"ü": 1}, "\ud800", b"bytes", {1: 2}, object()])
def test_what_two_libraries_could_write_differently_is_refused(bad: object) -> None:
    with pytest.raises(NotCanonical):
        canonical({"field": bad})  # type: ignore[dict-item]  # the point of the test


@pytest.mark.parametrize(
    "personal",
    [
        "+14155550100",
        "call +4930123456 back",
        "call +431110 back",
        "CA0123456789abcdef0123456789abcdef",
        "recording RE0123456789abcdef0123456789abcdef failed",
        "sip:ann",
        "sips:ann",
        "client:ann",
        "tel:110",
        "mailto:ann",
        "whatsapp:ann",
        "ann.smith@acme.example",
        "quality-90d/2026/11/22/0123456789abcdef0123456789abcdef/master-0badcafe.sealed",
    ],
)
def test_what_can_name_a_person_never_stands_in_a_leaf(personal: str) -> None:
    for public in ({"mode": personal}, {"ruling": [{"er": personal}]}):
        with pytest.raises(Personal, match=r"call\.received"):
            write_leaf(Event("call.received", public), call=CALL, n=0, at=NOON, random=counting_random)
    hidden = write_leaf(
        Event("call.received", {}, {"caller": personal}), call=CALL, n=0, at=NOON, random=counting_random
    )
    assert personal not in hidden.line


@pytest.mark.parametrize(
    "fine", ["2026-11-22T12:00:00+00:00", "opt_in.quality@3", "a" * 64, "Cal. Penal Code § 632.7", 7]
)
def test_what_names_nobody_may_stand_in_a_leaf(fine: str | int) -> None:
    write_leaf(Event("call.received", {"mode": fine}), call=CALL, n=0, at=NOON, random=counting_random)


def test_a_time_without_zone_is_refused_and_any_zone_is_written_in_utc() -> None:
    with pytest.raises(NotCanonical):
        timestamp(NOON.replace(tzinfo=None))
    assert timestamp(NOON.astimezone(timezone(timedelta(hours=5)))) == "2026-11-22T12:00:00.123Z"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner),
)


@given(VALUES)
def test_a_line_is_written_as_rfc_8785_writes_it(value: object) -> None:
    assert canonical(value).encode() == rfc8785.dumps(value)  # type: ignore[arg-type]  # hypothesis types recursive strategies as object


@given(VALUES)
def test_a_canonical_line_reads_back_as_the_same_value(value: object) -> None:
    line = canonical(value)  # type: ignore[arg-type]  # hypothesis types recursive strategies as object
    assert json.loads(line) == value
    assert "\n" not in line


_MAIL = re.compile(r"""[^\s"/<>@]+@[^\s"/<>@]+\.[a-z]{2,}""")


@given(st.lists(st.sampled_from(["a@", "b", "1", " ", '"', "x" * 70, "@", ".com", ".c"]), max_size=12).map("".join))
def test_an_address_of_mail_is_found_wherever_it_begins(text: str) -> None:
    assert names_somebody(text) is (_MAIL.search(text) is not None)
    assert without_names(text) == _MAIL.sub("(erased)", text)


_FORMS = (
    *(r"\+[1-9][0-9]{4,15}", r"[A-Z]{1,2}[0-9a-f]{31,32}", r"[^@]@[^@ ]\.[a-z]{1,2}"),
    r"[0-9a-f]{32}/[a-z]-[0-9a-f]{8}\.sealed",
)
_BETWEEN = st.sampled_from(["", " ", "a", "A", "0", "sip:", "tel:"])
_ALIKE = st.one_of([st.from_regex(form, fullmatch=True, alphabet=st.characters(max_codepoint=127)) for form in _FORMS])


@given(st.lists(_ALIKE | _BETWEEN, max_size=3).map("".join) | st.text())
def test_a_line_names_somebody_exactly_where_something_is_struck_out(text: str) -> None:
    assert names_somebody(text) is (without_names(text) != text)


def test_of_an_address_that_goes_on_after_a_number_nothing_is_left() -> None:
    assert without_names("+12125550100ann@example.com") == "(erased)(erased)"


def test_a_long_line_without_names_is_looked_through_once() -> None:
    """Looked through from each of its characters on, it would take hours, and hold the log as long."""
    assert not names_somebody(canonical({"ranges": [[at, at + 1] for at in range(0, 200_000, 2)]}))
