"""Whoever has signed in is sent on to a page of this console, whatever the address of the sign-in page said."""

from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask

from console.entry.way_back import FIRST_PAGE, to_sign_in, way_back
from tests.console.conftest import BASE_URL

OURS = [
    "/",
    "/log",
    "/log?x=1&y=2",
    "/calls/0123?line=%2B12125550100",
    "/me?said=settings_saved#settings",
    "/.//evil.example",
    "/%5cevil.example",
    "/" + "x" * 499,
]
ELSEWHERE = [
    "",
    "log",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/log\\..",
    "https://evil.example",
    "https:/evil.example",
    "//evil.example/" + BASE_URL,
    BASE_URL + "@evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "/\x00/evil.example",
    " //evil.example",
    "/ /evil.example",
    "/log\n",
    "/log\r\nSet-Cookie: x=1",
    "/é",
    "/\u200b/evil.example",
    "／／evil.example",
    "/" + "x" * 500,
]


@pytest.mark.parametrize("given", OURS)
def test_a_page_of_this_console_is_gone_back_to(given: str) -> None:
    assert way_back(given) == given
    assert urlsplit(urljoin(f"{BASE_URL}/enter", given)).netloc == urlsplit(BASE_URL).netloc


@pytest.mark.parametrize("given", ELSEWHERE)
def test_nobody_is_sent_anywhere_else(given: str) -> None:
    assert way_back(given) == FIRST_PAGE


def test_the_way_back_through_the_sign_in_page_comes_out_as_it_went_in(app: Flask) -> None:
    with app.test_request_context():
        location = to_sign_in("/calls/0123?line=%2B1&a=b", "again").headers["Location"]
    with app.test_request_context(location) as context:
        assert context.request.args.to_dict() == {"next": "/calls/0123?line=%2B1&a=b", "because": "again"}
