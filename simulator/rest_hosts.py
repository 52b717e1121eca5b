"""REST: the common parts of Twilio's other hosts: refusals, errors, and pages of lists.

Twilio's hosts differ in their paths, so one server stands for all of them. The older ones write names_like_this, page
by number and answer errors as the first API does. The newer ones write namesLikeThis, page by token and answer errors
as RFC 9457 has it, which is assumed from the classes of Twilio's client. So are three codes: Twilio publishes none for
a permission that a key lacks, for a service that an account does not have, and for a filter that cannot be read.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request

from simulator.account_services import LOST, NO_SERVICE
from simulator.errors import RestError
from simulator.rest import PAGE_SIZE, PAGE_SIZE_MAX, answer_error, exchange, moment_of, not_found
from simulator.texts import Text
from simulator.whole_numbers import whole_number

T = TypeVar("T")

MISSING_PERMISSION, SERVICE_MISSING = 70051, 20403
_CODES = {403: MISSING_PERMISSION, 404: 20404, 405: 20004, 429: 20429, 503: 20503}
_FIRST_API = "/2010-04-01/"


def new_host(name: str, prefix: str) -> Blueprint:
    """A blueprint for resources of a newer host."""
    blueprint = Blueprint(name, __name__, url_prefix=prefix)
    blueprint.register_error_handler(RestError, answer_problem)
    return blueprint


def answer_problem(error: RestError) -> Response:
    """The error as RFC 9457 has it."""
    response = answer_error(error)
    problem = {
        "type": f"https://www.twilio.com/docs/errors/{error.code}",
        "title": error.message,
        "status": error.status,
        "code": error.code,
        "detail": error.message,
        "instance": request.path,
    }
    answer = jsonify(problem)
    answer.status_code, answer.content_type = error.status, "application/problem+json"
    if challenge := response.headers.get("WWW-Authenticate"):
        answer.headers["WWW-Authenticate"] = challenge
    return answer


def admit(kind: str, operation: str) -> None:
    """Raises RestError where the account's services refuse this operation on this kind."""
    refused = exchange().services.refusal(kind, operation)
    if refused == NO_SERVICE:
        raise RestError(HTTPStatus.NOT_FOUND, SERVICE_MISSING, "The service is not available for this account")
    if isinstance(refused, int):
        raise refusal(refused)


def refusal(status: int) -> RestError:
    code = (
        20003 if status == HTTPStatus.FORBIDDEN and request.path.startswith(_FIRST_API) else _CODES.get(status, 20500)
    )
    return RestError(status, code, HTTPStatus(status).phrase)


def find(kind: str, sid: str, operation: str = "get") -> Text:
    """A text of a kind. Raises RestError where it is refused, deleted or of another kind."""
    admit(kind, operation)
    text = exchange().texts.find(kind, sid)
    if text is None:
        raise not_found()
    return text


def delete(kind: str, sid: str) -> tuple[str, int]:
    """Delete a text at once. Where its answer is to be lost, it is deleted all the same."""
    text = find(kind, sid, "delete")
    exchange().texts.delete(text)
    if exchange().services.refusal(kind, "delete") == LOST:
        raise refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
    return "", HTTPStatus.NO_CONTENT


def numbered_page(key: str, rows: Sequence[T], show: Callable[[T], dict[str, Any]]) -> Response:
    """A page of an older host. `Page` counts from 0."""
    size, number = _size("PageSize"), _number("Page")
    has_next = (number + 1) * size < len(rows)
    meta = {
        "key": key,
        "page": number,
        "page_size": size,
        "url": _page_url(number, size),
        "first_page_url": _page_url(0, size),
        "previous_page_url": _page_url(number - 1, size) if number else None,
        "next_page_url": _page_url(number + 1, size) if has_next else None,
    }
    return jsonify({"meta": meta, key: [show(row) for row in rows[number * size : (number + 1) * size]]})


def token_page(key: str, rows: Sequence[T], show: Callable[[T], Any]) -> Response:
    """A page of a newer host. A token is opaque to clients."""
    size, text = _size("pageSize", "PageSize"), request.args.get("pageToken", "").removeprefix("PT")
    start = whole_number(text, 0)
    end = start + size
    meta = {
        "key": key,
        "pageSize": size,
        "nextToken": f"PT{end}" if end < len(rows) else None,
        "previousToken": f"PT{max(0, start - size)}" if start else None,
    }
    return jsonify({"meta": meta, key: [show(row) for row in rows[start:end]]})


def date_text(moment: datetime | None) -> str | None:
    """A moment in ISO 8601, by Twilio's clock."""
    return exchange().shifted(moment).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def is_between(moment: datetime, after: str, before: str) -> bool:
    """Whether a moment is within the parameters of these names, ends included; a date stands for its midnight."""
    shown = exchange().shifted(moment)
    lower, upper = _moment(after), _moment(before)
    return (lower is None or lower <= shown) and (upper is None or shown <= upper)


def url(path: str) -> str:
    return request.host_url.rstrip("/") + path


def _moment(name: str) -> datetime | None:
    text = request.args.get(name)
    return moment_of(name, text) if text else None


def _size(*names: str) -> int:
    sizes = [_number(name) for name in names]
    return min(max(sizes) or PAGE_SIZE, PAGE_SIZE_MAX)


def _number(name: str) -> int:
    return whole_number(request.args.get(name, ""), 0)


def _page_url(number: int, size: int) -> str:
    kept = {k: v for k, v in request.args.items() if k not in ("Page", "PageSize", "PageToken")}
    return url(f"{request.path}?{urlencode({**kept, 'PageSize': size, 'Page': number})}")
