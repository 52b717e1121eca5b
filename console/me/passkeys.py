"""A person's own passkeys: added, given another label, removed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from compliance.staff import credentials
from compliance.staff.entry import Entry
from console.entry import ceremony
from console.entry.fresh import is_recent, sign_in_again
from console.me.back import back_to_me
from console.viewer import viewer
from storage.errors import Refused


@dataclass(frozen=True)
class OwnPasskeys:
    entry: Entry
    now: Callable[[], datetime]

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "add_passkey_options": self.options,
            "add_passkey": self.add,
            "rename_passkey": self.rename,
            "remove_passkey": self.remove,
        }

    def options(self) -> Response:
        if not is_recent(self.now()):
            return Response('{"stop": "again"}\n', HTTPStatus.UNAUTHORIZED, content_type="application/json")
        return ceremony.begin(credentials.passkey_options(self.entry, viewer().account.id))

    def add(self) -> AnyResponse:
        account, response, label = viewer().account, request.form.get("response", ""), request.form.get("label", "")
        return self._do(
            lambda: credentials.add_passkey(
                self.entry, account.id, response, ceremony.challenge(), label, actor=account.name
            ),
            said="passkey_added",
            refused="passkey_refused",
        )

    def rename(self, passkey_id: str) -> AnyResponse:
        """No fresh sign-in is needed: a label opens nothing."""
        try:
            credentials.rename_passkey(self.entry, viewer().account.id, passkey_id, request.form.get("label", ""))
        except Refused:
            return back_to_me("label_refused")
        return back_to_me("passkey_renamed")

    def remove(self, passkey_id: str) -> AnyResponse:
        account = viewer().account
        return self._do(
            lambda: credentials.remove_passkey(self.entry, account.id, passkey_id, actor=account.name),
            said="passkey_removed",
            refused="last_way_in",
        )

    def _do(self, act: Callable[[], None], *, said: str, refused: str) -> AnyResponse:
        if away := sign_in_again(self.now(), "/me"):
            return away
        try:
            act()
        except Refused:
            return back_to_me(refused)
        return back_to_me(said)
