"""The entry to the console: the parts that signing in works with, and the ceremonies that browsers are asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from policies.sign_in import ConsoleRules
from storage.database.engine import Database
from storage.errors import Refused
from storage.moment import Moment
from storage.staff import ceremonies, challenges, passkeys, turns, used_once
from storage.staff.accounts import Account
from storage.staff.ceremonies import NewPasskey, RelyingParty
from storage.staff.passwords import Hashing


@dataclass(frozen=True)
class Entry:
    """`key` is the key file's `staff_key`; `rules` are the rulebook's of today. A process has one."""

    database: Database
    key: bytes = field(repr=False)
    party: RelyingParty
    rules: ConsoleRules
    moment: Callable[[], Moment] = Moment.now
    hashing: Hashing = field(default_factory=Hashing)


@dataclass(frozen=True, slots=True)
class Ceremony:
    """`options` is JSON for the browser. `challenge` is signed, good for five minutes, kept by the browser alone, and
    comes back with the response.
    """

    options: str
    challenge: str


def to_add_passkey(entry: Entry, account: Account) -> Ceremony:
    challenge, signed = challenges.issue(entry.key, challenges.to_add(account.id), entry.moment())
    with entry.database.read() as connection:
        known = [passkey.credential_id for passkey in passkeys.of_account(connection, account.id)]
    options = ceremonies.to_register(
        entry.party,
        challenge,
        account_id=account.id,
        name=account.name,
        display_name=account.display_name,
        known=known,
    )
    return Ceremony(options, signed)


def made_passkey(entry: Entry, account_id: str, response: str, signed: str, moment: Moment) -> tuple[NewPasskey, bytes]:
    """The passkey and its challenge. Raises Refused where the response does not hold."""
    challenge = challenges.read(entry.key, challenges.to_add(account_id), signed, moment.at)
    return ceremonies.registered(entry.party, response, challenge), challenge


def keep_passkey(
    connection: Connection, moment: Moment, account_id: str, made: tuple[NewPasskey, bytes], label: str
) -> None:
    """Raises Refused where the challenge made one before: a response that was seen by others must not come again."""
    passkey, challenge = made
    passkeys.add(connection, moment, account_id, passkey, label)
    if not used_once.use(connection, challenge, moment.at):
        raise Refused("passkey: the challenge was used before")


def take_enabled(connection: Connection, account_id: str) -> Account:
    """The account, locked. Raises Refused where it is disabled, or there is none."""
    account = turns.take(connection, account_id)
    if not account.is_enabled:
        raise Refused(f"account {account_id}: it is disabled")
    return account
