"""A path belongs to one endpoint or to none, whatever stands in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflow.routes import ENDPOINTS, NOWHERE, Endpoint, Route, needs_no_signature, route_of

CALL, MAC = "0" * 32, "x" * 43
VALUES = {"call_id": CALL, "round_": "1", "prompt": "12", "stay": "1-2", "state": "recorded"}
EACH = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)


def path_of(endpoint: Endpoint, **other: str) -> str:
    arguments = [{**VALUES, **other}[name] for name in endpoint.arguments]
    return "/".join([endpoint.path, *arguments, *[MAC] * endpoint.has_mac])


@EACH
def test_each_endpoint_is_found_by_its_path_with_its_arguments(endpoint: Endpoint) -> None:
    arguments = {name: VALUES[name] for name in endpoint.arguments}
    found = Route(endpoint.name, arguments, MAC if endpoint.has_mac else None)
    path = path_of(endpoint)
    assert route_of(path) == route_of(f"{path}/") == route_of(f"/{path}") == found
    assert found.step == next((VALUES[name] for name in endpoint.arguments if name != "call_id"), "")


@EACH
def test_any_other_path_leads_nowhere(endpoint: Endpoint) -> None:
    path = path_of(endpoint)
    wrong = [f"{path}//", f"{path}/x", path[1:], f"/{path[1:].replace('/', '//', 1)}", path.upper()]
    wrong += [path.rpartition("/")[0], path.rpartition("/")[0] + "/"]
    for number in ("-1", "1.0", "", "1 ", "+1", "٣", "9" * 10, "1_0"):
        for name in {"round_", "prompt"} & set(endpoint.arguments):
            wrong.append(path_of(endpoint, **{name: number}))
    assert [one for one in wrong if route_of(one) != NOWHERE] == []


@pytest.mark.parametrize("path", ["/healthz", "/readyz", f"/voice/audio/{'a' * 64}/{MAC}"])
def test_health_and_prompts_need_no_signature_to_be_read(path: str) -> None:
    assert all(needs_no_signature(method, spelt) for method in ("GET", "HEAD") for spelt in (path, f"{path}/"))
    beside = [f"{path}//", f"/{path}", f"{path}/x", path.rpartition("/")[0], path.upper()]
    assert not [one for one in beside if needs_no_signature("GET", one)]
    assert not any(needs_no_signature(method, path) for method in ("POST", "OPTIONS", "PUT", "get"))


@given(st.text() | st.lists(st.sampled_from(["voice", "consent", "callbacks", "1", "", "é"])).map("/".join))
def test_no_path_makes_it_fail(path: str) -> None:
    assert route_of(path).endpoint in {"", *(endpoint.name for endpoint in ENDPOINTS)}
