"""A device's response holds for this console, this challenge and a person who was verified, or it is refused."""

import json
import secrets
from collections.abc import Callable
from datetime import timedelta

import pytest
from cbor2 import CBORTag
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import Refused
from storage.staff import ceremonies
from storage.staff.ceremonies import RelyingParty, relying_party
from tests.conftest import NOON
from tests.storage.staff.authenticator import (
    BACKED_UP,
    HONEST,
    USER_PRESENT,
    USER_VERIFIED,
    Authenticator,
    Lies,
    b64,
    raw,
)

PARTY = relying_party("https://console.example.org")
ALICE = "a1" * 16
CHALLENGE = secrets.token_bytes(32)
ASKED = ceremonies.to_register(PARTY, CHALLENGE, account_id=ALICE, name="alice", display_name="Alice", known=())
SIGN_IN = ceremonies.to_authenticate(PARTY, CHALLENGE)


def registered(lies: Lies = HONEST, device: Authenticator | None = None) -> ceremonies.NewPasskey:
    return ceremonies.registered(PARTY, (device or Authenticator()).register(ASKED, lies), CHALLENGE)


def authenticated(lies: Lies = HONEST, device: Authenticator | None = None) -> int:
    device = device or Authenticator()
    made = registered(device=device)
    return ceremonies.authenticated(PARTY, device.sign(SIGN_IN, lies), CHALLENGE, made.public_key)


LIES = {
    "another origin": Lies(origin="https://console.example.org.evil.example"),
    "the same host by http": Lies(origin="http://console.example.org"),
    "another port": Lies(origin="https://console.example.org:8443"),
    "another relying party": Lies(host="example.org"),
    "nobody verified": Lies(flags=USER_PRESENT),
    "nobody present": Lies(flags=USER_VERIFIED),
    "a backup of what has none": Lies(flags=USER_PRESENT | USER_VERIFIED | BACKED_UP),
    "another challenge": Lies(challenge=secrets.token_bytes(32)),
    "no challenge": Lies(challenge=b""),
    "in a frame of another site": Lies(client={"crossOrigin": True}),
    "below another site's page": Lies(client={"topOrigin": "https://evil.example"}),
    "a payment": Lies(kind="payment.get"),
    "cut off": Lies(cut=lambda data: data[:-1]),
    "cut short": Lies(cut=lambda data: data[:20]),
    "nothing": Lies(cut=lambda _: b""),
}


def test_an_honest_device_registers_and_signs_in() -> None:
    device = Authenticator()
    made = registered(device=device)
    assert (made.credential_id, made.sign_count) == (device.credential_id, 0)
    response = device.sign(SIGN_IN)
    assert ceremonies.claimed(response) == ceremonies.Claim(ceremonies.passkey_id(device.credential_id), ALICE)
    assert ceremonies.authenticated(PARTY, response, CHALLENGE, made.public_key) == 1


@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
def test_a_lie_registers_nothing_and_signs_nobody_in(lies: Lies) -> None:
    with pytest.raises(Refused):
        registered(lies)
    with pytest.raises(Refused):
        authenticated(lies)


@pytest.mark.parametrize(
    "lies",
    [
        Lies(kind="webauthn.get"),
        Lies(raw_id=b"another"),
        Lies(fmt="tpm"),
        Lies(fmt="packed", statement={"alg": -7, "sig": b"s", "x5c": [b"c"]}),
        Lies(fmt="packed", statement={"alg": -7, "sig": b"s"}),
        Lies(fmt="none", statement={"alg": -7}),
        Lies(public_key={1: 2, 3: -7, -1: 1, -2: b"x" * 32, -3: b"y" * 32}),  # on no curve
        Lies(public_key={1: 2, 3: -35, -1: 2, -2: b"x" * 48, -3: b"y" * 48}),
        Lies(public_key={1: 2, 3: -7}),
        Lies(public_key={1: 9, 3: -7}),
    ],
)
def test_a_registration_that_was_not_asked_for_is_refused(lies: Lies) -> None:
    with pytest.raises(Refused):
        registered(lies)


