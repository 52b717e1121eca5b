"""The common parts of all REST requests: authentication, errors, and pages of lists."""

import hmac
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Response, current_app, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from simulator.errors import RestError
from simulator.exchange import Exchange

T = TypeVar("T")

PREFIX = "/2010-04-01/Accounts/<account>"
PAGE_SIZE, PAGE_SIZE_MAX = 50, 1000
_FAULT_CODES = {429: 20429, 500: 20500, 503: 20503}


class Sid(BaseConverter):
    """A SID in a URL. Any other form is not found, as at Twilio."""

    regex = r"(?:[A-Z]{2}[0-9a-f]{32}|Twilio\.CURRENT)"


def exchange() -> Exchange:
    found: Exchange = current_app.extensions["exchange"]
    return found


def not_found() -> RestError:
    return RestError(HTTPStatus.NOT_FOUND, 20404, f"The requested resource {request.path} was not found")


def authenticate() -> None:
    """AC and the auth token, or SK and its secret. Every request needs either, also for media.

    Raises RestError. The faults of REST requests happen here.
    """
    config, given = exchange().config, request.authorization
    secrets = {config.account_sid: config.auth_token, **config.api_keys}
    expected = secrets.get(given.username or "", "") if given else ""
    sent = (given.password or "") if given else ""
    if not expected or not hmac.compare_digest(expected.encode(), sent.encode()):
        raise RestError(HTTPStatus.UNAUTHORIZED, 20003, "Authenticate")
    if (request.view_args or {}).get("account", config.account_sid) != config.account_sid:
        raise not_found()
    rest_faults = exchange().faults.rest
    if rest_faults.next > 0:
        rest_faults.next -= 1
        raise RestError(rest_faults.status, _FAULT_CODES.get(rest_faults.status, 20500), "as was asked for")


def date_answer(response: Response) -> Response:
    """The Date header is by Twilio's clock, as every time in an answer."""
    response.date = exchange().shifted(exchange().clock.now())
    return response


def answer_error(error: RestError) -> Response:
    body = {
        "code": error.code,
        "message": error.message,
        "more_info": f"https://www.twilio.com/docs/errors/{error.code}",
        "status": error.status,
    }
    response = jsonify(body)
    response.status_code = error.status
    if error.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
    return response


def answer_http_error(error: HTTPException) -> Response:
    """A URL or a method that does not exist here."""
    if error.code == HTTPStatus.METHOD_NOT_ALLOWED:
        return answer_error(RestError(HTTPStatus.METHOD_NOT_ALLOWED, 20004, "Method not allowed"))
    if error.code == HTTPStatus.NOT_FOUND:
        return answer_error(not_found())
    return answer_error(RestError(error.code or 500, 20500, error.name))


def page(key: str, items: Sequence[T], show: Callable[[T], dict[str, Any]]) -> Response:
    """A page of a list, newest first, with the links that the client follows."""
    size = min(_positive("PageSize", PAGE_SIZE), PAGE_SIZE_MAX) or PAGE_SIZE
    number = _positive("Page", 0)
    start = number * size
    shown = items[start : start + size]
    has_next = start + size < len(items)
    return jsonify({
        key: [show(item) for item in shown],
        "page": number,
        "page_size": size,
        "start": start,
        "end": max(start, start + len(shown) - 1),
        "uri": _page_uri(number, size),
        "first_page_uri": _page_uri(0, size),
        "next_page_uri": _page_uri(number + 1, size) if has_next else None,
        "previous_page_uri": _page_uri(number - 1, size) if number else None,
    })  # fmt: skip


def is_within_dates(name: str, moment: datetime) -> bool:
    """Whether the request's filters of this name (`Name`, `Name<`, `Name>`) let a moment through, by Twilio's clock."""
    moment = exchange().shifted(moment)
    for mark in ("", "<", ">"):
        text = request.args.get(name + mark)
        if not text:
            continue
        limit = datetime.fromisoformat(text)
        limit = limit if limit.tzinfo else limit.replace(tzinfo=UTC)
        fits = {"": moment.date() == limit.date(), "<": moment <= limit, ">": moment >= limit}
        if not fits[mark]:
            return False
    return True


def _positive(name: str, default: int) -> int:
    text = request.args.get(name, "")
    return int(text) if text.isdigit() else default


def _page_uri(number: int, size: int) -> str:
    kept = {k: v for k, v in request.args.items() if k not in ("Page", "PageSize", "PageToken")}
    return f"{request.path}?{urlencode({**kept, 'PageSize': size, 'Page': number})}"
