"""A key with a certificate of an authority's, as an operator would get one."""

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.evidence.told_calls import NOON


def certified_by_authorities(count: int) -> bytes:
    """In PEM: a key, its certificate, and those of so many authorities, each certified by the next."""
    keys = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(count + 1)]
    chain = [_certificate(n, keys[n], min(n + 1, count), keys[min(n + 1, count)]) for n in range(count + 1)]
    private = keys[0].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + b"".join(one.public_bytes(Encoding.PEM) for one in chain)


def _certificate(subject: int, key: RSAPrivateKey, issuer: int, issuing: RSAPrivateKey) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(subject + 1)
        .not_valid_before(NOON)
        .not_valid_after(NOON + timedelta(days=365))
        .sign(issuing, SHA256())
    )


def _name(n: int) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority {n}" if n else "Email Customer Support")])
