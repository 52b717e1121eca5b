"""Whether a webhook is Twilio's: its signature, checked against the URL we are configured with.

The signed text is the URL followed by each parameter's name and value, with nothing between them and no time.
So a genuine signature proves neither where one value ends nor that the request is new: whoever uses a Form
still matches each value in full, and our own state tells a repeat from a first delivery.
"""

import hmac
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal
from urllib.parse import parse_qsl

BODY_BYTES_MAX = 64 * 1024
PARAMETERS_MAX = 200
FORM_TYPE = "application/x-www-form-urlencoded"

Reason = Literal[
    "no_signature",
    "bad_url",
    "wrong_content_type",
    "body_too_large",
    "too_many_parameters",
    "bad_encoding",
    "bad_form",
    "bad_signature",
    "duplicate_parameter",
    "wrong_account",
]

_DEFAULT_PORT = {"http": "80", "https": "443"}
_URL = re.compile(
    r"(?=[!-~]+\Z)(?P<scheme>https?)://(?P<host>(?:[^/?#@]*@)?(?:\[[^\]/?#]*\]|[^][/?#:@]+))"
    r"(?::(?P<port>[0-9]+))?(?P<rest>[/?].*)?"
)
_TARGET = re.compile(r"/[!-~]*")
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/_-]*")


class Form(Mapping[str, str]):
    """The parameters of a genuine webhook, each exactly once. Shows no value: most are somebody's."""

    __slots__ = ("_parameters",)

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._parameters = MappingProxyType(dict(parameters))

    def __getitem__(self, name: str) -> str:
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not taken for Twilio's. The reason is for our log; the sender learns nothing."""

    reason: Reason


def raw_target(environ: Mapping[str, object]) -> str:
    """The request target as it was sent. Empty where the server no longer knows it.

    A server that hands on only the decoded path (granian) loses nothing while paths are plain, as ours are.
    """
    sent = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if sent:
        return str(sent)
    path = f"{environ.get('SCRIPT_NAME') or ''}{environ.get('PATH_INFO') or ''}"
    query = environ.get("QUERY_STRING")
    return (f"{path}?{query}" if query else path) if _PLAIN_PATH.fullmatch(path) else ""


def signed_url(public_base_url: str, raw_target: str) -> str | Refusal:
    """The URL Twilio must have signed. What the request says about its own host plays no part in it."""
    if not _TARGET.fullmatch(raw_target) or "#" in raw_target:
        return Refusal("bad_url")
    return public_base_url + raw_target


def verify(
    secrets: Sequence[str],
    *,
    url: str,
    body: bytes,
    content_type: str,
    signature: str | None,
    account_sid: str,
) -> Form | Refusal:
    """The parsed form if one of the secrets signed it, otherwise the reason; never an exception."""
    if not signature:
        return Refusal("no_signature")
    if not _is_form(content_type):
        return Refusal("wrong_content_type")
    urls = _spellings(url)
    if not urls:
        return Refusal("bad_url")
    parameters = _parse(body)
    if isinstance(parameters, Refusal):
        return parameters
    if not _is_signed(secrets, urls, parameters, signature):
        return Refusal("bad_signature")
    return _form(parameters, account_sid)


def _is_form(content_type: str) -> bool:
    media_type, _, options = content_type.partition(";")
    charset = options.strip().lower().replace('"', "")
    return media_type.strip().lower() == FORM_TYPE and charset in ("", "charset=utf-8")


def _spellings(url: str) -> tuple[str, ...]:
    """The URL without and with its port, since Twilio signs either. Empty if it is no URL."""
    parts = _URL.fullmatch(url)
    if parts is None:
        return ()
    scheme, host, port, rest = parts["scheme"], parts["host"], parts["port"], parts["rest"] or ""
    return f"{scheme}://{host}{rest}", f"{scheme}://{host}:{port or _DEFAULT_PORT[scheme]}{rest}"


def _parse(body: bytes) -> list[tuple[str, str]] | Refusal:
    if len(body) > BODY_BYTES_MAX:
        return Refusal("body_too_large")
    if body.count(b"&") >= PARAMETERS_MAX:
        return Refusal("too_many_parameters")
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except UnicodeDecodeError:
        return Refusal("bad_encoding")
    except ValueError:
        return Refusal("bad_form")


def _is_signed(
    secrets: Sequence[str], urls: tuple[str, ...], parameters: list[tuple[str, str]], signature: str
) -> bool:
    """Every secret and spelling is tried, whatever the earlier ones gave. An empty secret signs nothing."""
    claimed = signature.encode("utf-8", "replace")
    tail = "".join(name + value for name, value in sorted(set(parameters)))
    signed = False
    for secret in filter(None, secrets):
        for url in urls:
            mac = hmac.digest(secret.encode(), (url + tail).encode(), "sha1")
            signed |= hmac.compare_digest(b64encode(mac), claimed)
    return signed


def _form(parameters: list[tuple[str, str]], account_sid: str) -> Form | Refusal:
    form = Form(dict(parameters))
    if len(form) != len(parameters):
        return Refusal("duplicate_parameter")
    if form.get("AccountSid") != account_sid:
        return Refusal("wrong_account")
    return form
