"""The first page after the entry, and the state of the consent log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from storage.database.engine import Database
from storage.log import consent_log


@dataclass(frozen=True)
class Front:
    database: Database

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {"home": self.home, "log": self.log}

    def home(self) -> Response:
        return redirect(url_for("log"), HTTPStatus.SEE_OTHER)

    def log(self) -> str:
        """The size and root of the log hold nothing personal: whoever writes them down can tell later whether history
        was changed.
        """
        with self.database.read() as connection:
            size, root = consent_log.size(connection), consent_log.root(connection)
        return render_template("log.html", size=size, root=root.hex())
