"""Codes of an authenticator app, and recovery codes in their place: each is good once."""

import re
import secrets
import xml.etree.ElementTree as ET
from base64 import b32decode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from storage.database.engine import Database
from storage.database.tables import staff, staff_recovery_code
from storage.errors import Broken, Refused
from storage.moment import Moment
from storage.staff import recovery_codes, second_factor
from storage.staff.accounts import Account
from tests.conftest import NOON
from tests.storage.staff.people import at, read

KEY = secrets.token_bytes(32)
ALICE_ID = "a1" * 16
SECRET = b"12345678901234567890"
APP = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")


def code_at(now: datetime) -> str:
    return APP.at(now)


def take(database: Database, account: Account, code: str, now: datetime = NOON) -> bool:
    return database.write(lambda c: second_factor.take(c, KEY, account.id, code, now))


@pytest.fixture
def database(used_database: Database) -> Database:
    return used_database


@pytest.fixture
def with_app(database: Database, alice: Account) -> Account:
    database.write(lambda c: second_factor.save(c, KEY, alice.id, SECRET, at()))
    return alice


def test_the_codes_are_those_of_rfc_6238(database: Database, with_app: Account) -> None:
    """Its appendix B, of which six digits are used."""
    assert take(database, with_app, "287082", datetime.fromtimestamp(59, UTC))
    assert take(database, with_app, "081804", datetime.fromtimestamp(1111111109, UTC))
    assert take(database, with_app, "279037", datetime.fromtimestamp(2000000000, UTC))


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_a_step_off(database: Database, with_app: Account, steps: int, good: bool) -> None:
    assert take(database, with_app, code_at(NOON + timedelta(seconds=30 * steps))) is good


def test_a_code_is_good_once_and_no_older_one_after_it(database: Database, with_app: Account) -> None:
    assert take(database, with_app, code_at(NOON))
    assert not take(database, with_app, code_at(NOON))
    assert not take(database, with_app, code_at(NOON - timedelta(seconds=30)))
    assert take(database, with_app, code_at(NOON + timedelta(seconds=30)))


def test_of_those_who_use_a_code_at_once_one_does(database: Database, with_app: Account) -> None:
    with ThreadPoolExecutor(4) as pool:
        uses = [pool.submit(take, database, with_app, code_at(NOON)) for _ in range(8)]
    assert sorted(use.result() for use in uses) == [False] * 7 + [True]


def test_a_code_may_be_typed_with_spaces(database: Database, with_app: Account) -> None:
    code = code_at(NOON)
    assert take(database, with_app, f" {code[:3]} {code[3:]} ")


@pytest.mark.parametrize("code", ["", "x", "\ud800", "1234567", "٣" * 6, "0" * 1000])
def test_what_is_no_code_is_wrong(database: Database, with_app: Account, code: str) -> None:
    assert not take(database, with_app, code)


def test_without_an_app_no_code_is_right(database: Database, alice: Account, with_app: Account, bob: Account) -> None:
    assert not take(database, bob, code_at(NOON))
    assert read(database, lambda c: (second_factor.has(c, alice.id), second_factor.has(c, bob.id))) == (True, False)
    database.write(lambda c: second_factor.forget(c, alice.id))
    assert not take(database, alice, code_at(NOON))


def test_the_secret_is_sealed_for_its_account_and_by_the_key_file(
    database: Database, with_app: Account, bob: Account
) -> None:
    sealed = read(database, lambda c: c.scalar(select(staff.c.totp_secret).where(staff.c.id == with_app.id)))
    assert sealed is not None
    assert SECRET not in sealed
    database.write(lambda c: c.execute(staff.update().where(staff.c.id == bob.id).values(totp_secret=sealed)))
    with pytest.raises(Broken, match="another key file"):
        take(database, bob, code_at(NOON))
    with pytest.raises(Broken, match="another key file"):
        database.write(lambda c: second_factor.take(c, bytes(32), with_app.id, code_at(NOON), NOON))


def test_a_proposed_secret_comes_back_for_a_quarter_of_an_hour() -> None:
    proposal = second_factor.propose(KEY, ALICE_ID, "alice", at())
    secret = b32decode(proposal.secret.replace(" ", ""))
    assert len(secret) == 20
    last = NOON + timedelta(minutes=15) - timedelta(milliseconds=1)
    assert second_factor.proposed(KEY, ALICE_ID, proposal.sealed, last) == secret
    for key, account_id, now in (
        (KEY, ALICE_ID, NOON + timedelta(minutes=15)),
        (KEY, "b0" * 16, NOON),
        (bytes(32), ALICE_ID, NOON),
    ):
        with pytest.raises(Refused):
            second_factor.proposed(key, account_id, proposal.sealed, now)


