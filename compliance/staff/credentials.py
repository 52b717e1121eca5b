"""The credentials of a signed-in person, changed by themselves on the page of their own account.

All of it raises Refused where the account is disabled. An account never loses its last way in.
"""

from sqlalchemy import Connection

from compliance.staff import entry as entries
from compliance.staff import logged_sessions, new_password, ways_in
from compliance.staff.entry import Ceremony, Entry
from compliance.staff.ways_in import Held
from policies.sessions import SessionEnd
from policies.sign_in import CredentialKind
from storage.errors import Refused
from storage.moment import Moment
from storage.staff import accounts, identities, passkeys, passwords, recovery_codes, second_factor, throttle
from storage.staff.accounts import Account
from storage.staff.passwords import KeptPassword
from storage.staff.second_factor import Proposal


def held(entry: Entry, account_id: str) -> Held:
    with entry.database.read() as connection:
        return ways_in.held(connection, account_id)


def passkey_options(entry: Entry, account_id: str) -> Ceremony:
    return entries.to_add_passkey(entry, _account(entry, account_id))


def add_passkey(entry: Entry, account_id: str, response: str, challenge: str, label: str, *, actor: str) -> None:
    """Raises Refused where the response does not hold."""
    moment = entry.moment()
    made = entries.made_passkey(entry, account_id, response, challenge, moment)

    def settle(connection: Connection) -> None:
        entries.take_enabled(connection, account_id)
        entries.keep_passkey(connection, moment, account_id, made, label)
        ways_in.log_added(connection, moment, account_id, CredentialKind.PASSKEY, actor=actor)

    entry.database.write(settle)


def rename_passkey(entry: Entry, account_id: str, passkey_id: str, label: str) -> None:
    """Raises Refused where the account has no such passkey."""

    def settle(connection: Connection) -> None:
        if not passkeys.rename(connection, account_id, passkey_id, label):
            raise Refused(f"account {account_id}: it has no such passkey")

    entry.database.write(settle)


def remove_passkey(entry: Entry, account_id: str, passkey_id: str, *, actor: str) -> None:
    """Raises Refused where it is the last way in, or no passkey of the account."""
    moment = entry.moment()

    def settle(connection: Connection) -> None:
        account = entries.take_enabled(connection, account_id)
        if not passkeys.remove(connection, account_id, passkey_id):
            raise Refused(f"account {account_id}: it has no such passkey")
        ways_in.require_one(connection, account, entry.rules)
        ways_in.log_removed(connection, moment, account_id, CredentialKind.PASSKEY, actor=actor)

    entry.database.write(settle)


def propose_code(entry: Entry, account_id: str) -> Proposal:
    """A secret for an authenticator app, for `set_password` or `change_code`."""
    return new_password.propose(entry, _account(entry, account_id))


def propose_again(entry: Entry, account_id: str, sealed: str) -> Proposal:
    """The same secret once more. Raises Refused where it was not proposed to the account, or too long ago."""
    return new_password.propose_again(entry, _account(entry, account_id), sealed)


def set_password(
    entry: Entry, account_id: str, password: str, sealed: str, code: str, *, actor: str
) -> tuple[str, ...]:
    """A first password with its second factor; returns the recovery codes, which are shown once.

    Raises Refused as `new_password.read` and `new_password.keep` do.
    """
    moment, account = entry.moment(), _account(entry, account_id)
    new = new_password.read(entry, account, password, sealed, code, moment)

    def settle(connection: Connection) -> tuple[str, ...]:
        codes = new_password.keep(connection, entry, moment, entries.take_enabled(connection, account_id), new)
        ways_in.log_added(connection, moment, account_id, *new_password.KINDS, actor=actor)
        return codes

    return entry.database.write(settle)


def change_password(entry: Entry, account_id: str, old: str, new: str, *, but: str, actor: str) -> None:
    """All sessions end but the one of that id. A wrong old password counts as a failed attempt to sign in.

    Raises Refused where the old password is wrong or the account waits, and where the new one is not to be had.
    """
    moment, account = entry.moment(), _account(entry, account_id)
    kept = new_password.hash_checked(entry, account, new, moment)
    with entry.database.read() as connection:
        had = KeptPassword(account_id, passwords.of_account(connection, account_id))
    is_right = entry.hashing.is_right(old, had.kept)

    def settle(connection: Connection) -> bool:
        entries.take_enabled(connection, account_id)
        if throttle.waits(connection, account_id, moment.at):
            return False
        if not is_right or not passwords.is_still(connection, had):
            throttle.fail(connection, account_id, moment.at)
            return False
        _replace_password(connection, entry, moment, account_id, kept, but=but, actor=actor)
        return True

    if not entry.database.write(settle):
        raise Refused("password: the old one is wrong, or there were too many attempts")


