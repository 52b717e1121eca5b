"""A new password together with its second factor and its recovery codes."""

from dataclasses import dataclass, field

from sqlalchemy import Connection

from compliance.staff import ways_in
from compliance.staff.entry import Entry
from policies.passwords import fault_of_password
from policies.sign_in import CredentialKind
from storage.errors import Refused
from storage.moment import Moment
from storage.staff import passwords, recovery_codes, second_factor
from storage.staff.accounts import Account
from storage.staff.second_factor import Proposal

WRONG_CODE = "second factor: the code is wrong"


@dataclass(frozen=True, slots=True)
class NewPassword:
    """`kept` is the password's hash, `secret` that of the app whose code the person has typed."""

    kept: str = field(repr=False)
    secret: bytes = field(repr=False)
    code: str = field(repr=False)


def propose(entry: Entry, account: Account) -> Proposal:
    return second_factor.propose(entry.key, account.id, account.name, entry.moment())


def propose_again(entry: Entry, account: Account, sealed: str) -> Proposal:
    """The same secret once more. Raises Refused where it was not proposed to the account, or too long ago."""
    return second_factor.propose_again(entry.key, account.id, account.name, sealed, entry.moment().at)


def read(entry: Entry, account: Account, password: str, sealed: str, code: str, moment: Moment) -> NewPassword:
    """Raises Refused for a password that is not to be had, or a secret that was not proposed. Slow."""
    secret = second_factor.proposed(entry.key, account.id, sealed, moment.at)
    return NewPassword(hash_checked(entry, account, password, moment), secret, code)


def hash_checked(entry: Entry, account: Account, password: str, moment: Moment) -> str:
    """The hash of a password that the account may have. Raises Refused for any other. Slow."""
    fault = fault_of_password(password, account.name, account.display_name)
    if fault is not None:
        raise Refused(f"password: {fault}")
    return entry.hashing.hash_of(password, moment.random)


def keep(connection: Connection, entry: Entry, moment: Moment, account: Account, new: NewPassword) -> tuple[str, ...]:
    """The recovery codes. Raises Refused where the code is wrong, the role may not, or there is a password."""
    ways_in.require_password_way(account, entry.rules)
    if passwords.of_account(connection, account.id):
        raise Refused(f"account {account.id}: it has a password; change that")
    codes = keep_second_factor(connection, entry, moment, account.id, new.secret, new.code)
    passwords.save(connection, account.id, new.kept)
    return codes


def keep_second_factor(
    connection: Connection, entry: Entry, moment: Moment, account_id: str, secret: bytes, code: str
) -> tuple[str, ...]:
    """The recovery codes. Raises Refused where the code is not of this secret."""
    if not second_factor.take_of(connection, account_id, secret, code, moment.at):
        raise Refused(WRONG_CODE)
    second_factor.save(connection, entry.key, account_id, secret, moment)
    return recovery_codes.renew(connection, moment, account_id)


KINDS = (CredentialKind.PASSWORD, CredentialKind.SECOND_FACTOR, CredentialKind.RECOVERY_CODES)
