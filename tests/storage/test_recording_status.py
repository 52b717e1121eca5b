"""The provider's words for how a recording stands mean the same wherever it says them."""

import pytest

from policies.lifecycle import RecordingEvent
from storage.provider import recording_event


@pytest.mark.parametrize(
    ("status", "event"),
    [
        ("in-progress", RecordingEvent.IN_PROGRESS),
        ("paused", RecordingEvent.IN_PROGRESS),
        ("processing", RecordingEvent.IN_PROGRESS),
        ("completed", RecordingEvent.COMPLETED),
        ("absent", RecordingEvent.ABSENT),
        ("failed", RecordingEvent.ABSENT),
        ("a word of next year", RecordingEvent.IN_PROGRESS),
    ],
)
def test_a_status_of_a_recording_has_one_meaning(status: str, event: RecordingEvent) -> None:
    assert recording_event(status) is event
