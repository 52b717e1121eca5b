"""The present session, for the page's own script: when it ends, and that somebody is still there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from flask import Response, jsonify

from console.request_forgery import form_token
from console.times import when
from console.viewer import viewer
from policies.sessions import Limits


@dataclass(frozen=True)
class PresentSession:
    limits: Limits
    now: Callable[[], datetime]

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {"session": self.present, "stay": self.stay}

    def present(self) -> Response:
        """With the token that forms carry, for a page that was loaded in an earlier session of the same person."""
        person = viewer()
        ends_at = person.session.dies_at(self.limits)
        return jsonify(
            left_ms=(ends_at - self.now()) // timedelta(milliseconds=1),
            ends_at=when(ends_at),
            can_stay=ends_at < person.session.ends_at,
            account=person.account.id,
            csrf_token=form_token(person.token),
        )

    def stay(self) -> Response:
        """The guard has noted by now that somebody is there."""
        return Response(status=HTTPStatus.NO_CONTENT)
