"""The signed form: verified with nothing of ours, and by nothing once a byte of it was changed."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from evidence.jws import CertifiedKey, NotACertifiedKey, read_certified_key, signed
from evidence.vcon import unsigned
from storage.self_signed import new_certified_key
from tests.evidence.documents import verified
from tests.evidence.told_calls import CONSENTED, NOON

# A header that can't be read, or is another; or a signature that is none.
REFUSALS = (UnicodeDecodeError, json.JSONDecodeError, AssertionError, InvalidSignature)
BEGIN_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


@cache
def pem(name: str = "Email Customer Support") -> bytes:
    return new_certified_key(name, NOON, bits=2048)


@cache
def signer() -> CertifiedKey:
    return read_certified_key(pem())


@cache
def document() -> str:
    return json.dumps(signed(unsigned(CONSENTED, NOON), signer()))


def test_a_signed_vcon_verifies_and_holds_what_was_signed() -> None:
    assert verified(json.loads(document())) == unsigned(CONSENTED, NOON)


def test_it_is_in_the_general_form_with_its_certificates() -> None:
    form = json.loads(document())
    assert form.keys() == {"payload", "signatures"}
    assert form["signatures"][0].keys() == {"header", "protected", "signature"}
    assert form["signatures"][0]["header"].keys() == {"x5c", "uuid"}
    assert len(form["signatures"][0]["header"]["x5c"]) == 1


@given(st.sampled_from(["payload", "protected", "signature"]), st.data())
def test_no_byte_of_it_can_be_changed(part: str, data: st.DataObject) -> None:
    form: dict[str, Any] = json.loads(document())
    holder = form if part == "payload" else form["signatures"][0]
    text: str = holder[part]
    # The last character of a base64url text can hold bits that stand for nothing.
    place = data.draw(st.integers(0, len(text) - 2))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
    holder[part] = text[:place] + other + text[place + 1 :]
    if other == text[place]:
        assert verified(form)
        return
    with pytest.raises(REFUSALS):
        verified(form)


def test_another_ones_certificate_does_not_verify_it() -> None:
    form = json.loads(document())
    other = signed({"uuid": "x"}, read_certified_key(pem("Somebody Else")))
    form["signatures"][0]["header"]["x5c"] = other["signatures"][0]["header"]["x5c"]  # type: ignore[index]  # JSON
    with pytest.raises(InvalidSignature):
        verified(form)


def test_the_certificate_is_the_businesss_own_and_may_sign_no_other() -> None:
    (certificate,) = signer().chain
    assert signer().is_self_signed
    assert certificate.subject.rfc4514_string() == "CN=Email Customer Support"
    assert certificate.not_valid_before_utc <= NOON <= certificate.not_valid_after_utc - timedelta(days=3650)
    assert read_certified_key(new_certified_key("x" * 99, datetime.now(UTC), bits=2048)).chain


def test_the_key_does_not_show_in_what_is_printed() -> None:
    assert "key=" not in repr(signer())


def other_than_rsa() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "no unencrypted key and certificate"),
        (pem().split(BEGIN_CERTIFICATE, 1)[0], "no unencrypted key and certificate"),
        (BEGIN_CERTIFICATE + pem().split(BEGIN_CERTIFICATE, 1)[1], "no unencrypted key and certificate"),
        (pem()[:-200], "no unencrypted key and certificate"),
        (other_than_rsa() + BEGIN_CERTIFICATE + pem().split(BEGIN_CERTIFICATE, 1)[1], "no RSA key of 2048 bits"),
        (
            pem("Somebody Else").split(BEGIN_CERTIFICATE, 1)[0] + BEGIN_CERTIFICATE + pem().split(BEGIN_CERTIFICATE)[1],
            "the first certificate is of another key",
        ),
    ],
    ids=["nothing", "no certificate", "no key", "cut", "another kind", "another key"],
)
def test_a_text_that_is_not_a_certified_key_is_refused(text: bytes, fault: str) -> None:
    with pytest.raises(NotACertifiedKey, match=fault):
        read_certified_key(text)
