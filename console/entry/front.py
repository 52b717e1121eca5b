"""The page to sign in on, the first page after it, and leaving."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from console.viewer import viewer
from storage.database.engine import Database
from storage.log import consent_log
from storage.staff import sessions


@dataclass(frozen=True)
class Entry:
    database: Database
    now: Callable[[], datetime]

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {"enter": self.enter, "home": self.home, "leave": self.leave, "log": self.log}

    def enter(self) -> str:
        return render_template("enter.html")

    def home(self) -> Response:
        return redirect(url_for("log"), HTTPStatus.SEE_OTHER)

    def leave(self) -> Response:
        now, session_id = self.now(), viewer().session.id
        self.database.write(lambda connection: sessions.end(connection, session_id, now, "signed out"))
        return redirect(url_for("enter"), HTTPStatus.SEE_OTHER)

    def log(self) -> str:
        """The size and root of the log hold nothing personal: whoever writes them down can tell later whether history
        was changed.
        """
        with self.database.read() as connection:
            size, root = consent_log.size(connection), consent_log.root(connection)
        return render_template("log.html", size=size, root=root.hex())
