"""The page of a person's own account: how they sign in, where they are signed in, and how the console behaves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import render_template, request

from compliance.staff import credentials
from compliance.staff.entry import Entry
from console.entry.fresh import is_recent
from console.me.session_words import browser_of, way_of
from console.me.settings import time_zones
from console.personal_settings import SPEED_MAX, SPEED_MIN
from console.staff.words import scope_of, words_of
from console.viewer import viewer
from policies.sessions import SignedInBy
from policies.sign_in import may_sign_in
from storage.staff import sessions
from storage.staff.passkeys import LABEL_LENGTH_MAX


@dataclass(frozen=True)
class OwnAccount:
    """`sign_on` is the name of the identity provider; empty where there is none."""

    entry: Entry
    sign_on: str
    now: Callable[[], datetime]

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {"me": self.page}

    def page(self) -> str:
        person, now = viewer(), self.now()
        with self.entry.database.read() as connection:
            living = sessions.of_account(connection, person.account.id, now, self.entry.rules.limits)
        return render_template(
            "me/me.html",
            role=words_of(person.account.role),
            scope=scope_of(person.account.role, person.account.scope),
            browser_of=browser_of,
            way_of=way_of,
            held=credentials.held(self.entry, person.account.id),
            sessions=living,
            is_recent=is_recent(now),
            may_have_password=may_sign_in(person.account.role, SignedInBy.PASSWORD, self.entry.rules.passkey_roles),
            sign_on=self.sign_on,
            said=request.args.get("said", ""),
            time_zones=time_zones(),
            speeds=(SPEED_MIN, SPEED_MAX),
            label_length_max=LABEL_LENGTH_MAX,
        )
