"""A person's own settings of the console: by a form for people, and as JSON for the player."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any
from zoneinfo import available_timezones

from flask import Response, request
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from console.me.back import back_to_me
from console.personal_settings import PersonalSettings
from console.viewer import viewer
from storage.database.engine import Database
from storage.staff import accounts


@dataclass(frozen=True)
class OwnSettings:
    database: Database

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {"save_settings": self.save}

    def save(self) -> AnyResponse:
        """A wish that makes no sense is left out; JSON is answered by the settings as they are then."""
        if not request.is_json:
            self._change(of_form(request.form))
            return back_to_me("settings_saved")
        wishes = request.get_json(silent=True)
        if not isinstance(wishes, dict):
            return Response('{"error": "not an object"}\n', HTTPStatus.BAD_REQUEST, content_type="application/json")
        return Response(self._change(wishes).write(), content_type="application/json")

    def _change(self, wishes: Mapping[str, Any]) -> PersonalSettings:
        account_id = viewer().account.id

        def change(connection: Connection) -> PersonalSettings:
            held = PersonalSettings.read(accounts.existing(connection, account_id).settings)
            changed = held.changed(wishes)
            accounts.save_settings(connection, account_id, changed.write())
            return changed

        return self.database.write(change)


def of_form(form: MultiDict[str, str]) -> dict[str, Any]:
    """The wishes of the form. A box that is not ticked is not sent; volumes are in per cent there."""
    wishes: dict[str, Any] = {
        "language": form.get("language"),
        "time_zone": form.get("time_zone"),
        "speed": form.get("speed", type=float),
        "skips_silence": "skips_silence" in form,
        "single_keys": "single_keys" in form,
    }
    volumes = [form.get(name, type=int) for name in ("volume_caller", "volume_agent")]
    wishes["volumes"] = [volume / 100 for volume in volumes if volume is not None and 0 <= volume <= 100]
    return {**wishes, "keys": {}} if "usual_keys" in form else wishes


@cache
def time_zones() -> tuple[str, ...]:
    """By the names of IANA; those that are only files of a system are left out."""
    return tuple(sorted(name for name in available_timezones() if "/" in name or name == "UTC"))
