"""Of a person, the provider's claims are believed only as far as they can be shown and kept."""

import pytest

from policies.identity import Identity, identity_of

ISSUER = "https://idp.example"


def identity(**claims: object) -> Identity:
    found = identity_of(ISSUER, {"sub": "alice-1", **claims})
    assert found
    return found


def test_a_subject_alone_is_an_identity() -> None:
    assert identity() == Identity(ISSUER, "alice-1", "", "", False, ())


@pytest.mark.parametrize("subject", ["a", "a" * 255, "auth0|5f7c8ec7c33c6c004bbafe82", "CN=Alice Example,O=Staff"])
def test_a_subject_that_can_be_kept(subject: str) -> None:
    assert identity(sub=subject).subject == subject


@pytest.mark.parametrize("subject", ["", " ", "a" * 256, "alice\n", "alicé", "\ud800", 7, None, ["alice-1"], True])
def test_a_subject_that_cannot_be_kept_is_nobody(subject: object) -> None:
    assert identity_of(ISSUER, {"sub": subject}) is None


def test_no_subject_is_nobody() -> None:
    assert identity_of(ISSUER, {"name": "Alice"}) is None


@pytest.mark.parametrize(
    ("claim", "name"),
    [
        ("Alice Example", "Alice Example"),
        ("  Åse Ødegård ", "Åse Ødegård"),
        ("Alice\u202eelpmaxE", "AliceelpmaxE"),
        ("Alice\r\nBob", "AliceBob"),
        ("a" * 500, "a" * 200),
        (7, ""),
        (None, ""),
    ],
)
def test_a_name_is_shown_without_what_would_mislead(claim: object, name: str) -> None:
    assert identity(name=claim).name == name


@pytest.mark.parametrize("email", ["alice@staff.example", "a+b@c", "o'hara@staff.example"])
def test_an_address_is_verified_where_the_provider_says_so(email: str) -> None:
    known = identity(email=email, email_verified=True)
    assert (known.email, known.email_is_verified) == (email, True)


@pytest.mark.parametrize("claim", [False, None, "true", "false", 1, [True]])
def test_an_address_is_not_verified_by_anything_but_true(claim: object) -> None:
    assert not identity(email="alice@staff.example", email_verified=claim).email_is_verified


@pytest.mark.parametrize(
    "email", ["", "alice", "@b", "a@", "a b@c", "a@b@c", "a@b\n", "a@b\u202e", "a" * 250 + "@b.example", 7, None]
)
def test_what_is_no_address_is_none_and_not_verified(email: object) -> None:
    known = identity(email=email, email_verified=True)
    assert (known.email, known.email_is_verified) == ("", False)


@pytest.mark.parametrize(
    ("claim", "methods"),
    [
        (["pwd", "otp", "mfa"], ("pwd", "otp", "mfa")),
        (["http://schemas.example/claims/multipleauthn"], ("http://schemas.example/claims/multipleauthn",)),
        (["pwd", 7, "", "m f a", "x" * 65, None], ("pwd",)),
        (["m"] * 40, ("m",) * 16),
        ("mfa", ()),
        (None, ()),
    ],
)
def test_the_methods_are_those_that_are_names(claim: object, methods: tuple[str, ...]) -> None:
    assert identity(amr=claim).authenticated_with == methods


@pytest.mark.parametrize(
    ("claim", "acr"),
    [
        ("phr", "phr"),
        ("urn:mace:incommon:iap:silver", "urn:mace:incommon:iap:silver"),
        (None, ""),
        ("", ""),
        ("a b", ""),
        (["phr"], ""),
        (1, ""),
        ("x" * 65, ""),
        ("phr\n", ""),
    ],
)
def test_the_class_of_the_authentication_is_read_as_it_is(claim: object, acr: str) -> None:
    assert identity(acr=claim).acr == acr
