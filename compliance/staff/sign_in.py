"""Signing in and out. WRONG tells nobody what was wrong, nor whether there is such an account; every other reason is
for a person who was right in everything else.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from compliance.staff import logged_sessions
from compliance.staff.entry import Ceremony, Entry
from compliance.staff.logged_sessions import Browser, SignedIn
from policies.incidents import IncidentKind
from policies.sessions import SessionEnd, SignedInBy
from policies.sign_in import counts_back, may_sign_in
from storage.errors import Refused, Unavailable
from storage.moment import Moment
from storage.rows.incidents import raise_incident
from storage.staff import (
    accounts,
    ceremonies,
    challenges,
    identities,
    passkeys,
    passwords,
    recovery_codes,
    second_factor,
    sessions,
    throttle,
    turns,
    used_once,
)
from storage.staff.accounts import Account
from storage.staff.passkeys import Passkey
from storage.staff.passwords import KeptPassword


class Why(StrEnum):
    """Why somebody is not signed in."""

    WRONG = "wrong"
    DISABLED = "disabled"
    NEEDS_PASSKEY = "needs_passkey"
    PASSKEY_IN_DOUBT = "passkey_in_doubt"


@dataclass(frozen=True, slots=True)
class NotSignedIn:
    why: Why


_WRONG = NotSignedIn(Why.WRONG)


def passkey_options(entry: Entry) -> Ceremony:
    """Nothing is written, and nobody is named."""
    challenge, signed = challenges.issue(entry.key, challenges.TO_SIGN_IN, entry.moment())
    return Ceremony(ceremonies.to_authenticate(entry.party, challenge), signed)


def by_passkey(
    entry: Entry, response: str, challenge: str, *, browser: str, old_token: str = ""
) -> SignedIn | NotSignedIn:
    moment = entry.moment()
    try:
        issued = challenges.read(entry.key, challenges.TO_SIGN_IN, challenge, moment.at)
        passkey, count = _asserted(entry, response, issued)
    except Refused:
        return _WRONG

    def settle(connection: Connection) -> SignedIn | NotSignedIn:
        turns.lock(connection, passkey.account_id)
        kept = passkeys.by_id(connection, passkey.id)
        if kept is None or not used_once.use(connection, issued, moment.at):
            return _WRONG
        if counts_back(kept.sign_count, count):
            _raise_doubt(connection, moment, kept, count)
            return NotSignedIn(Why.PASSKEY_IN_DOUBT)
        passkeys.use(connection, kept.id, count, moment.at)
        account = accounts.existing(connection, kept.account_id)
        return _let_in(connection, entry, moment, account, SignedInBy.PASSKEY, Browser(browser, old_token))

    return entry.database.write(settle)


def by_password(
    entry: Entry, name: str, password: str, code: str, *, browser: str, old_token: str = ""
) -> SignedIn | NotSignedIn:
    """`code` is of the authenticator app, or a recovery code. All three come together, so that nobody learns that a
    password is right. Raises Unavailable where too many passwords are being looked at.
    """
    moment = entry.moment()
    with entry.database.read() as connection:
        known = passwords.of_name(connection, name)
    is_right = entry.hashing.is_right(password, known.kept)

    def settle(connection: Connection) -> SignedIn | NotSignedIn:
        # An unknown name goes the same way to the same end, in the same time.
        if not _may_try(connection, known, moment) or not known.account_id:
            throttle.fail_uncounted(connection)
            return _WRONG
        if not is_right or not _has_code(connection, entry, known.account_id, code, moment):
            throttle.fail(connection, known.account_id, moment.at)
            return _WRONG
        throttle.clear(connection, known.account_id)
        account = accounts.existing(connection, known.account_id)
        return _let_in(connection, entry, moment, account, SignedInBy.PASSWORD, Browser(browser, old_token))

    done = entry.database.write(settle)
    if isinstance(done, SignedIn) and entry.hashing.is_outdated(known.kept):
        _hash_anew(entry, known, password, moment)
    return done


def by_identity(
    entry: Entry, issuer: str, subject: str, *, acr: str = "", browser: str, old_token: str = ""
) -> SignedIn | NotSignedIn:
    """For an identity whose ID token was verified. `acr` is the token's claim. An identity that nobody has bound is
    WRONG: no account is made for it, whatever else the provider says of its person.
    """
    moment = entry.moment()

    def settle(connection: Connection) -> SignedIn | NotSignedIn:
        account_id = identities.account_of(connection, issuer, subject)
        if account_id is None:
            return _WRONG
        turns.lock(connection, account_id)
        if identities.account_of(connection, issuer, subject) != account_id:
            return _WRONG
        account = accounts.existing(connection, account_id)
        by = SignedInBy.SINGLE_SIGN_ON
        return _let_in(connection, entry, moment, account, by, Browser(browser, old_token), acr=acr)

    return entry.database.write(settle)


def sign_out(entry: Entry, token: str, *, actor: str) -> None:
    """End the session of a token. Where it has none, or it has ended, nothing is done."""
    moment, limits = entry.moment(), entry.rules.limits

    def settle(connection: Connection) -> None:
        if (session := sessions.living(connection, token, moment.at, limits)) is None:
            return
        turns.lock(connection, session.staff_id)
        if sessions.living(connection, token, moment.at, limits) is not None:
            sessions.end(connection, session.id, moment.at, SessionEnd.SIGNED_OUT)
            logged_sessions.log_ends(connection, moment, [session], SessionEnd.SIGNED_OUT, actor=actor)

    entry.database.write(settle)


def _asserted(entry: Entry, response: str, challenge: bytes) -> tuple[Passkey, int]:
    """The passkey and its count. Raises Refused for anything but a response of a passkey of the account it names."""
    claim = ceremonies.claimed(response)
    with entry.database.read() as connection:
        passkey = passkeys.by_id(connection, claim.passkey_id)
    if passkey is None or passkey.account_id != claim.account_id:
        raise Refused("passkey: it is not known")
    return passkey, ceremonies.authenticated(entry.party, response, challenge, passkey.public_key)


def _raise_doubt(connection: Connection, moment: Moment, passkey: Passkey, count: int) -> None:
    detail = f"a passkey of the account counted {passkey.sign_count} uses, and then {count}"
    raise_incident(
        connection, moment, IncidentKind.PASSKEY_IN_DOUBT, about=passkey.account_id, call_id=None, detail=detail
    )


def _may_try(connection: Connection, known: KeptPassword, moment: Moment) -> bool:
    """Whether the password that was looked at is still the account's, and the account does not wait."""
    turns.lock(connection, known.account_id)
    return passwords.is_still(connection, known) and not throttle.waits(connection, known.account_id, moment.at)


