"""The proof of an event, as a text that can be kept and checked without anything of ours."""

from hashlib import sha256

import pytest

from evidence.checkpoints import TlogProof
from storage.log import checkpoints
from storage.log.checkpoints import Signing
from tests.console.test_listening import OTHERS_LINE, Site, site
from tests.faults.conftest import premises
from tests.faults.premises import ONE_MACHINE

__all__ = ["premises", "site"]
pytestmark = ONE_MACHINE
SIGNING = Signing("log.example.com", [b"s" * 32])


def files(text: str) -> dict[str, str]:
    """As somebody cuts them out by hand."""
    rule = "-" * 72 + "\n"
    parts = text.split(rule)[1:]
    return {name.strip(): body[:-1] for name, body in zip(parts[::2], parts[1::2], strict=True)}


def test_an_event_comes_with_all_that_its_proof_needs(site: Site) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    site.premises.write(lambda c: checkpoints.sign(c, site.premises.moment(), SIGNING))
    index = site.events(recording, "recording.permitted")[0]["index"]
    answer, name = reviewer.get(f"/calls/{recording.call_id}/events/{index}/proof"), f"event-{index:012d}"
    assert answer.mimetype == "text/plain"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.txt"'
    found = files(answer.text)
    assert found.keys() == {"README.txt", f"{name}.json", f"{name}.tlog-proof", "keys.txt"}
    leaf = found[f"{name}.json"].removesuffix("\n")
    proof = TlogProof.parse(found[f"{name}.tlog-proof"])
    assert proof.check(sha256(b"\0" + leaf.encode()).digest()).size > index
    assert '"type":"recording.permitted"' in leaf
    assert "python3 bundle/verify.py" in found["README.txt"]
    assert "VKEY" in found["README.txt"]


def test_an_event_that_is_not_signed_yet_says_so(site: Site) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    answer = reviewer.get(f"/calls/{recording.call_id}/events/2/proof")
    assert answer.status_code == 200
    assert "ask again in a minute" in answer.text


@pytest.mark.parametrize("index", [999, 10**14, 10**15, 10**30])
def test_an_event_that_is_none_is_not_there(site: Site, index: int) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    assert reviewer.get(f"/calls/{recording.call_id}/events/{index}/proof").status_code == 404


def test_an_event_of_another_call_is_not_there(site: Site) -> None:
    one, other = site.premises.stored(), site.premises.stored()
    index = int(site.events(other, "recording.stored")[0]["index"])
    reviewer = site.staff.somebody()
    wrong = reviewer.get(f"/calls/{one.call_id}/events/{index}/proof")
    stranger = site.staff.somebody(everywhere=False, lines=[OTHERS_LINE])
    assert wrong.status_code == 404
    assert wrong.data == stranger.get(f"/calls/{other.call_id}/events/{index}/proof").data
    assert reviewer.get(f"/calls/{other.call_id}/events/{index}/proof").status_code == 200
