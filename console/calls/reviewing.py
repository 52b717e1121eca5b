"""The button by which a reviewer says that they have reviewed a call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import redirect, url_for
from werkzeug.wrappers import Response

from console.viewer import viewer
from storage.database.engine import Database
from storage.moment import Moment
from storage.rows import reviews


@dataclass(frozen=True)
class Reviewing:
    database: Database
    now: Callable[[], datetime]

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {"review": self.mark}

    def mark(self, call_id: str) -> Response:
        """Twice is the same as once."""
        moment, account = Moment(self.now()), viewer().account
        self.database.write(
            lambda connection: reviews.mark(connection, moment, call_id, staff_id=account.id, actor=account.name)
        )
        return redirect(url_for("call", call_id=call_id, _anchor="reviewed"), HTTPStatus.SEE_OTHER)
