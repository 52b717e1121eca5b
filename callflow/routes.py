"""The endpoints that Twilio's requests come to, each by its path.

The segments after the endpoint's own two are the call, the step of it where there are several, and the URL's MAC.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from callflow.urls import ANSWER_PATH, CALL_PROGRESS_PATH, FALLBACK_PATH

_OWN_SEGMENTS = 3  # the empty one before the first slash is one
_NUMBER = re.compile(r"[0-9]{1,9}")
_NUMBERS = frozenset({"round_", "prompt"})
_READING = frozenset({"GET", "HEAD"})
_OPEN = re.compile(r"/(?:healthz|readyz|voice/audio/[^/]+/[^/]+)/?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`arguments` are the names of the segments between its own and the MAC; without any it has no MAC either."""

    name: str
    path: str
    arguments: tuple[str, ...] = ()

    @property
    def has_mac(self) -> bool:
        return bool(self.arguments)


@dataclass(frozen=True, slots=True)
class Route:
    """A path of an endpoint. `arguments` are as they stand in the path."""

    endpoint: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    mac: str | None = None

    @property
    def step(self) -> str:
        """The argument that the MAC covers beside the call; empty without one."""
        return next((text for name, text in self.arguments.items() if name != "call_id"), "")


ENDPOINTS = (
    Endpoint("answer", ANSWER_PATH),
    Endpoint("language", "/voice/language", ("call_id",)),
    Endpoint("choice", "/voice/choice", ("call_id", "round_")),
    Endpoint("consent", "/voice/consent", ("call_id", "prompt")),
    Endpoint("whisper", "/voice/whisper", ("call_id", "state")),
    Endpoint("ended", "/voice/ended", ("call_id",)),
    Endpoint("join", "/voice/join", ("call_id", "round_")),
    Endpoint("left", "/voice/left", ("call_id",)),
    Endpoint("star", "/voice/star", ("call_id", "stay")),
    Endpoint("withdraw", "/voice/withdraw", ("call_id", "stay")),
    Endpoint("alone", "/voice/alone", ("call_id",)),
    Endpoint("fallback", FALLBACK_PATH),
    Endpoint("call_progress", CALL_PROGRESS_PATH),
    Endpoint("recording", "/callbacks/recording", ("call_id",)),
)
NOWHERE = Route("")
_BY_PATH = {endpoint.path: endpoint for endpoint in ENDPOINTS}


def needs_no_signature(method: str, path: str) -> bool:
    """Whether it is health or a recorded prompt that is asked for."""
    return method in _READING and bool(_OPEN.fullmatch(path))


def route_of(path: str) -> Route:
    """`NOWHERE` for a path of no endpoint. A slash at the end changes nothing, and neither do more of them in front."""
    segments = (path[:1] + path.lstrip("/")).removesuffix("/").split("/")
    endpoint = _BY_PATH.get("/".join(segments[:_OWN_SEGMENTS]))
    texts = segments[_OWN_SEGMENTS:]
    if endpoint is None or len(texts) != len(endpoint.arguments) + endpoint.has_mac or not all(texts):
        return NOWHERE
    arguments = dict(zip(endpoint.arguments, texts, strict=False))
    if any(not _NUMBER.fullmatch(arguments[name]) for name in _NUMBERS & arguments.keys()):
        return NOWHERE
    return Route(endpoint.name, arguments, texts[-1] if endpoint.has_mac else None)
