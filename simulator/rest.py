"""The common parts of all REST requests: authentication, errors, and pages of lists."""

import hmac
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Response, current_app, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from simulator.errors import NotSimulated, RestError, failure_to_json
from simulator.exchange import Exchange
from simulator.whole_numbers import whole_number

T = TypeVar("T")

PREFIX = "/2010-04-01/Accounts/<account>"
PAGE_SIZE, PAGE_SIZE_MAX = 50, 1000
UNREADABLE = 20001  # Twilio publishes no code for a filter that cannot be read
_FAULT_CODES = {429: 20429, 500: 20500, 503: 20503}
# Resources of the first API that Twilio has and the simulator has not, and calls that REST makes.
_ABSENT = re.compile(
    r"""/2010-04-01/Accounts/[^/]+/ (?:
    (?! (?:Calls|Conferences|IncomingPhoneNumbers|Recordings|Transcriptions)\b ) .+
    | Calls/[^/]+/ (?:Notifications|Payments|Siprec|Streams|Transcriptions|UserDefined) .*
    )""",
    re.VERBOSE,
)


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
    """A URL or a method that does not exist: at Twilio, or only here."""
    if error.code in (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_FOUND) and _ABSENT.fullmatch(request.path):
        return answer_failure(NotSimulated(f"{request.method} {request.path}"))
    if error.code == HTTPStatus.METHOD_NOT_ALLOWED:
        return answer_error(RestError(HTTPStatus.METHOD_NOT_ALLOWED, 20004, "Method not allowed"))
    if error.code == HTTPStatus.NOT_FOUND:
        return answer_error(not_found())
    return answer_error(RestError(error.code or 500, 20500, error.name))


def answer_failure(error: Exception) -> Response:
    """A failure of the simulator, which is kept with those of the calls: 501 where it lacks a part of Twilio."""
    told = failure_to_json(error)
    exchange().failures.append({**told, "request": f"{request.method} {request.path}"})
    if isinstance(error, NotSimulated):
        return answer_error(RestError(HTTPStatus.NOT_IMPLEMENTED, 20500, f"The simulator does not have {error.detail}"))
    traceback.print_exception(error, file=sys.stderr)
    return answer_error(RestError(HTTPStatus.INTERNAL_SERVER_ERROR, 20500, f"The simulator broke: {told['detail']}"))


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
    """Whether the request's filters of this name (`Name`, `Name<`, `Name>`) let a moment through, by Twilio's clock.

    Raises RestError for a filter that is no date.
    """
    moment = exchange().shifted(moment)
    for mark in ("", "<", ">"):
        text = request.args.get(name + mark)
        if not text:
            continue
        limit = moment_of(name + mark, text)
        fits = {"": moment.date() == limit.date(), "<": moment <= limit, ">": moment >= limit}
        if not fits[mark]:
            return False
    return True


def moment_of(name: str, text: str) -> datetime:
    """A date or a moment, in UTC unless it says otherwise. Raises RestError, naming the parameter."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise RestError(HTTPStatus.BAD_REQUEST, UNREADABLE, f"{name} is not a date") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _positive(name: str, default: int) -> int:
    return whole_number(request.args.get(name, ""), default)


def _page_uri(number: int, size: int) -> str:
    kept = {k: v for k, v in request.args.items() if k not in ("Page", "PageSize", "PageToken")}
    return f"{request.path}?{urlencode({**kept, 'PageSize': size, 'Page': number})}"
