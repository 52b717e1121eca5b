"""REST: the memory host. The account's store, with a profile for each caller and the texts made of conversations."""

from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, request

from simulator.rest import exchange, not_found
from simulator.rest_hosts import admit, date_text, find, new_host, token_page
from simulator.rest_hosts import delete as delete_text
from simulator.texts import Text

blueprint = new_host("rest_memory", "/v1")

STORE_ID = "mem_store_" + "0" * 26
_PROFILES = "/Stores/<store_id>/Profiles"


@blueprint.get("/ControlPlane/Stores")
def list_stores() -> Response:
    """The ids of the stores: a single one, where memory is switched on or has been filled."""
    admit("memory_store", "list")
    texts = exchange().texts
    return token_page("stores", [STORE_ID] if exchange().services.memory_extraction or texts.profiles else [], str)


@blueprint.get(_PROFILES)
def list_profiles(store_id: str) -> Response:
    """The ids of the profiles."""
    _check(store_id)
    admit("profile", "list")
    return token_page("profiles", list(exchange().texts.profiles.values())[::-1], str)


@blueprint.get(f"{_PROFILES}/<profile_id>")
def fetch_profile(store_id: str, profile_id: str) -> Response:
    admit("profile", "get")
    number = _number(store_id, profile_id)
    made = [text.made_at for text in exchange().texts.all() if text.source.from_number == number]
    return jsonify({"id": profile_id, "createdAt": date_text(min(made)), "traits": {"Contact": {"phone": number}}})


@blueprint.delete(f"{_PROFILES}/<profile_id>")
def delete_profile(store_id: str, profile_id: str) -> tuple[Response, int]:
    """The profile goes at once; its answer is 202 without an operation, which is assumed."""
    admit("profile", "delete")
    exchange().texts.forget_profile(_number(store_id, profile_id))
    return jsonify({"message": "accepted"}), 202


@blueprint.get(f"{_PROFILES}/<profile_id>/ConversationSummaries")
def list_summaries(store_id: str, profile_id: str) -> Response:
    return _page("conversation_summary", "summaries", _number(store_id, profile_id), summary)


@blueprint.get(f"{_PROFILES}/<profile_id>/ConversationSummaries/<sid>")
def fetch_summary(store_id: str, profile_id: str, sid: str) -> Response:
    return jsonify(summary(_find("conversation_summary", store_id, profile_id, sid)))


@blueprint.delete(f"{_PROFILES}/<profile_id>/ConversationSummaries/<sid>")
def delete_summary(store_id: str, profile_id: str, sid: str) -> tuple[str, int]:
    _find("conversation_summary", store_id, profile_id, sid, "delete")
    return delete_text("conversation_summary", sid)


@blueprint.get(f"{_PROFILES}/<profile_id>/Observations")
def list_observations(store_id: str, profile_id: str) -> Response:
    return _page("observation", "observations", _number(store_id, profile_id), observation)


@blueprint.get(f"{_PROFILES}/<profile_id>/Observations/<sid>")
def fetch_observation(store_id: str, profile_id: str, sid: str) -> Response:
    return jsonify(observation(_find("observation", store_id, profile_id, sid)))


@blueprint.delete(f"{_PROFILES}/<profile_id>/Observations/<sid>")
def delete_observation(store_id: str, profile_id: str, sid: str) -> tuple[str, int]:
    _find("observation", store_id, profile_id, sid, "delete")
    return delete_text("observation", sid)


def summary(text: Text) -> dict[str, Any]:
    return _row(text) | {"conversationId": text.conversation_id}


def observation(text: Text) -> dict[str, Any]:
    return _row(text) | {"conversationIds": [text.conversation_id]}


def _row(text: Text) -> dict[str, Any]:
    return {
        "content": text.words,
        "createdAt": date_text(text.made_at),
        "id": text.sid,
        "occurredAt": date_text(text.source.began),
        "source": "conversation-memory",
        "updatedAt": date_text(text.made_at),
    }


def _page(kind: str, key: str, number: str, show: Callable[[Text], dict[str, Any]]) -> Response:
    admit(kind, "list")
    wanted = request.args.get("conversationId")
    rows = [text for text in exchange().texts.of(kind) if text.source.from_number == number]
    return token_page(key, [text for text in rows if wanted in (None, text.conversation_id)], show)


def _find(kind: str, store_id: str, profile_id: str, sid: str, operation: str = "get") -> Text:
    text = find(kind, sid, operation)
    if text.source.from_number != _number(store_id, profile_id):
        raise not_found()
    return text


def _number(store_id: str, profile_id: str) -> str:
    """The number of the caller that a profile is about."""
    _check(store_id)
    found = [number for number, sid in exchange().texts.profiles.items() if sid == profile_id]
    if not found:
        raise not_found()
    return found[0]


def _check(store_id: str) -> None:
    if store_id != STORE_ID:
        raise not_found()