def change_code(entry: Entry, account_id: str, sealed: str, code: str, *, actor: str) -> tuple[str, ...]:
    """Another authenticator app beside the same password; returns new recovery codes.

    Raises Refused where the code is not of the secret that was proposed, and where there is no password.
    """
    moment = entry.moment()
    secret = second_factor.proposed(entry.key, account_id, sealed, moment.at)
    changed = (CredentialKind.SECOND_FACTOR, CredentialKind.RECOVERY_CODES)

    def settle(connection: Connection) -> tuple[str, ...]:
        _take_with_password(connection, account_id)
        codes = new_password.keep_second_factor(connection, entry, moment, account_id, secret, code)
        ways_in.log_removed(connection, moment, account_id, *changed, actor=actor)
        ways_in.log_added(connection, moment, account_id, *changed, actor=actor)
        return codes

    return entry.database.write(settle)


def new_recovery_codes(entry: Entry, account_id: str, *, actor: str) -> tuple[str, ...]:
    """They take the place of the old ones. Raises Refused where there is no password for them."""
    moment = entry.moment()

    def settle(connection: Connection) -> tuple[str, ...]:
        _take_with_password(connection, account_id)
        codes = recovery_codes.renew(connection, moment, account_id)
        ways_in.log_added(connection, moment, account_id, CredentialKind.RECOVERY_CODES, actor=actor)
        return codes

    return entry.database.write(settle)


def remove_password(entry: Entry, account_id: str, *, actor: str) -> None:
    """With second factor and recovery codes. Raises Refused where it is the last way in."""
    moment = entry.moment()

    def settle(connection: Connection) -> None:
        account = _take_with_password(connection, account_id)
        ways_in.forget_password(connection, account_id)
        ways_in.require_one(connection, account, entry.rules)
        ways_in.log_removed(connection, moment, account_id, *new_password.KINDS, actor=actor)

    entry.database.write(settle)


def bind_identity(entry: Entry, account_id: str, issuer: str, subject: str, *, actor: str) -> None:
    """For the person who comes back from the provider, or an administrator who names both. Bound already is fine.

    Raises Refused where the identity is another account's, or the account has another one of this issuer.
    """
    moment = entry.moment()

    def settle(connection: Connection) -> None:
        entries.take_enabled(connection, account_id)
        if identities.bind(connection, account_id, issuer, subject):
            ways_in.log_added(connection, moment, account_id, CredentialKind.IDENTITY, actor=actor)

    entry.database.write(settle)


def unbind_identity(entry: Entry, account_id: str, issuer: str, *, actor: str) -> None:
    """Raises Refused where it is the last way in, or there is none of this issuer."""
    moment = entry.moment()

    def settle(connection: Connection) -> None:
        account = entries.take_enabled(connection, account_id)
        if not identities.unbind(connection, account_id, issuer):
            raise Refused(f"account {account_id}: it has no identity of this issuer")
        ways_in.require_one(connection, account, entry.rules)
        ways_in.log_removed(connection, moment, account_id, CredentialKind.IDENTITY, actor=actor)

    entry.database.write(settle)


def _replace_password(
    connection: Connection, entry: Entry, moment: Moment, account_id: str, kept: str, *, but: str, actor: str
) -> None:
    because, changed = SessionEnd.PASSWORD_CHANGED, CredentialKind.PASSWORD
    passwords.save(connection, account_id, kept)
    throttle.clear(connection, account_id)
    ended = logged_sessions.end_all(connection, moment, account_id, because, limits=entry.rules.limits, but=but)
    ways_in.log_removed(connection, moment, account_id, changed, actor=actor)
    ways_in.log_added(connection, moment, account_id, changed, actor=actor)
    logged_sessions.log_ends(connection, moment, ended, because, actor=actor)


def _account(entry: Entry, account_id: str) -> Account:
    with entry.database.read() as connection:
        return accounts.existing(connection, account_id)


def _take_with_password(connection: Connection, account_id: str) -> Account:
    account = entries.take_enabled(connection, account_id)
    if not passwords.of_account(connection, account_id):
        raise Refused(f"account {account_id}: it has no password")
    return account
