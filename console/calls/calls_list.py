"""The list of calls: every call is a row, recorded or not. Filters stand in the URL, and can be saved under a name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from flask import abort, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from console import words
from console.calls import filter_form
from console.calls.filter_form import SAVED, Choices, FilterForm, line_name
from console.sealed_value import Sealed
from console.sentences import translated
from console.viewer import Viewer, viewer
from policies.jurisdiction.pack import packaged_law
from policies.permissions import Act
from policies.rules import Rulebook
from storage.database.engine import Database
from storage.errors import Refused
from storage.moment import Moment
from storage.number_hash import number_hash
from storage.rows import call_pages, listing_projection
from storage.rows.call_pages import Cursor
from storage.staff import accounts, saved_filters

PAGE_SIZE = 50


@dataclass(frozen=True)
class CallsList:
    database: Database
    rulebook: Rulebook
    number_hash_key: bytes = field(repr=False)
    now: Callable[[], datetime]

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "calls": self.list,
            "calls_of_number": self.search,
            "filter_saved": self.save,
            "filter_forgotten": self.forget,
        }

    def list(self) -> str:
        return self._page(viewer())

    def search(self) -> Response | tuple[str, HTTPStatus]:
        """By a caller's number, which goes no further than this request: the list's URL holds its sealed hash."""
        written = request.form.get("number", "")
        digits = "".join(letter for letter in written if letter not in " -().\u00a0/")
        found = number_hash(self.number_hash_key, digits)
        if found is None:
            return self._page(viewer(), number=written[:40]), HTTPStatus.UNPROCESSABLE_ENTITY
        sealed = Sealed(viewer().token).closed(found)
        return redirect(url_for("calls", caller=sealed), HTTPStatus.SEE_OTHER)

    def save(self) -> Response | tuple[str, HTTPStatus]:
        somebody, moment = viewer(), Moment(self.now())
        with self.database.read() as connection:
            form = filter_form.read(request.form, self._choices(connection, somebody), somebody.zone, _sealed(somebody))
        query = urlencode({name: form.values[name] for name in SAVED if name in form.values})
        name = request.form.get("name", "").strip()
        try:
            self.database.write(
                lambda connection: saved_filters.save(connection, moment, somebody.account.id, name, query)
            )
        except Refused:
            return self._page(somebody, not_saved=name), HTTPStatus.UNPROCESSABLE_ENTITY
        return redirect(f"{url_for('calls')}?{query}", HTTPStatus.SEE_OTHER)

    def forget(self, filter_id: str) -> Response:
        mine = viewer().account.id
        if not self.database.write(lambda connection: saved_filters.forget(connection, mine, filter_id)):
            abort(HTTPStatus.NOT_FOUND)
        return redirect(url_for("calls"), HTTPStatus.SEE_OTHER)

    def _page(self, somebody: Viewer, *, number: str | None = None, not_saved: str | None = None) -> str:
        """`number` is what was written for one and is none, `not_saved` the name under which a filter was not saved."""
        given = request.args if not_saved is None else request.form
        with self.database.read() as connection:
            choices = self._choices(connection, somebody)
            form = filter_form.read(given, choices, somebody.zone, _sealed(somebody))
            after = filter_form.read_cursor(request.args.get("after", ""))
            found = call_pages.page(connection, form.filters, somebody.reach, after, now=self.now(), size=PAGE_SIZE)
            as_of = listing_projection.as_of(connection)
            saved = saved_filters.of(connection, somebody.account.id)
        return render_template(
            "calls/list.html",
            form=form,
            choices=choices,
            found=found,
            next_url=_next_url(form, found.next) if found.next else "",
            is_first=after is None,
            as_of=as_of,
            saved=saved,
            number=number,
            not_saved=not_saved,
            longest_name=saved_filters.NAME_MAX,
            most_filters=saved_filters.MOST,
            may_hear=somebody.may(Act.HEAR),
            **_options(choices),
        )

    def _choices(self, connection: Connection, somebody: Viewer) -> Choices:
        lines = tuple(line.number for line in self.rulebook.lines)
        within = lines if somebody.reach.everywhere or somebody.reach.addresses else ()
        mine = within or tuple(line for line in lines if line in somebody.reach.lines)
        languages = sorted({language for line in self.rulebook.lines for language in line.languages})
        places = {code: place.name for code, place in packaged_law().jurisdictions.items()}
        return Choices(mine, tuple(languages), places, _agents(connection, somebody))


def _agents(connection: Connection, somebody: Viewer) -> dict[str, tuple[str, str]]:
    """The phones of the people who take calls, as far as the viewer reaches their calls."""
    reached = somebody.reach
    return {
        f"{account.id}-{number}": (account.display_name, address)
        for account in accounts.everybody(connection)
        for number, address in enumerate(sorted(account.addresses), 1)
        if reached.everywhere or reached.lines or address in reached.addresses
    }


def _options(choices: Choices) -> dict[str, object]:
    """The values of each filter with their words."""
    return {
        "outcome_words": words.outcomes(),
        "audio_words": words.audio(),
        "line_options": [(line_name(line), line) for line in choices.lines],
        "outcome_options": words.outcomes().items(),
        "audio_options": words.audio().items(),
        "place_options": [(code, translated(name)) for code, name in choices.places.items()],
        "mode_options": words.modes().items(),
        "language_options": [(tag, words.language(tag)) for tag in choices.languages],
        "agent_options": [(name, person) for name, (person, _) in choices.agents.items()],
        "due_options": [(str(days), words.due(days)) for days in filter_form.DUE_DAYS],
    }


def _sealed(somebody: Viewer) -> Sealed | None:
    """None for whoever may no longer search by number: a link from before their role was changed finds nobody."""
    return Sealed(somebody.token) if somebody.may(Act.SEARCH_NUMBER) else None


def _next_url(form: FilterForm, after: Cursor) -> str:
    return f"{url_for('calls')}?{urlencode({**form.values, 'after': filter_form.write_cursor(after)})}"
