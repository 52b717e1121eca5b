"""The page of the keys: the table, a person's own keys, and the switch that keeps them from doing anything."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from console.keyboard import ACTIONS, FIXED, KEY_MAX, Keyboard, read_key
from console.language import gettext
from console.personal_settings import PersonalSettings
from console.viewer import viewer
from storage.database.engine import Database
from storage.staff import accounts


@dataclass(frozen=True)
class KeysPage:
    database: Database

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {"keys": self.page, "keys_save": self.save}

    def page(self) -> str:
        said = gettext("Your keys are saved.") if "saved" in request.args else ""
        return _page(viewer().settings, said=said)

    def save(self) -> Response | tuple[str, int]:
        """Keys that make sense are saved, also where others of the form do not."""
        wishes, account_id = read_wishes(request.form), viewer().account.id

        def change(connection: Connection) -> PersonalSettings:
            held = PersonalSettings.read(accounts.existing(connection, account_id).settings)
            changed = held.changed(wishes)
            accounts.save_settings(connection, account_id, changed.write())
            return changed

        changed = self.database.write(change)
        problems = [] if "usual" in request.form else list(problems_of(request.form, changed))
        if not problems:
            return redirect(url_for("keys", saved=""), 303)
        return _page(changed, problems=problems, written=request.form), 422


def read_wishes(form: MultiDict[str, str]) -> dict[str, Any]:
    """Fields are named as actions are. A box that is not ticked is not sent."""
    if "usual" in form:
        return {"keys": {}}
    keys = {each.name: key for each in ACTIONS if (key := read_key(form.get(each.name, "")))}
    return {"keys": keys, "single_keys": "single_keys" in form}


def problems_of(form: MultiDict[str, str], settings: PersonalSettings) -> Iterator[str]:
    """Keys of the form that were not taken, and why, in words."""
    keyboard = Keyboard.of(settings)
    for each in ACTIONS:
        written = form.get(each.name, "").strip()
        key = read_key(written)
        if written and key is None:
            yield gettext("%(key)s is no key that can be used.") % {"key": written[:KEY_MAX]}
        elif key and key not in keyboard[each.name].keys:
            yield gettext("%(key)s is another action's already.") % {"key": key}


def _page(settings: PersonalSettings, **more: Any) -> str:
    given = {"said": "", "problems": [], "written": settings.keys, **more}
    return render_template("keys/keys.html", keyboard=Keyboard.of(settings), fixed=FIXED, key_max=KEY_MAX, **given)
