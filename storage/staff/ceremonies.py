"""The ceremonies of WebAuthn: what a browser is asked for, and whether its authenticator's response holds.

A passkey is discoverable (no name is typed) and its person is verified by the device, of whatever make.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from storage.errors import Refused

NAME = "onrecord"
RESPONSE_LENGTH_MAX = 32 * 1024
_CREDENTIAL_ID_MAX = 1023  # WebAuthn 3, 7.1
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The console, as passkeys know it: `id` is its host, and `origin` its scheme, host and port."""

    id: str
    origin: str


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey as a device has just made it. `public_key` is a COSE key."""

    credential_id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The passkey and the account that a response names, before anything about it is believed."""

    passkey_id: str
    account_id: str


def relying_party(base_url: str) -> RelyingParty:
    """From the console's base URL, a scheme, a host and perhaps a port: the origin as browsers write it."""
    parts = urlsplit(base_url)
    host, port = parts.hostname or "", parts.port
    shown = "" if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{port}"
    return RelyingParty(host, f"{parts.scheme}://{host}{shown}")


def passkey_id(credential_id: bytes) -> str:
    return sha256(credential_id).hexdigest()


def to_register(
    party: RelyingParty, challenge: bytes, *, account_id: str, name: str, display_name: str, known: Sequence[bytes]
) -> str:
    """Options for `navigator.credentials.create`, as JSON. `known` are the ids of the account's credentials: a device
    that holds one of them makes no second.
    """
    import webauthn
    from webauthn.helpers import structs

    return webauthn.options_to_json(
        webauthn.generate_registration_options(
            rp_id=party.id,
            rp_name=NAME,
            user_id=bytes.fromhex(account_id),
            user_name=name,
            user_display_name=display_name,
            challenge=challenge,
            attestation=structs.AttestationConveyancePreference.NONE,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=one) for one in known],
        )
    )


def registered(party: RelyingParty, response: str, challenge: bytes) -> NewPasskey:
    """The passkey that the browser made. Raises Refused for anything but a response that holds."""
    import webauthn
    from webauthn.helpers import decode_credential_public_key, decoded_public_key_to_cryptography

    with _refusing():
        given = _read(response)
        _require_plain_attestation(given)
        made = webauthn.verify_registration_response(
            credential=given,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
        _require_own_page(given)
        # The library takes any key where there is no attestation: one that nobody can sign with is none.
        decoded_public_key_to_cryptography(decode_credential_public_key(made.credential_public_key))
        named = webauthn.base64url_to_bytes(given["rawId"])
    if not 0 < len(made.credential_id) <= _CREDENTIAL_ID_MAX or named != made.credential_id:
        raise Refused("passkey: its id is none")
    return NewPasskey(made.credential_id, made.credential_public_key, made.sign_count)


def to_authenticate(party: RelyingParty, challenge: bytes) -> str:
    """Options for `navigator.credentials.get`, as JSON. They name no credential, so they tell nobody who has one."""
    import webauthn
    from webauthn.helpers.structs import UserVerificationRequirement

    return webauthn.options_to_json(
        webauthn.generate_authentication_options(
            rp_id=party.id, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
        )
    )


def claimed(response: str) -> Claim:
    """Raises Refused where the response names no passkey or no account."""
    import webauthn

    with _refusing():
        given = _read(response)
        credential_id = webauthn.base64url_to_bytes(given["rawId"])
        account_id = webauthn.base64url_to_bytes(given["response"]["userHandle"]).hex()
    return Claim(passkey_id(credential_id), account_id)


def authenticated(party: RelyingParty, response: str, challenge: bytes, public_key: bytes) -> int:
    """How often the device says that the passkey was used. Raises Refused for anything but a response that holds."""
    import webauthn

    with _refusing():
        given = _read(response)
        verified = webauthn.verify_authentication_response(
            credential=given,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            # The library compares counts before it looks at the signature: then anybody could raise an incident.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
        _require_own_page(given)
    return verified.new_sign_count


def _read(response: str) -> dict[str, Any]:
    if len(response) > RESPONSE_LENGTH_MAX:
        raise Refused("passkey: the response is too long")
    given = json.loads(response)
    if not isinstance(given, dict):
        raise Refused("passkey: the response is no object")
    return given


def _require_plain_attestation(given: Mapping[str, Any]) -> None:
    """None was asked for, and all that parses certificates of makers stays unused. A device may sign for itself."""
    import webauthn
    from webauthn.helpers import parse_attestation_object

    made = parse_attestation_object(webauthn.base64url_to_bytes(given["response"]["attestationObject"]))
    if made.fmt not in ("none", "packed") or made.att_stmt.x5c is not None:
        raise Refused("passkey: an attestation that was not asked for")


def _require_own_page(given: Mapping[str, Any]) -> None:
    """Refuse what was made in a frame of another site's page."""
    import webauthn

    client = json.loads(webauthn.base64url_to_bytes(given["response"]["clientDataJSON"]))
    if client.get("crossOrigin", False) is not False or "topOrigin" in client:
        raise Refused("passkey: it was made in another site's page")


@contextmanager
def _refusing() -> Iterator[None]:
    """Refuse where the library, or what it stands on, gives a response up."""
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        yield
    except (
        WebAuthnException,
        InvalidSignature,
        UnsupportedAlgorithm,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise Refused("passkey: the response does not hold") from error
