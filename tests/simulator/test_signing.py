"""Our own signature gives what Twilio's published vectors give, and what Twilio's own validator accepts."""

import pytest
from twilio.request_validator import RequestValidator

from simulator.signing import signature, signed_url

TOKEN = "12345"  # the token of Twilio's published vectors
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
PARAMS = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (URL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (URL.replace(".com", ".com:1234"), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (URL.replace("https", "http").replace(".com", ".com:1234"), "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        (URL.replace("//", "//user:pass@"), "CukzLTc1tT5dXEDIHm/tKBanW10="),
        (URL + "&Body=It's+amazing", "TfZzewPq8wqrGlMfyAud8+/IvJ0="),
        (URL + "#rc=2&rp=5xx", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    ],
)
def test_the_published_vectors_come_out(url: str, expected: str) -> None:
    assert signature(TOKEN, signed_url(url), PARAMS) == expected


def test_repeated_parameters_are_signed_once_each_in_order() -> None:
    params = {"Sid": "CA123", "SidAccount": "AC123", "Digits": ["5678", "1234", "1234"]}
    assert signature(TOKEN, URL, params) == "IK+Dwps556ElfBT0I3Rgjkr1wJU="


def test_twilios_own_validator_accepts_it_and_notices_one_changed_parameter() -> None:
    signed = signature(TOKEN, URL, PARAMS)
    assert RequestValidator(TOKEN).validate(URL, PARAMS, signed)
    assert not RequestValidator(TOKEN).validate(URL, PARAMS | {"Digits": "2"}, signed)
