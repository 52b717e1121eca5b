"""The identity of a member of staff as an identity provider vouches for it, and how its claims are read (OpenID Connect
Core 1.0, 5.1).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

SUBJECT_LENGTH_MAX = 255
_NAME_LENGTH_MAX = 200
_METHODS_MAX = 16
_EMAIL = re.compile(r"(?=.{3,254}\Z)[^@\s]+@[^@\s]+")
_METHOD = re.compile(r"[!-~]{1,64}")


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt to sign on. The browser is sent to `url`; the rest is secret, and kept until that browser is back."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """`issuer` and `subject` together name one person for good. The rest is for display: a provider may change it, and
    may give it to another person later.
    """

    issuer: str
    subject: str
    name: str
    """Empty where the provider gives none, as with the email address."""
    email: str
    email_is_verified: bool
    authenticated_with: tuple[str, ...]
    """By the names of RFC 8176, such as pwd, otp, hwk or mfa; empty where the provider does not say."""
    acr: str = ""
    """The class of the authentication, such as phr (OpenID Connect EAP ACR Values 1.0); empty as above."""


def identity_of(issuer: str, claims: Mapping[str, object]) -> Identity | None:
    """The identity in the claims of an ID token that was verified. None: the subject is not one that can be kept."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _is_subject(subject):
        return None
    email = _email(claims.get("email"))
    return Identity(
        issuer=issuer,
        subject=subject,
        name=_name(claims.get("name")),
        email=email,
        # Some providers write "true", a text: an address that is in doubt is not verified.
        email_is_verified=bool(email) and claims.get("email_verified") is True,
        authenticated_with=_methods(claims.get("amr")),
        acr=_class(claims.get("acr")),
    )


def _is_subject(text: str) -> bool:
    """OpenID Connect allows 255 ASCII characters."""
    return 0 < len(text) <= SUBJECT_LENGTH_MAX and text.isascii() and text.isprintable() and not text.isspace()


def _name(claim: object) -> str:
    """Without control characters, and without those that turn the direction of the text around them."""
    text = claim if isinstance(claim, str) else ""
    return "".join(filter(str.isprintable, text)).strip()[:_NAME_LENGTH_MAX]


def _email(claim: object) -> str:
    is_email = isinstance(claim, str) and claim.isprintable() and _EMAIL.fullmatch(claim)
    return str(claim) if is_email else ""


def _methods(claim: object) -> tuple[str, ...]:
    listed = claim if isinstance(claim, list) else []
    return tuple(one for one in listed if isinstance(one, str) and _METHOD.fullmatch(one))[:_METHODS_MAX]


def _class(claim: object) -> str:
    return claim if isinstance(claim, str) and _METHOD.fullmatch(claim) else ""
