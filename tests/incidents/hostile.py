"""Requests and texts of those who wish us ill, and what gives them away in an answer."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from callflow.routes import ENDPOINTS
from tests.callflow.conftest import BASE

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
EVIL = "evil.example"
FORGED_HEADERS: Mapping[str, str] = {
    "Host": EVIL,
    "X-Forwarded-Host": EVIL,
    "X-Forwarded-Server": EVIL,
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Scheme": "http",
    "X-Forwarded-Port": "8443",
    "X-Forwarded-Prefix": f"//{EVIL}",
    "X-Forwarded-For": "127.0.0.1",
    "Forwarded": f"for=127.0.0.1;host={EVIL};proto=http",
    "X-Original-URL": "/healthz",
    "X-Rewrite-URL": "/healthz",
    "X-Original-Host": EVIL,
    "X-Host": EVIL,
    "X-HTTP-Method-Override": "GET",
    "X-Script-Name": f"//{EVIL}",
}


NOTHING = "0" * 32
"""An id of nothing."""


def with_ids(
    call_id: str, recording_id: str = NOTHING, lease_id: str = NOTHING, sid: str = "", **more: str
) -> Mapping[str, object]:
    """A genuine value for each argument of a route, but for `mac`, which takes the key. An argument that is not listed
    names nothing.
    """
    known = {"call_id": call_id, "recording_id": recording_id, "lease_id": lease_id, "name": sid or "CA" + NOTHING}
    webhook = {"mac": "x" * 43, "sha256": "a" * 64, "round_": 1, "prompt": 1, "stay": "1-1", "state": "recorded"}
    rest = {"act": "pause", "filename": "console.css", "index": 0}
    return defaultdict(lambda: NOTHING, {**known, **webhook, **rest, **more})


_QUERIES = {"piece": "?track=master&from_ms=0"}  # without which nothing is even looked for


def paths_of(app: Flask, values: Mapping[str, object]) -> Iterator[tuple[Rule, str]]:
    """Each rule of an application with a path of it."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        path = adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
        yield rule, path + _QUERIES.get(rule.endpoint, "")


def paths_of_webhooks(values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Each endpoint that takes signed requests, with a path of it."""
    for endpoint in ENDPOINTS:
        segments = (*endpoint.arguments, "mac") if endpoint.has_mac else ()
        yield endpoint.name, "/".join([endpoint.path, *(str(values[name]) for name in segments)])


def told(answer: TestResponse) -> bytes:
    """All of an answer: its body, and its headers."""
    return answer.get_data() + b"\n" + str(answer.headers).encode()


def ask(app: Flask, path: str, method: str = "GET", **more: Any) -> TestResponse:
    """Of an application, as somebody without anything but these headers would."""
    more = {"base_url": BASE, **more}
    return app.test_client(use_cookies=False).open(path, method=method, buffered=True, **more)


MARK = "m4rk"
SCRIPTS = (
    f"<{MARK}>",
    f"<script>{MARK}()</script>",
    f"<img src=x onerror={MARK}()>",
    f'" {MARK}="1" onfocus="{MARK}()" autofocus x="',
    f"' {MARK}='1' onfocus='{MARK}()",
    f"</title></svg></textarea></style><{MARK}>",
    f"javascript:{MARK}()",
    f"{{{{ {MARK} }}}}{{% {MARK} %}}",
    f"<svg><{MARK}/></svg>]]>--><{MARK}>",
    f"&lt;{MARK}&gt;&#60;{MARK}&#62;",
)
"""Each holds the mark, and would make it a tag, an attribute or code where it is put in raw."""
LINE_BREAKERS = (f"a\r\nERROR {MARK} all is well", f"\x1b[2J\x1b[31m{MARK}", f"{MARK}\u2028{MARK}\x85{MARK}\x0b")
FORMULAS = (
    '=HYPERLINK("http://evil.example/","open")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "-2+3+cmd|' /C calc'!A0",
    "+15125550111",
    "＝1+1",
    '"=1+1","',
)
"""Texts that a spreadsheet takes for a formula."""


@dataclass
class _Page(HTMLParser):
    found: list[str] = field(default_factory=list)
    tag: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag = tag
        attributes = {name: value or "" for name, value in attrs}
        self.found += [f"<{tag}>"] if MARK in tag or (tag == "script" and "src" not in attributes) else []
        self.found += [f"<{tag} {name}={value!r}>" for name, value in attributes.items() if _is_code(name, value)]

    def handle_data(self, data: str) -> None:
        self.found += [f"<{self.tag}>{data}"] if self.tag in {"script", "style"} and MARK in data else []

    def handle_endtag(self, tag: str) -> None:
        self.tag = ""

    def handle_comment(self, data: str) -> None:
        self.found += [f"<!--{data}-->"] if MARK in data else []


_LINKS = {"href", "src", "action", "formaction", "xlink:href", "poster", "data", "srcset"}
_SCHEME = re.compile(r"[\x00-\x20]*(javascript|data|vbscript)[\x00-\x20]*:", re.IGNORECASE)


def _is_code(name: str, value: str) -> bool:
    return MARK in name or name.startswith("on") or name == "style" or bool(name in _LINKS and _SCHEME.match(value))


def markup_of_others(page: str) -> list[str]:
    """Tags, attributes and code that a text with the mark has brought into a page."""
    parser = _Page()
    parser.feed(page)
    parser.close()
    return parser.found
