"""Single sign-on: to the identity provider and back, to sign in or to connect an identity with one's own account."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol

from flask import redirect, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from compliance.staff import sign_in
from compliance.staff.entry import Entry
from compliance.staff.logged_sessions import SignedIn
from compliance.staff.sign_in import Why
from console.cookies import forget, keep
from console.entry.attempts import ATTEMPT_COOKIE, LIFETIME, Attempt, Found, opened, sealed
from console.entry.begun import begun
from console.entry.sign_in import browser
from console.entry.way_back import FIRST_PAGE, to_sign_in, way_back
from console.guard import SESSION_COOKIE
from policies.identity import Begun, Identity
from storage.errors import Refused, Unavailable
from storage.staff import identities, used_once

log = logging.getLogger(__name__)

BACK = "/enter/sign-on/back"
"""The path of the redirect URI, which the provider knows."""


class IdentityProvider(Protocol):
    """Where a browser is sent to, and who came back from there. `name` is for people: the provider's host."""

    @property
    def name(self) -> str: ...

    def begin(self, now: datetime) -> Begun: ...

    def finish(self, begun: Begun, answer: Mapping[str, str], *, now: datetime) -> Identity: ...


@dataclass(frozen=True)
class SignOn:
    entry: Entry
    provider: IdentityProvider
    now: Callable[[], datetime]

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {"sign_on": self.begin, "sign_on_back": self.come_back}

    def begin(self) -> Response:
        return self.send_out(account="", back=way_back(request.args.get("next", "")))

    def send_out(self, *, account: str, back: str) -> Response:
        """To the provider, with an attempt that this browser keeps."""
        now = self.now()
        try:
            sent = self.provider.begin(now)
        except (Unavailable, Refused) as error:
            log.warning("no single sign-on was begun: %s", error)
            return to_sign_in(back, "unreachable")
        attempt = Attempt(sent.state, sent.nonce, sent.code_verifier, account, back)
        answer = redirect(sent.url, HTTPStatus.SEE_OTHER)
        keep(answer, ATTEMPT_COOKIE, sealed(self.entry.key, attempt, now), lasts=LIFETIME)
        return answer

    def come_back(self) -> Response:
        """The page itself is elsewhere: no code stays in an address bar. All failures have the same words."""
        now = self.now()
        attempt = opened(self.entry.key, Attempt, request.cookies.get(ATTEMPT_COOKIE, ""), now)
        identity = self._identity(attempt, now) if attempt else None
        if attempt is None or identity is None:
            return _turned_away(attempt)
        if attempt.account:
            return self._to_be_confirmed(attempt, identity, now)
        return self._sign_in(attempt, identity, now)

    def _identity(self, attempt: Attempt, now: datetime) -> Identity | None:
        sent = Begun("", attempt.state, attempt.nonce, attempt.code_verifier)
        try:
            return self.provider.finish(sent, request.args.to_dict(), now=now)
        except (Unavailable, Refused) as error:
            log.warning("a single sign-on failed: %s", error)
            return None

    def _sign_in(self, attempt: Attempt, identity: Identity, now: datetime) -> Response:
        if not self._is_first(attempt, identity, now):
            return _turned_away(attempt)
        done = sign_in.by_identity(
            self.entry,
            identity.issuer,
            identity.subject,
            acr=identity.acr,
            browser=browser(),
            old_token=request.cookies.get(SESSION_COOKIE, ""),
        )
        if not isinstance(done, SignedIn):
            return _turned_away(attempt, "needs_passkey" if done.why is Why.NEEDS_PASSKEY else "not_let_in")
        answer = begun(redirect(way_back(attempt.back), HTTPStatus.SEE_OTHER), done)
        forget(answer, ATTEMPT_COOKIE)
        return answer

    def _is_first(self, attempt: Attempt, identity: Identity, now: datetime) -> bool:
        """An identity that is no account's leaves nothing behind: anybody at the provider may have one."""

        def note(connection: Connection) -> bool:
            is_known = identities.account_of(connection, identity.issuer, identity.subject) is not None
            return is_known and used_once.use(connection, attempt.state.encode(), now)

        return self.entry.database.write(note)

    def _to_be_confirmed(self, attempt: Attempt, identity: Identity, now: datetime) -> Response:
        shown = identity.email or identity.name or identity.subject
        found = Found(identity.issuer, identity.subject, shown, attempt.account, attempt.state)
        answer = redirect(url_for("connect"), HTTPStatus.SEE_OTHER)
        keep(answer, ATTEMPT_COOKIE, sealed(self.entry.key, found, now), lasts=LIFETIME)
        return answer


def _turned_away(attempt: Attempt | None, because: str = "not_let_in") -> Response:
    is_to_connect = attempt is not None and attempt.account
    answer = (
        redirect(url_for("me", said="not_connected"), HTTPStatus.SEE_OTHER)
        if is_to_connect
        else to_sign_in(attempt.back if attempt else FIRST_PAGE, because)
    )
    forget(answer, ATTEMPT_COOKIE)
    return answer
