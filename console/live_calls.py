"""The endpoint by which an agent's page withdraws a consent, or pauses and resumes a recording, during the call.

`POST /api/calls/CALL/withdraw`, `/pause` or `/resume`, with a token and JSON: `{"actor": "alice", "effect": "keep"}`.
CALL is our id of the call, or the provider's sid. It is durable once it is answered; the worker carries it out, and
this process asks nobody anything.
"""

import hmac
import json
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus

from flask import Response, jsonify, request

from compliance.pauses import Pauses
from compliance.withdrawals import Withdrawals, told
from policies.rules import OnWithdrawal
from policies.withdrawal import Effect, WithdrawnBy
from storage.errors import Refused
from storage.rows import calls, staff_words
from storage.rows.withdrawing import Wish

BODY_MAX = 2048
_SCHEME = "Bearer "


class Misread(ValueError):
    """The body is not as it should be; the message says how."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The body of a request. `effect` is None where the rules of the call's line decide."""

    actor: str
    effect: OnWithdrawal | None = None


@dataclass(frozen=True)
class LiveCalls:
    """`token` opens the endpoint for the page's server."""

    token: str = field(repr=False)
    withdrawals: Withdrawals
    pauses: Pauses

    def answer(self, name: str, act: str) -> Response:
        """The same bytes to whoever has no token, whatever the call and the body."""
        if not _opens(self.token, request.headers.get("Authorization", "")):
            refused = _error(HTTPStatus.UNAUTHORIZED, "unauthorized", "a token opens this")
            refused.headers["WWW-Authenticate"] = "Bearer"
            return refused
        if request.content_length is None or request.content_length > BODY_MAX:
            return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"a body has {BODY_MAX} bytes at most")
        try:
            asked = read(request.get_data(), act)
        except Misread as error:
            return _error(HTTPStatus.BAD_REQUEST, "bad_request", str(error))
        with self.withdrawals.database.read() as connection:
            call = calls.named(connection, name)
        if call is None:
            return _error(HTTPStatus.NOT_FOUND, "no_such_call", "there is no call with this sid or id")
        try:
            return self._withdraw(call.id, asked) if act == "withdraw" else self._pause(call.id, act, asked)
        except Refused as error:
            return _error(HTTPStatus.CONFLICT, "not_possible", str(error))

    def _withdraw(self, call_id: str, asked: Asked) -> Response:
        done = self.withdrawals.withdraw(call_id, Wish(WithdrawnBy.AGENT, asked.actor, asked.effect))
        if done.effect is Effect.NOTHING:
            return _error(HTTPStatus.CONFLICT, "nothing_to_withdraw", told(done))
        return jsonify({"call": call_id, "effect": done.effect, "keeps": done.keeps, "said": told(done)})

    def _pause(self, call_id: str, act: str, asked: Asked) -> Response:
        do = self.pauses.pause if act == "pause" else self.pauses.resume
        done = do(call_id, actor=asked.actor)
        return jsonify({"call": call_id, "pause": done.id, "limit_at": done.limit_at.isoformat()})


def read(body: bytes, act: str) -> Asked:
    """Raises Misread."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Misread("the body is no JSON") from error
    may_say = {"actor", "effect"} if act == "withdraw" else {"actor"}
    if not isinstance(found, dict) or not found.keys() <= may_say:
        raise Misread(f"the body is an object of {', '.join(sorted(may_say))}")
    actor, effect = found.get("actor"), found.get("effect")
    if not isinstance(actor, str):
        raise Misread("actor is the name of the agent")
    try:
        actor = staff_words.name("actor", actor)
    except Refused as error:
        raise Misread(str(error)) from error
    if effect is not None and effect not in [*OnWithdrawal]:
        raise Misread(f"effect is one of {', '.join(OnWithdrawal)}")
    return Asked(actor, OnWithdrawal(effect) if effect else None)


def _opens(token: str, given: str) -> bool:
    """In constant time, whatever the length."""
    scheme, secret = given[: len(_SCHEME)], given[len(_SCHEME) :]
    is_same = hmac.compare_digest(sha256(secret.encode()).digest(), sha256(token.encode()).digest())
    return scheme.lower() == _SCHEME.lower() and is_same


def _error(status: HTTPStatus, error: str, why: str) -> Response:
    answer = jsonify({"error": error, "why": why})
    answer.status_code = status
    return answer
