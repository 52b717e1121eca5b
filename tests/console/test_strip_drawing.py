"""The drawing of a strip: all parts on one axis, at their true length, and told apart without colours."""

from itertools import pairwise

import pytest

from compliance.call_page.axis import RecordingFacts
from compliance.call_page.strip import Strip, strip_of
from console.calls.strip_drawing import Drawing, described, draw
from tests.compliance.call_page.told import RECORDING, Told, happens

MODE = {"mode": "opt_in"}
CONSENT: list[Told] = [
    (0, "call.received", MODE),
    (1, "disclosure.served", {}),
    (9, "disclosure.completed", {}),
    (14, "consent.choice", {"answer": "accepted", "digit": "1", "attempt": 1, "action": "record"}),
    (14, "recording.permitted", {"outcome": "consented"}),
]


def strip(length_s: float, *more: Told) -> Strip:
    found = strip_of(happens(*CONSENT, *more), RecordingFacts(RECORDING, length_ms=round(length_s * 1000)))
    assert found is not None
    return found


def share(text: str) -> float:
    return float(text.removesuffix("%"))


def paused(at_s: float, until_s: float) -> list[Told]:
    about = {"recording": RECORDING, "pause": 1}
    return [
        (14 + at_s, "recording.paused", {**about, "at_ms": round(at_s * 1000)}),
        (14 + until_s, "recording.resumed", {**about, "at_ms": round(until_s * 1000)}),
        (14 + until_s, "pause.ended", {"pause": 1, "how": "resumed"}),
    ]


def places(drawing: Drawing) -> dict[str, tuple[float, float]]:
    return {box.kind: (share(box.x), share(box.width)) for box in drawing.boxes}


@pytest.mark.parametrize("length_s", [90, 7_200])
def test_every_part_has_its_place_and_true_length_on_one_axis(length_s: float) -> None:
    found = strip(length_s, *paused(30, 38))
    whole_ms = found.ends_ms - found.begins_ms
    drawn = places(draw(found, [(10_000, 20_000)]))
    for span in found.spans:
        x, width = drawn[span.what]
        assert x * whole_ms / 100 == pytest.approx(span.from_ms - found.begins_ms, abs=5)
        assert width * whole_ms / 100 == pytest.approx(span.to_ms - span.from_ms, abs=5)
    assert drawn["pause"][1] * whole_ms / 100 == pytest.approx(8_000, abs=5)
    assert drawn["disclosure"][0] + drawn["disclosure"][1] < drawn["recording"][0]


def test_a_pause_lies_on_the_recording() -> None:
    kinds = [box.kind for box in draw(strip(90, *paused(30, 38)), []).boxes]
    assert kinds.index("recording") < kinds.index("pause")


def test_what_was_heard_is_cut_at_the_end_of_the_axis() -> None:
    found = strip(90)
    (heard,) = draw(found, [(80_000, 999_000), (999_000, 999_500)]).heard
    assert share(heard.x) + share(heard.width) == pytest.approx(100)


@pytest.mark.parametrize("length_s", [0.5, 3, 90, 600, 1_800, 7_200, 40 * 3_600])
def test_a_few_round_times_stand_above_however_long_the_call_is(length_s: float) -> None:
    ticks = draw(strip(length_s), []).ticks
    assert 1 <= len(ticks) <= 8
    assert "0:00" in [tick.text for tick in ticks]
    assert all(share(one.x) < share(other.x) for one, other in pairwise(ticks))
    assert all(0 <= share(tick.x) <= 100 for tick in ticks)


def test_a_name_is_written_into_a_part_only_where_it_has_room() -> None:
    labels = [{box.kind: box.label for box in draw(strip(length_s), []).boxes} for length_s in (30, 7_200)]
    assert labels[0]["disclosure"] == ""
    assert [each["recording"] for each in labels] == ["Recording", "Recording"]
    assert labels[1]["prompt"] == ""


def test_each_part_says_in_words_what_it_is() -> None:
    found = strip(90, *paused(30, 38))
    drawing = draw(found, [(0, 5_000)])
    said = [*[box.says for box in (*drawing.boxes, *drawing.heard)], *[line.says for line in drawing.lines]]
    assert "Question: key 1, accepted, −0:05.2 to −0:00.2" in said
    assert "Recording paused: resumed, 0:30.0 to 0:38.0" in said
    assert "Recording permitted: by key, −0:00.2" in said
    assert "Heard before, 0:00 to 0:05" in said
    assert described(next(span for span in found.spans if span.what == "disclosure")) == "Disclosure: played to its end"
