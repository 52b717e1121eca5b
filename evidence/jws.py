"""The signed form of a vCon: General JWS JSON (RFC 7515 §7.2.1) under RS256, with the certificates beside it.

`alg` stands in the protected header, `x5c` and `uuid` in the unprotected one: no name stands in both, as the RFC wants.
A self-signed certificate shows whether a document was altered, and not who signed it.
"""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import Certificate, load_pem_x509_certificates

KEY_BITS_MIN = 2048
_PROTECTED = {"alg": "RS256"}


class NotACertifiedKey(ValueError):
    """The text is not an RSA key with the chain of its certificates."""


@dataclass(frozen=True)
class CertifiedKey:
    """The first certificate is of the key itself; each next certificate is of the issuer of the one before."""

    key: RSAPrivateKey = field(repr=False)
    chain: tuple[Certificate, ...]

    @property
    def is_self_signed(self) -> bool:
        return self.chain[0].issuer == self.chain[0].subject


def read_certified_key(pem: bytes) -> CertifiedKey:
    """Key and certificates in one PEM text, in any order of the two. Raises NotACertifiedKey."""
    try:
        key, chain = load_pem_private_key(pem, password=None), tuple(load_pem_x509_certificates(pem))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise NotACertifiedKey("no unencrypted key and certificate in PEM") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < KEY_BITS_MIN:
        raise NotACertifiedKey(f"no RSA key of {KEY_BITS_MIN} bits or more")
    certified = chain[0].public_key()
    if not isinstance(certified, RSAPublicKey) or certified.public_numbers() != key.public_key().public_numbers():
        raise NotACertifiedKey("the first certificate is of another key")
    return CertifiedKey(key, chain)


def signed(document: Mapping[str, object], signer: CertifiedKey) -> dict[str, object]:
    """The signed form of a document, which has a `uuid`."""
    payload = _base64url(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())
    protected = _base64url(json.dumps(_PROTECTED, separators=(",", ":")).encode())
    signature = signer.key.sign(f"{protected}.{payload}".encode("ascii"), PKCS1v15(), SHA256())
    header = {
        "x5c": [b64encode(certificate.public_bytes(Encoding.DER)).decode("ascii") for certificate in signer.chain],
        "uuid": document["uuid"],
    }
    return {
        "payload": payload,
        "signatures": [{"header": header, "protected": protected, "signature": _base64url(signature)}],
    }


def _base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
