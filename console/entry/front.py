"""The first page after the entry, and the state of the consent log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from console.viewer import viewer
from policies.permissions import Act
from storage.database.engine import Database
from storage.log import consent_log


@dataclass(frozen=True)
class Front:
    """Without `has_list` there is no list of calls to begin with."""

    database: Database
    has_list: bool

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {"home": self.home, "log": self.log}

    def home(self) -> Response:
        first = "calls" if self.has_list and viewer().may(Act.LIST_CALLS) else "log"
        return redirect(url_for(first), HTTPStatus.SEE_OTHER)

    def log(self) -> str:
        """The size and root of the log hold nothing personal: whoever writes them down can tell later whether history
        was changed.
        """
        with self.database.read() as connection:
            size, root = consent_log.size(connection), consent_log.root(connection)
        return render_template("log.html", size=size, root=root.hex())
