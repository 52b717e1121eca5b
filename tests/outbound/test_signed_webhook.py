"""A message to a webhook is signed as the public scheme says, and a failure is told apart from a refusal."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from outbound.bounded_http import Limits
from outbound.signed_webhook import SignedWebhook
from storage.errors import Refused, Unavailable
from tests.outbound.receivers import SECRET, a_webhook_receiver

AT = datetime.fromtimestamp(1731705121, UTC)


def test_the_signature_is_that_of_the_published_example() -> None:
    """https://docs.svix.com/receiving/verifying-payloads/how-manual"""
    webhook = SignedWebhook("https://example.com", "whsec_plJ3nmyCDGBKInavdOK15jsl")
    body = '{"event_type":"ping","data":{"success":true}}'
    signature = "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
    assert webhook.signature("msg_loFOjxBNrRLzqYUf", AT, body) == signature
    assert webhook.signature("msg_loFOjxBNrRLzqYUg", AT, body) != signature
    assert webhook.signature("msg_loFOjxBNrRLzqYUf", AT.replace(second=0), body) != signature


def test_a_receiver_can_check_it_and_knows_a_repetition_by_its_id() -> None:
    with a_webhook_receiver() as receiver:
        webhook = SignedWebhook(receiver.url, SECRET)
        for second in (1, 2):
            webhook.send("m1", AT.replace(second=second), '{"ä":1}')
        replace(webhook, secret="whsec_" + "A" * 32).send("m2", AT, "{}")
    assert [(one.id, one.is_genuine) for one in receiver.posted] == [("m1", True), ("m1", True), ("m2", False)]
    assert [one.body for one in receiver.posted[:2]] == ['{"ä":1}'] * 2
    assert receiver.posted[0].at != receiver.posted[1].at


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410, 413])
def test_a_refusal_is_for_good(status: int) -> None:
    with a_webhook_receiver() as receiver:
        receiver.answers = [status]
        with pytest.raises(Refused, match=f"^webhook: answered {status}$"):
            SignedWebhook(receiver.url, SECRET).send("m", AT, "{}")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 0])
def test_a_receiver_that_is_not_well_is_tried_again(status: int) -> None:
    with a_webhook_receiver() as receiver:
        receiver.answers = [status]
        with pytest.raises(Unavailable, match="^webhook: "):
            SignedWebhook(receiver.url, SECRET).send("m", AT, "{}")


@pytest.mark.parametrize("length", [100, 1 << 40])
def test_a_receipt_counts_though_its_body_never_comes(length: int) -> None:
    with a_webhook_receiver() as receiver:
        receiver.answers, receiver.lengths = [200], [length]
        SignedWebhook(receiver.url, SECRET).send("m", AT, "{}")
    assert [one.id for one in receiver.posted] == ["m"]


def test_a_redirect_is_not_followed() -> None:
    with a_webhook_receiver() as elsewhere, a_webhook_receiver() as receiver:
        receiver.answers, receiver.location = [307], elsewhere.url
        with pytest.raises(Refused, match="^webhook: answered 307$"):
            SignedWebhook(receiver.url, SECRET).send("m", AT, "{}")
    assert elsewhere.posted == []


def test_a_receiver_that_is_not_there_is_tried_again_and_the_secret_is_never_shown() -> None:
    webhook = SignedWebhook("http://127.0.0.1:9", SECRET, Limits(connect_s=1))
    with pytest.raises(Unavailable, match="^webhook: no answer"):
        webhook.send("m", AT, "{}")
    assert SECRET not in repr(webhook)