def _hash_anew(entry: Entry, known: KeptPassword, password: str, moment: Moment) -> None:
    """With today's parameters; another time where too many passwords are being looked at.

    Only for a person who is in: a hash takes time, and would tell others that the password alone is right.
    """
    try:
        renewed = entry.hashing.hash_of(password, moment.random)
    except Unavailable:
        return

    def save(connection: Connection) -> None:
        turns.lock(connection, known.account_id)
        if passwords.is_still(connection, known):
            passwords.save(connection, known.account_id, renewed)

    entry.database.write(save)


def _has_code(connection: Connection, entry: Entry, account_id: str, code: str, moment: Moment) -> bool:
    if recovery_codes.is_one(code):
        return recovery_codes.take(connection, account_id, code, moment.at)
    return second_factor.take(connection, entry.key, account_id, code, moment.at)


def _let_in(
    connection: Connection,
    entry: Entry,
    moment: Moment,
    account: Account,
    by: SignedInBy,
    browser: Browser,
    *,
    acr: str = "",
) -> SignedIn | NotSignedIn:
    """The credential was right; whether the account may come in is still to be asked."""
    if not account.is_enabled:
        return NotSignedIn(Why.DISABLED)
    if not may_sign_in(account.role, by, entry.rules.passkey_roles, acr=acr):
        return NotSignedIn(Why.NEEDS_PASSKEY)
    begun = logged_sessions.begin(connection, moment, account, by, browser, entry.rules.limits)
    return logged_sessions.log_begin(connection, moment, begun)