def test_a_secret_is_proposed_again_as_it_was() -> None:
    """Its person has it in their app already, and has mistyped a code."""
    proposal = second_factor.propose(KEY, ALICE_ID, "alice", at())
    assert second_factor.propose_again(KEY, ALICE_ID, "alice", proposal.sealed, NOON) == proposal
    with pytest.raises(Refused):
        second_factor.propose_again(KEY, ALICE_ID, "alice", proposal.sealed, NOON + timedelta(minutes=15))
    with pytest.raises(Refused):
        second_factor.propose_again(KEY, "b0" * 16, "alice", proposal.sealed, NOON)


def test_a_kept_secret_is_no_proposed_one(database: Database, with_app: Account) -> None:
    sealed = read(database, lambda c: c.scalar(select(staff.c.totp_secret).where(staff.c.id == with_app.id)))
    assert sealed is not None
    with pytest.raises(Refused):
        second_factor.proposed(KEY, with_app.id, urlsafe_b64encode(sealed).decode(), NOON)


@given(st.text(max_size=300))
def test_whatever_a_form_hands_back_as_proposed_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        second_factor.proposed(KEY, "a1" * 16, text, NOON)


def test_the_app_is_told_who_it_is_for() -> None:
    proposal = second_factor.propose(KEY, ALICE_ID, "alice", at())
    app = pyotp.parse_uri(proposal.uri)
    assert (app.name, app.issuer, app.secret) == ("alice", "onrecord", proposal.secret.replace(" ", ""))


def test_the_picture_is_a_path_that_a_template_can_draw() -> None:
    """Squares of one unit within the margin; of the three finders the corners are there."""
    qr = second_factor.propose(KEY, ALICE_ID, "alice", at()).qr
    assert re.fullmatch(r"(M\d+ \d+h1v1h-1z)+", qr.path)
    ET.fromstring(f'<svg viewBox="0 0 {qr.size} {qr.size}"><path d="{qr.path}"/></svg>')
    dark = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)", qr.path)}
    assert {(4, 4), (qr.size - 5, 4), (4, qr.size - 5)} <= dark
    assert min(min(one) for one in dark) == 4
    assert max(max(one) for one in dark) == qr.size - 5


def renew(database: Database, account: Account) -> tuple[str, ...]:
    return database.write(lambda c: recovery_codes.renew(c, at(), account.id))


def recover(database: Database, account: Account, code: str) -> bool:
    return database.write(lambda c: recovery_codes.take(c, account.id, code, NOON))


def test_there_are_ten_recovery_codes_of_80_bits_in_groups(database: Database, alice: Account) -> None:
    codes = renew(database, alice)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}", code) for code in codes)
    assert read(database, lambda c: recovery_codes.left(c, alice.id)) == 10
    kept = str(read(database, lambda c: c.execute(select(staff_recovery_code)).all()))
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)


def test_all_bits_of_a_recovery_code_are_written(database: Database, alice: Account) -> None:
    numbers = count()
    moment = Moment(NOON, lambda length: next(numbers).to_bytes(length))  # alike but for their last bits
    assert len(set(database.write(lambda c: recovery_codes.renew(c, moment, alice.id)))) == recovery_codes.COUNT


def test_a_recovery_code_is_good_once_and_for_its_account(database: Database, alice: Account, bob: Account) -> None:
    code, *_ = renew(database, alice)
    assert not recover(database, bob, code)
    assert [recover(database, alice, code) for _ in range(2)] == [True, False]
    assert read(database, lambda c: recovery_codes.left(c, alice.id)) == 9


def test_a_recovery_code_may_be_typed_as_it_is_misread(database: Database, alice: Account) -> None:
    code = next(code for _ in range(100) for code in renew(database, alice) if "0" in code and "1" in code)
    typed = code.lower().replace("0", "o").replace("1", "l").replace("-", " ")
    assert recovery_codes.is_one(typed)
    assert recover(database, alice, f" {typed} ")


def test_new_recovery_codes_take_the_place_of_the_old_ones(database: Database, alice: Account, bob: Account) -> None:
    old, bobs = renew(database, alice), renew(database, bob)
    new = renew(database, alice)
    assert [recover(database, alice, code) for code in (old[0], new[0])] == [False, True]
    assert recover(database, bob, bobs[0])


def test_of_those_who_use_a_recovery_code_at_once_one_does(database: Database, alice: Account) -> None:
    code, *_ = renew(database, alice)
    with ThreadPoolExecutor(4) as pool:
        uses = [pool.submit(recover, database, alice, code) for _ in range(8)]
    assert sorted(use.result() for use in uses) == [False] * 7 + [True]


@pytest.mark.parametrize("text", ["", "123456", "\ud800", "U" * 16, "-" * 16])
def test_what_is_no_recovery_code_is_wrong(database: Database, alice: Account, text: str) -> None:
    renew(database, alice)
    assert not recover(database, alice, text)
