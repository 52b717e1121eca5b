"""A time stamp is kept only where it is one: of this checkpoint, for this request, by the authority that is trusted."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.anchor_levels import Level
from outbound.bounded_http import Limits
from outbound.time_stamp_authority import TimeStampAuthority
from storage.errors import Broken, Refused, Unavailable
from storage.log import anchors
from tests.compliance.signed_log import ON_SQLITE, SignedLog
from tests.outbound.an_authority import Authority, an_authority, make_certificates, openssl
from tests.outbound.scripted_api import scripted_api, silent

pytestmark = [
    ON_SQLITE,
    pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl program, whose authority it asks"),
]


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    with an_authority(tmp_path / "authority") as authority:
        yield authority


@pytest.fixture
def log(signed_log: SignedLog, authority: Authority) -> SignedLog:
    signed_log.environ |= {"ONRECORD_TSA": authority.url, "ONRECORD_TSA_CA": str(authority.ca)}
    signed_log.happens(3)
    signed_log.anchoring.sign()
    return signed_log


def test_the_stamp_that_is_kept_is_one_for_openssl_too(log: SignedLog, authority: Authority, tmp_path: Path) -> None:
    known = log.anchoring.anchor(log.target("tsa"))
    (kept,) = log.held("tsa")
    note, receipt = tmp_path / "checkpoint", tmp_path / "receipt.tsr"
    note.write_text(str(known.note))
    receipt.write_bytes(kept.receipt)
    said = openssl("ts", "-verify", "-in", receipt, "-data", note, "-CAfile", authority.ca)
    assert "Verification: OK" in said
    with log.database.read() as connection:
        assert anchors.level_of(connection, known.size) is Level.TSA


def test_the_authority_learns_a_hash_and_nothing_else(log: SignedLog, authority: Authority) -> None:
    known = log.anchoring.anchor(log.target("tsa"))
    (asked,) = authority.asked
    assert len(asked) < 100
    assert known.checkpoint.origin.encode() not in asked


def test_an_answer_to_another_request_is_refused(log: SignedLog, authority: Authority) -> None:
    """Of the same checkpoint even: without the nonce an old stamp could be played again."""
    log.anchoring.anchor(log.target("tsa"))
    old = log.held("tsa")[0].receipt
    authority.changes = lambda _: old
    with pytest.raises(Broken, match="what was answered does not hold: Nonce"):
        log.anchoring.anchor(log.target("tsa"))


def test_a_stamp_of_something_else_is_refused(log: SignedLog, authority: Authority) -> None:
    answer = authority.reply  # what it signs is what it was asked, with another hash in the place of ours

    def reply(request: bytes) -> bytes:
        at = request.index(b"\x04\x20") + 2
        return answer(request[:at] + b"\x07" * 32 + request[at + 32 :])

    authority.reply = reply  # type: ignore[method-assign]  # it lies
    with pytest.raises(Broken, match="what was answered does not hold: Mismatch between messages"):
        log.anchoring.anchor(log.target("tsa"))


def test_a_stamp_by_another_authority_is_refused(log: SignedLog, tmp_path: Path) -> None:
    (tmp_path / "another").mkdir()
    make_certificates(tmp_path / "another")
    log.environ["ONRECORD_TSA_CA"] = str(tmp_path / "another" / "ca.pem")
    with pytest.raises(Broken, match="what was answered does not hold: Error while verifying certificates"):
        log.anchoring.anchor(log.target("tsa"))
    assert log.held("tsa") == []


@pytest.mark.parametrize(
    "changed",
    [
        lambda answer: b"",
        lambda answer: b"<html>please sign in</html>",
        lambda answer: answer[:-5],
        lambda answer: answer[:-1] + bytes([answer[-1] ^ 1]),
        lambda answer: answer.replace(b"\x02\x01\x00", b"\x02\x01\x01", 1),
        lambda answer: bytes.fromhex("30053003020100"),
    ],
    ids=["empty", "a web page", "cut", "a flipped bit", "another status", "granted, and no stamp"],
)
def test_a_mangled_answer_is_refused(changed: Callable[[bytes], bytes], log: SignedLog, authority: Authority) -> None:
    authority.changes = changed
    with pytest.raises((Broken, Refused), match="time stamp: "):
        log.anchoring.anchor(log.target("tsa"))
    assert log.held("tsa") == []


def test_what_the_authority_refuses_is_told_with_its_status(log: SignedLog, authority: Authority) -> None:
    authority.digests = "sha512"
    with pytest.raises(Refused, match="time stamp: the authority refused with status 2"):
        log.anchoring.anchor(log.target("tsa"))


def test_an_authority_that_is_down_or_says_nothing_is_asked_again(log: SignedLog, authority: Authority) -> None:
    authority.status = 503
    with pytest.raises(Unavailable, match="time stamp: answered 503"):
        log.anchoring.anchor(log.target("tsa"))
    with scripted_api() as api:
        api.answers("/tsa", silent(api))
        limits = Limits(connect_s=1, read_s=0.1, answer_s=0.2)
        asked = replace(TimeStampAuthority(f"{api.url}/tsa", authority.ca), limits=limits)
        with pytest.raises(Unavailable, match="time stamp: no answer"):
            asked.stamp(log.anchoring.sign())


def test_a_certificate_that_is_missing_is_a_setting_s_problem_and_keeps_no_other_holder(
    log: SignedLog, authority: Authority
) -> None:
    for spoil in (lambda: authority.ca.write_text("no certificate\n"), authority.ca.unlink):
        spoil()
        with pytest.raises(Refused, match="ONRECORD_TSA_CA names .*ca.pem, which holds no certificate"):
            log.anchoring.anchor(log.target("tsa"))
    log.anchoring.sign_where_due()
    assert len(log.held("file")) == 1
    assert [one.about for one in log.incidents()] == ["tsa:refused:2026-11-22"]
