"""The credentials of an account, all kinds of them together, and the ways in that they make."""

from dataclasses import dataclass

from sqlalchemy import Connection

from evidence.events import Event
from policies.sessions import SignedInBy
from policies.sign_in import ConsoleRules, CredentialKind, may_sign_in
from storage.errors import Refused
from storage.moment import Moment
from storage.staff import accounts, identities, passkeys, passwords, recovery_codes, second_factor, throttle
from storage.staff.accounts import Account
from storage.staff.identities import BoundIdentity
from storage.staff.passkeys import Passkey


@dataclass(frozen=True, slots=True)
class Held:
    """All that an account signs in with."""

    passkeys: tuple[Passkey, ...]
    has_password: bool
    has_second_factor: bool
    codes_left: int
    identities: tuple[BoundIdentity, ...]

    @property
    def ways(self) -> frozenset[SignedInBy]:
        """A password is none without its second factor."""
        made = {
            SignedInBy.PASSKEY: bool(self.passkeys),
            SignedInBy.PASSWORD: self.has_password and self.has_second_factor,
            SignedInBy.SINGLE_SIGN_ON: bool(self.identities),
        }
        return frozenset(by for by, is_made in made.items() if is_made)


def held(connection: Connection, account_id: str) -> Held:
    return Held(
        tuple(passkeys.of_account(connection, account_id)),
        bool(passwords.of_account(connection, account_id)),
        second_factor.has(connection, account_id),
        recovery_codes.left(connection, account_id),
        tuple(identities.of_account(connection, account_id)),
    )


def require_one(connection: Connection, account: Account, rules: ConsoleRules) -> None:
    """Raises Refused where nothing is left by which the account's role may sign in, whatever a provider will say of a
    single sign-on.
    """
    left = held(connection, account.id).ways
    if not any(may_sign_in(account.role, by, rules.passkey_roles) for by in left):
        raise Refused(f"account {account.id}: it would have no way in any more")


def require_password_way(account: Account, rules: ConsoleRules) -> None:
    if not may_sign_in(account.role, SignedInBy.PASSWORD, rules.passkey_roles):
        raise Refused(f"account {account.id}: its role signs in with a passkey")


def remove_all(connection: Connection, account_id: str) -> list[CredentialKind]:
    """Remove every credential; returns the kind of each."""
    had = held(connection, account_id)
    passkeys.remove_all(connection, account_id)
    identities.unbind_all(connection, account_id)
    forget_password(connection, account_id)
    throttle.clear(connection, account_id)
    return [
        *[CredentialKind.PASSKEY] * len(had.passkeys),
        *[CredentialKind.IDENTITY] * len(had.identities),
        *_kinds_with_password(had),
    ]


def forget_password(connection: Connection, account_id: str) -> None:
    """With all that is worth nothing without it."""
    passwords.forget(connection, account_id)
    second_factor.forget(connection, account_id)
    recovery_codes.forget(connection, account_id)


def _kinds_with_password(had: Held) -> list[CredentialKind]:
    kinds = {
        CredentialKind.PASSWORD: had.has_password,
        CredentialKind.SECOND_FACTOR: had.has_second_factor,
        CredentialKind.RECOVERY_CODES: bool(had.codes_left),
    }
    return [kind for kind, is_held in kinds.items() if is_held]


def log_added(connection: Connection, moment: Moment, account_id: str, *kinds: CredentialKind, actor: str) -> None:
    for kind in kinds:
        event = Event("staff.credential_added", {"account": account_id, "kind": kind.value}, {"actor": actor})
        accounts.log(connection, moment, event)


def log_removed(connection: Connection, moment: Moment, account_id: str, *kinds: CredentialKind, actor: str) -> None:
    for kind in kinds:
        event = Event("staff.credential_removed", {"account": account_id, "kind": kind.value}, {"actor": actor})
        accounts.log(connection, moment, event)