def certificate_of(device: Authenticator) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a maker")])
    made = x509.CertificateBuilder(name, name, device.key.public_key(), 1, NOON, NOON + timedelta(days=1))
    return made.sign(device.key, SHA256()).public_bytes(Encoding.DER)


def test_a_device_may_sign_for_itself_and_no_maker_for_it() -> None:
    """The library believes any maker where it knows none."""
    device = Authenticator()
    assert registered(Lies(fmt="packed", signs_for_itself=True), device).credential_id == device.credential_id
    with pytest.raises(Refused, match="not asked for"):
        registered(Lies(fmt="packed", signs_for_itself=True, certificate=certificate_of(device)), device)


@pytest.mark.parametrize("name", ["fmt", "attStmt", "authData"])
@pytest.mark.parametrize("value", [None, 7, 2**80, 1.5, "x", b"", [], {}, [{}], CBORTag(2, b"x" * 90)], ids=repr)
def test_an_attestation_object_of_another_shape_is_refused(name: str, value: object) -> None:
    with pytest.raises(Refused):
        registered(Lies(fmt="packed", made={name: value}))


def test_a_sign_in_is_no_registration_and_the_other_way_round() -> None:
    device = Authenticator()
    made = registered(device=device)
    with pytest.raises(Refused):
        ceremonies.registered(PARTY, device.sign(SIGN_IN), CHALLENGE)
    with pytest.raises(Refused):
        ceremonies.authenticated(PARTY, device.register(ASKED), CHALLENGE, made.public_key)


def test_the_signature_is_of_the_key_that_is_kept() -> None:
    other = registered(device=Authenticator())
    device = Authenticator()
    registered(device=device)
    with pytest.raises(Refused):
        ceremonies.authenticated(PARTY, device.sign(SIGN_IN), CHALLENGE, other.public_key)


def test_bytes_behind_the_signed_data_are_refused() -> None:
    with pytest.raises(Refused):
        authenticated(Lies(cut=lambda data: data + b"\0"))


def test_the_count_is_left_to_whoever_keeps_it() -> None:
    """It is believed only once the signature is: this one goes back, and holds."""
    assert authenticated(device=Authenticator(count=70)) == 71


def _without(path: tuple[str, ...]) -> Callable[[dict[str, object]], object]:
    def change(given: dict[str, object]) -> object:
        at: object = given
        for step in path[:-1]:
            at = at[step]  # type: ignore[index]  # a tree of JSON
        del at[path[-1]]  # type: ignore[attr-defined]  # the same
        return given

    return change


@pytest.mark.parametrize(
    "change",
    [
        *(_without((name,)) for name in ("id", "rawId", "type", "response")),
        *(_without(("response", name)) for name in ("clientDataJSON", "authenticatorData", "signature")),
        lambda _: [],
        lambda _: None,
        lambda _: 7,
        lambda given: given | {"response": []},
        lambda given: given | {"rawId": 7, "id": 7},
        lambda given: given | {"rawId": "Ä", "id": "Ä"},
        lambda given: given | {"type": "password"},
        lambda given: given | {"response": given["response"] | {"clientDataJSON": b64(b"[]")}},
        lambda given: given | {"response": given["response"] | {"clientDataJSON": b64(b"{}")}},
        lambda given: given | {"response": given["response"] | {"clientDataJSON": b64(b"[" * 20_000)}},
        lambda given: given | {"response": given["response"] | {"clientDataJSON": b64(b"\xff\xfe")}},
        lambda given: given | {"response": given["response"] | {"signature": ""}},
        lambda given: given | {"response": given["response"] | {"userHandle": 7}},
        lambda given: given | {"more": "x" * ceremonies.RESPONSE_LENGTH_MAX},
    ],
)
def test_a_response_of_another_shape_is_refused(change: Callable[[dict[str, object]], object]) -> None:
    device = Authenticator()
    made = registered(device=device)
    response = json.dumps(change(json.loads(device.sign(SIGN_IN))))
    with pytest.raises(Refused):
        ceremonies.authenticated(PARTY, response, CHALLENGE, made.public_key)


