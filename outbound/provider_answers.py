"""Answers of an identity provider: each is one JSON object, or a reason why there is none. No reason holds a text that
the provider wrote.
"""

import re
from typing import Any

from outbound.bounded_http import Limits, NoAnswer, Outbound
from outbound.strict_json import json_object
from storage.errors import Refused, Unavailable

_FORM = "application/x-www-form-urlencoded"
_TOO_MANY_REQUESTS = 429


class ProviderAnswers:
    """`part` names the part of the provider that answers. Each raises Unavailable, or Refused for another answer than a
    success: redirects are not followed.
    """

    def __init__(self, limits: Limits) -> None:
        self._http = Outbound("", "", limits=limits)

    def get(self, part: str, url: str) -> dict[str, Any]:
        try:
            return _read(part, *self._http.get(url))
        except NoAnswer as error:
            raise _away(part, error) from error

    def post(self, part: str, url: str, form: str, *, authorization: str) -> dict[str, Any]:
        try:
            return _read(part, *self._http.post(url, form.encode(), _FORM, authorization=authorization))
        except NoAnswer as error:
            raise _away(part, error) from error


def error_name(error: object) -> str:
    """The name of an error; of nothing else, since a description may hold whatever somebody wants to have shown."""
    is_name = isinstance(error, str) and re.fullmatch("[a-z_]{1,40}", error)
    return str(error) if is_name else "an error without a name"


def _read(part: str, status: int, body: bytes) -> dict[str, Any]:
    if status >= 500 or status == _TOO_MANY_REQUESTS:
        raise Unavailable(f"single sign-on: the {part} answered {status}")
    try:
        document = json_object(body)
    except ValueError:
        raise Refused(f"single sign-on: the {part} answered {status}, and not with one JSON object") from None
    if status != 200:
        raise Refused(f"single sign-on: the {part} answered {status}: {error_name(document.get('error'))}")
    return document


def _away(part: str, error: NoAnswer) -> Unavailable:
    return Unavailable(f"single sign-on: the {part} gave no answer: {error}")
