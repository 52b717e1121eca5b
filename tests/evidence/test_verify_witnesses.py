"""What a reader of a bundle is told of a witness: which events it vouches for, since when, and which it does not."""

from pathlib import Path

import pytest

from evidence.notes import Signer
from tests.evidence.cheats import SIGNER, Cosigner, Log, at, event, sealed
from tests.evidence.test_verify import told

WITNESS, OTHER = Cosigner(), Cosigner("other.example")
LOG = Log([event("log.named"), *[event("self.test", nth=n) for n in range(9)]])
THEN, LATER = at("2026-11-25T00:01:00Z"), at("2026-11-25T00:02:00Z")


def by(
    folder: Path, *witnesses: Cosigner, cosigned: dict[int, tuple[Cosigner, int]], part: tuple[int, ...]
) -> list[str]:
    lines = told(LOG.part(*part, cosigned=cosigned), folder, witnesses=tuple(str(one.vkey) for one in witnesses))
    return [line for line in lines if not line.startswith("Event ")]


def test_an_earlier_checkpoint_that_was_cosigned_counts_for_the_events_that_it_covers(tmp_path: Path) -> None:
    """The witness was away when the bundle was made: it says no less than it did before."""
    lines = by(tmp_path, WITNESS, cosigned={4: (WITNESS, THEN)}, part=(0, 2, 3, 5, 8))
    assert lines[1] == ("OK: cosigned by witness.example at 2026-11-25T00:01:00Z, with 4 events, which had 3 of these")
    assert "nothing else: the last 2 of these events, from event 5 (self.test, dated " in lines[-1]
    assert " to event 8 (self.test, dated " in lines[-1]


def test_each_checkpoint_that_was_cosigned_dates_what_it_has(tmp_path: Path) -> None:
    cosigned = {1: (WITNESS, THEN - 60), 4: (WITNESS, THEN), 10: (WITNESS, LATER)}
    lines = by(tmp_path, WITNESS, cosigned=cosigned, part=(0, 2, 8))
    assert [line for line in lines if "cosigned" in line] == [
        "OK: cosigned by witness.example at 2026-11-25T00:00:00Z, with 1 events, which had 1 of these",
        "OK: cosigned by witness.example at 2026-11-25T00:01:00Z, with 4 events, which had 2 of these",
        "OK: cosigned by witness.example at 2026-11-25T00:02:00Z",
    ]
    assert not any(line.startswith("WARNING") for line in lines)


def test_of_two_witnesses_only_what_both_have_cosigned_is_vouched_for(tmp_path: Path) -> None:
    cosigned = {4: (OTHER, THEN), 9: (WITNESS, LATER)}
    assert "the last 2 of" in by(tmp_path / "both", WITNESS, OTHER, cosigned=cosigned, part=(1, 4, 8))[-1]
    assert not by(tmp_path / "one", WITNESS, cosigned=cosigned, part=(1, 4, 8))[-1].startswith("WARNING")


def test_one_that_has_cosigned_none_of_these_events_leaves_them_to_the_operators_word(tmp_path: Path) -> None:
    lines = by(tmp_path, WITNESS, cosigned={2: (WITNESS, THEN)}, part=(3, 4))
    assert "with 2 events, which had 0 of these" in lines[1]
    assert "the last 2 of these events" in lines[-1]


def test_one_that_has_cosigned_nothing_at_all_is_no_witness(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a witness that you named has not cosigned"):
        by(tmp_path, WITNESS, OTHER, cosigned={4: (WITNESS, THEN)}, part=(1, 4, 8))


def test_what_a_witness_saw_under_another_name_of_the_operators_counts_for_nothing(tmp_path: Path) -> None:
    """A name is quickly made, and a witness keeps apart what it saw under each: another history, say."""
    other = Signer("log.example/2", SIGNER.seed)
    files = LOG.part(1, 4, 8, older=[6])
    note = LOG.signed(6)
    renamed = type(note)(note.text.replace(SIGNER.name, other.name), ())
    renamed = renamed.with_more([other.sign(renamed.text)])
    path, _, _ = files["consistency/000000000006"].decode().partition("\n\n")
    cosigned = f"{path}\n\n{renamed.with_more([WITNESS.on(renamed, THEN)])}"
    keys = files["keys.txt"] + f"log {other.vkey}\n".encode()
    cheat = sealed({**files, "consistency/000000000006": cosigned.encode(), "keys.txt": keys})
    with pytest.raises(ValueError, match="a witness that you named has not cosigned"):
        told(cheat, tmp_path, witnesses=(str(WITNESS.vkey),))


def test_a_cosignature_that_does_not_fit_is_said_wherever_it_stands(tmp_path: Path) -> None:
    files = LOG.part(1, 4, 8, cosigned={6: (WITNESS, THEN)})
    line = str(WITNESS.on(LOG.signed(5), THEN)).encode()
    note = files["consistency/000000000006"].rsplit("\u2014".encode(), 1)[0] + line
    with pytest.raises(ValueError, match="the signature of witness.example does not fit"):
        told(sealed({**files, "consistency/000000000006": note}), tmp_path, witnesses=(str(WITNESS.vkey),))