@pytest.mark.parametrize("text", ["", "{", "[" * 30_000, "null", '"x"', "1e999", '{"rawId": "AA", "response": {}}'])
def test_a_response_that_names_nobody_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        ceremonies.claimed(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_DEVICE = Authenticator()
_MADE = registered(device=_DEVICE)
_GIVEN = {"register": _DEVICE.register(ASKED), "sign": _DEVICE.sign(SIGN_IN)}
_PLACES = [
    *((which, "", name) for which in _GIVEN for name in ("id", "rawId", "type")),
    *(("register", "response", name) for name in ("clientDataJSON", "attestationObject")),
    *(("sign", "response", name) for name in ("clientDataJSON", "authenticatorData", "signature")),
]


@given(st.sampled_from(_PLACES), _JSON)
def test_whatever_stands_in_a_response_it_holds_as_it_was_or_is_refused(
    place: tuple[str, str, str], value: object
) -> None:
    which, inner, name = place
    response = json.loads(_GIVEN[which])
    at = response[inner] if inner else response
    was, at[name] = at[name], value
    _tried(json.dumps(response), may_hold=was == value)


@given(st.sampled_from(["attestationObject", "authenticatorData", "clientDataJSON", "signature"]), st.data())
def test_whatever_bytes_stand_in_a_response_are_refused(place: str, data: st.DataObject) -> None:
    response = json.loads(_GIVEN["register" if place == "attestationObject" else "sign"])
    was = raw(response["response"][place])
    at = data.draw(st.integers(0, len(was) - 1))
    changed = was[:at] + data.draw(st.binary(max_size=4)) + was[at + data.draw(st.integers(0, 3)) :]
    response["response"][place] = b64(changed)
    # A registration is not signed where there is no attestation: another id or key is simply another passkey.
    _tried(json.dumps(response), may_hold=was == changed or place == "attestationObject")


def _tried(response: str, *, may_hold: bool) -> None:
    for work in (
        lambda: ceremonies.registered(PARTY, response, CHALLENGE),
        lambda: ceremonies.authenticated(PARTY, response, CHALLENGE, _MADE.public_key),
    ):
        try:
            work()
        except Refused:
            continue
        assert may_hold


def test_what_a_browser_is_asked_for() -> None:
    asked = json.loads(ASKED)
    assert asked["rp"] == {"id": "console.example.org", "name": "onrecord"}
    assert (raw(asked["user"]["id"]).hex(), asked["user"]["name"]) == (ALICE, "alice")
    assert raw(asked["challenge"]) == CHALLENGE
    assert asked["attestation"] == "none"
    wanted = {"residentKey": "required", "requireResidentKey": True, "userVerification": "required"}
    assert asked["authenticatorSelection"].items() >= wanted.items()
    sign_in = json.loads(SIGN_IN)
    assert (sign_in["rpId"], sign_in["userVerification"]) == ("console.example.org", "required")
    assert sign_in.get("allowCredentials", []) == []


def test_a_device_that_is_there_already_is_not_asked_again() -> None:
    known = [b"one", b"two"]
    asked = ceremonies.to_register(PARTY, CHALLENGE, account_id=ALICE, name="alice", display_name="A", known=known)
    assert [raw(one["id"]) for one in json.loads(asked)["excludeCredentials"]] == known


@pytest.mark.parametrize(
    ("url", "id_", "origin"),
    [
        ("https://console.example.org", "console.example.org", "https://console.example.org"),
        ("https://console.example.org:443", "console.example.org", "https://console.example.org"),
        ("https://console.example.org:8443", "console.example.org", "https://console.example.org:8443"),
        ("http://localhost:8001", "localhost", "http://localhost:8001"),
        ("http://localhost:80", "localhost", "http://localhost"),
    ],
)
def test_the_relying_party_is_the_host_and_the_origin_as_browsers_write_it(url: str, id_: str, origin: str) -> None:
    assert relying_party(url) == RelyingParty(id_, origin)
