"""The welcome of a person by a link: what they set up first, and their first session, in one transaction.

So a link is used up exactly when its account can be signed in to.
"""

from dataclasses import dataclass, field

from sqlalchemy import Connection

from compliance.staff import entry as entries
from compliance.staff import logged_sessions, new_password, ways_in
from compliance.staff.entry import Ceremony, Entry
from compliance.staff.logged_sessions import Browser, SignedIn
from policies.sessions import SignedInBy
from policies.sign_in import CredentialKind
from storage.errors import Refused
from storage.moment import Moment
from storage.staff import accounts, links
from storage.staff.accounts import Account
from storage.staff.second_factor import Proposal

_SPENT = "link: it opens nothing any more"


@dataclass(frozen=True, slots=True)
class WithCodes:
    """`recovery_codes` are shown once, and kept nowhere."""

    signed_in: SignedIn
    recovery_codes: tuple[str, ...] = field(repr=False)


def account_of(entry: Entry, link: str) -> Account | None:
    """The account that a link opens; None where it opens none, any more. Looking does not use it up."""
    now = entry.moment().at
    with entry.database.read() as connection:
        account_id = links.account_of(connection, link, now)
        return None if account_id is None else accounts.existing(connection, account_id)


def passkey_options(entry: Entry, link: str) -> Ceremony:
    """Raises Refused where the link opens nothing, as the others do."""
    return entries.to_add_passkey(entry, _opened(entry, link))


def with_passkey(
    entry: Entry, link: str, response: str, challenge: str, label: str, *, browser: str, old_token: str = ""
) -> SignedIn:
    """Raises Refused where the response does not hold."""
    moment, account = entry.moment(), _opened(entry, link)
    made = entries.made_passkey(entry, account.id, response, challenge, moment)

    def settle(connection: Connection) -> SignedIn:
        _use(connection, account, link, moment)
        entries.keep_passkey(connection, moment, account.id, made, label)
        begun = logged_sessions.begin(
            connection, moment, account, SignedInBy.PASSKEY, Browser(browser, old_token), entry.rules.limits
        )
        ways_in.log_added(connection, moment, account.id, CredentialKind.PASSKEY, actor=account.name)
        return logged_sessions.log_begin(connection, moment, begun)

    return entry.database.write(settle)


def propose_code(entry: Entry, link: str) -> Proposal:
    return new_password.propose(entry, _opened(entry, link))


def propose_again(entry: Entry, link: str, sealed: str) -> Proposal:
    """The same secret once more. Raises Refused where it was not proposed to the account, or too long ago."""
    return new_password.propose_again(entry, _opened(entry, link), sealed)


def with_password(
    entry: Entry, link: str, password: str, sealed: str, code: str, *, browser: str, old_token: str = ""
) -> WithCodes:
    """Raises Refused where the password is not to be had, the code is wrong, or the role signs in with passkeys."""
    moment, account = entry.moment(), _opened(entry, link)
    ways_in.require_password_way(account, entry.rules)
    new = new_password.read(entry, account, password, sealed, code, moment)

    def settle(connection: Connection) -> WithCodes:
        _use(connection, account, link, moment)
        codes = new_password.keep(connection, entry, moment, account, new)
        begun = logged_sessions.begin(
            connection, moment, account, SignedInBy.PASSWORD, Browser(browser, old_token), entry.rules.limits
        )
        ways_in.log_added(connection, moment, account.id, *new_password.KINDS, actor=account.name)
        return WithCodes(logged_sessions.log_begin(connection, moment, begun), codes)

    return entry.database.write(settle)


def _opened(entry: Entry, link: str) -> Account:
    account = account_of(entry, link)
    if account is None:
        raise Refused(_SPENT)
    return account


def _use(connection: Connection, account: Account, link: str, moment: Moment) -> None:
    entries.take_enabled(connection, account.id)
    if not links.redeem(connection, link, moment.at):
        raise Refused(_SPENT)
