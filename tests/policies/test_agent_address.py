"""One agent has one address, however the telephone company spells it."""

import pytest

from policies.agent_address import LENGTH_MAX, agent_address


@pytest.mark.parametrize(
    ("sent", "address"),
    [
        ("+14155550123", "+14155550123"),
        ("client:alice", "client:alice"),
        ("client:Alice.B-2", "client:Alice.B-2"),
        ("sip:desk@Example.com", "sip:desk@example.com"),
        ("sip:desk@example.com:5061;transport=tls", "sip:desk@example.com:5061"),
        ("sips:Desk@example.com?X-a=b", "sips:Desk@example.com"),
        ("", ""),
        ("anonymous", ""),
        ("14155550123", ""),
        ("+", ""),
        ("client:", ""),
        ("client:two words", ""),
        ("sip:example.com", ""),
        ("sip:a@b@c", ""),
        ("mailto:alice@example.com", ""),
        ("client:\x00", ""),
        ("sip:desk@example.com\n", ""),
        ("client:" + "a" * LENGTH_MAX, ""),
    ],
)
def test_an_agent_has_one_address_however_it_is_sent(sent: str, address: str) -> None:
    assert agent_address(sent) == address
    assert agent_address(address) == address
