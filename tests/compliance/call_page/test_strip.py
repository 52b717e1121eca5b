"""The strip of a call: every outcome on one axis, in order, with nothing outside it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.call_log import CallLog, Entry
from compliance.call_page.axis import POSITION_MS, PlacedBy, RecordingFacts
from compliance.call_page.strip import Strip, strip_of
from compliance.call_page.strip_parts import HOW, NAMES, Span, What
from policies.consent import Outcome
from policies.lifecycle import RecordingState
from tests.callflow.conftest import Installation, PhoneCall
from tests.callflow.whole_calls import (
    MUST_RECORD,
    NEVER,
    NOTICE,
    SILENCE_IS_CONSENT,
    falls_back,
    hangs_up,
    is_asked_again,
    is_missed,
    is_never_asked,
    is_turned_away,
    talks,
)
from tests.compliance.call_page.told import RECORDING, Told, drawn, happens
from tests.conftest import NOON

ASKED: Told = (0, "call.received", {"mode": "opt_in"})
SERVED: Told = (0, "disclosure.served", {})
COMPLETED: Told = (10, "disclosure.completed", {})
AGREED: list[Told] = [
    ASKED,
    SERVED,
    COMPLETED,
    (14, "consent.choice", {"attempt": 1, "digit": "1", "answer": "accepted", "action": "record"}),
    (14, "recording.permitted", {"outcome": "consented"}),
]


def is_cut_short(call: PhoneCall) -> None:
    call.talks(call.hears_the_disclosure(call.arrives(), seconds=2.0))
    call.ends()


def hangs_up_at_the_question(call: PhoneCall) -> None:
    call.to_the_question()
    call.ends()


def fails_in_the_disclosure(call: PhoneCall) -> None:
    call.arrives()
    call.twilio.post("/voice/fallback", call.params(ErrorCode="11200", ErrorUrl=""))
    call.ends()


CALLS: list[tuple[str, Callable[[PhoneCall], object], Outcome, list[str]]] = [
    (
        "",
        lambda call: talks(call, "9", "1"),
        Outcome.CONSENTED,
        [
            "-23 received",
            "-23 to -8 disclosure played",
            "-8 to -4 prompt #1 [9] repeat -> ask",
            "-4 to 0 prompt #2 [1] accepted -> record",
            "0 to 30 recording call_over",
            "0 permitted consented",
            "0 started",
            "60 conversation_ended with_agent",
            "61 over consented",
        ],
    ),
    (
        NOTICE,
        talks,
        Outcome.CONSENTED_BY_STAYING,
        [
            "-15 received",
            "-15 to 0 disclosure played",
            "0 to 30 recording call_over",
            "0 permitted consented_by_staying",
            "0 started",
            "60 conversation_ended with_agent",
            "61 over consented_by_staying",
        ],
    ),
    (
        SILENCE_IS_CONSENT,
        lambda call: talks(call, "", ""),
        Outcome.CONSENTED_BY_STAYING,
        [
            "-23 received",
            "-23 to -8 disclosure played",
            "-8 to -4 prompt #1 silent -> ask",
            "-4 to 0 prompt #2 silent -> record",
            "0 to 30 recording call_over",
            "0 permitted consented_by_staying",
            "0 started",
            "60 conversation_ended with_agent",
            "61 over consented_by_staying",
        ],
    ),
    (
        "",
        lambda call: talks(call, "2"),
        Outcome.DECLINED,
        [
            "0 received",
            "0 to 15 disclosure played",
            "15 to 19 prompt #1 [2] declined -> suppress",
            "19 suppressed declined",
            "79 conversation_ended with_agent",
            "80 over declined",
        ],
    ),
    (
        MUST_RECORD,
        is_turned_away,
        Outcome.DECLINED,
        [
            "0 received",
            "0 to 15 disclosure played",
            "15 to 19 prompt #1 [2] declined -> end",
            "19 refused declined",
            "20 over declined",
        ],
    ),
    (
        "",
        lambda call: talks(call, "", ""),
        Outcome.SILENT,
        [
            "0 received",
            "0 to 15 disclosure played",
            "15 to 19 prompt #1 silent -> ask",
            "19 to 23 prompt #2 silent -> suppress",
            "23 suppressed silent",
            "83 conversation_ended with_agent",
            "84 over silent",
        ],
    ),
    (
        "",
        lambda call: talks(call, "4111", "#"),
        Outcome.UNCLEAR,
        [
            "0 received",
            "0 to 15 disclosure played",
            "15 to 19 prompt #1 unrecognized -> ask",
            "19 to 23 prompt #2 [#] unrecognized -> suppress",
            "23 suppressed unclear",
            "83 conversation_ended with_agent",
            "84 over unclear",
        ],
    ),
    (
        "",
        hangs_up,
        Outcome.HUNG_UP_IN_DISCLOSURE,
        ["0 received", "0 to 1 disclosure left", "1 over hung_up_in_disclosure"],
    ),
    (
        "",
        hangs_up_at_the_question,
        Outcome.HUNG_UP_IN_CHOICE,
        ["0 received", "0 to 15 disclosure played", "15 to 16 prompt left", "16 over hung_up_in_choice"],
    ),
    (
        "",
        is_cut_short,
        Outcome.DISCLOSURE_CUT_SHORT,
        [
            "0 received",
            "0 to 2 disclosure cut_short",
            "2 suppressed disclosure_cut_short",
            "62 conversation_ended with_agent",
            "63 over disclosure_cut_short",
        ],
    ),
    (
        "",
        fails_in_the_disclosure,
        Outcome.DISCLOSURE_FAILED,
        [
            "0 received",
            "0 to 0 disclosure failed",
            "0 fallback",
            "0 suppressed disclosure_failed",
            "1 over disclosure_failed",
        ],
    ),
    (
        NEVER,
        is_never_asked,
        Outcome.NOT_ASKED,
        ["0 received", "0 suppressed not_asked", "60 conversation_ended with_nobody", "61 over not_asked"],
    ),
    (
        "",
        falls_back,
        Outcome.NOT_ASKED,
        [
            "0 received",
            "0 to 15 disclosure played",
            "15 to 15 prompt failed",
            "15 fallback",
            "15 suppressed not_asked",
            "16 over not_asked",
        ],
    ),
    ("", is_missed, Outcome.NOT_ASKED, ["0 received", "0 suppressed not_asked", "0 over not_asked"]),
    (
        "",
        lambda call: is_asked_again(call, "1", "2"),
        Outcome.WITHDRAWN,
        [
            "-19 received",
            "-19 to 80 round #1 again",
            "-19 to -4 disclosure played",
            "-4 to 0 prompt #1 [1] accepted -> record",
            "0 permitted consented",
            "0 to 160 recording call_over",
            "0 started",
            "60 conversation_ended with_agent",
            "80 sent_back #2",
            "80 to 160 round #2",
            "80 to 95 disclosure played",
            "95 to 99 prompt #2 [2] declined -> withdraw",
            "99 withdrawn caller",
            "159 conversation_ended with_nobody",
            "160 over withdrawn",
        ],
    ),
]


@pytest.mark.parametrize(("line", "act", "outcome", "lines"), CALLS)
def test_the_strip_of_a_call_tells_it_from_the_first_word_to_the_last(
    installation: Installation, line: str, act: Callable[[PhoneCall], object], outcome: Outcome, lines: list[str]
) -> None:
    call = installation.twilio.dial(line) if line else installation.twilio.dial()
    act(call)
    assert installation.call(call.sid).outcome == outcome
    strip = strip_in(installation, call.sid)
    assert sorted(drawn(strip)) == sorted(lines)
    assert strip is not None
    assert strip.is_over
    assert {part.how for part in strip.in_order} <= HOW.keys()
    assert (strip.begins_ms, strip.ends_ms) == (strip.in_order[0].from_ms, round(float(lines[-1].split()[0]) * 1000))


def test_every_outcome_has_a_call_whose_strip_is_told() -> None:
    assert {outcome for _, _, outcome, _ in CALLS} == {*Outcome}


def strip_in(installation: Installation, sid: str) -> Strip | None:
    covered = [row for row in installation.recordings(sid) if row.permit]
    facts = [
        RecordingFacts(row.id, row.started_at, row.duration_s * 1000 if row.duration_s is not None else None)
        for row in covered
        if row.state is not RecordingState.ABSENT
    ]
    with installation.database.read() as connection:
        log = CallLog.read(connection, installation.call(sid).id)
    return strip_of(log.entries, facts[0] if facts else None)


def recorded(*more: Told) -> list[Entry]:
    """A call that was permitted at its 14th second, and its recording was heard of a second later."""
    return happens(*AGREED, (15, "recording.started", {"recording": RECORDING}), *more)


def spans(strip: Strip | None, what: What) -> list[Span]:
    assert strip is not None
    return [span for span in strip.spans if span.what is what]


def test_a_pause_lies_where_the_recording_has_it_whatever_the_clocks_say() -> None:
    pause: dict[str, Any] = {"pause": 7, "recording": RECORDING}
    told = recorded(
        (30, "pause.asked", {"pause": 7, "limit_s": 300}),
        (33, "recording.paused", {**pause, "at_ms": 18_200}),
        (63, "recording.resumed", {**pause, "at_ms": 48_100}),
        (63, "pause.ended", {"pause": 7, "how": "resumed"}),
        (90, "call.completed", {"outcome": "consented"}),
    )
    (pause_span,) = spans(strip_of(told, RecordingFacts(RECORDING, length_ms=75_000)), What.PAUSE)
    assert (pause_span.from_ms, pause_span.to_ms, pause_span.how) == (18_200, 48_100, "resumed")
    assert (pause_span.number, pause_span.give_or_take_ms) == (7, POSITION_MS)


def test_a_pause_without_a_position_lies_where_the_log_has_it() -> None:
    pause = {"pause": 7, "recording": RECORDING}
    told = recorded((33, "recording.paused", pause), (63, "pause.ended", {"pause": 7, "how": "limit"}))
    strip = strip_of(told, RecordingFacts(RECORDING, length_ms=48_000))
    (pause_span,) = spans(strip, What.PAUSE)
    assert strip is not None
    assert (pause_span.from_ms, pause_span.to_ms) == (18_500, 48_500)
    assert (pause_span.give_or_take_ms, strip.zero.give_or_take_ms) == (500, 500)


def test_a_pause_that_is_not_over_lasts_to_the_end_of_the_axis() -> None:
    told = recorded(
        (33, "recording.paused", {"pause": 7, "recording": RECORDING, "at_ms": 18_000}), (50, "call.unread", {})
    )
    (pause_span,) = spans(strip_of(told, RecordingFacts(RECORDING)), What.PAUSE)
    assert (pause_span.to_ms, pause_span.how) == (35_250, "open")


def test_two_pauses_are_told_apart() -> None:
    pauses = [
        (second + number, name, {"pause": number, "recording": RECORDING, **more})
        for number in (1, 2)
        for second, name, more in (
            (20 * number, "recording.paused", {}),
            (20 * number + 5, "pause.ended", {"how": "resumed"}),
        )
    ]
    found = spans(strip_of(recorded(*pauses), RecordingFacts(RECORDING)), What.PAUSE)
    assert [(span.number, span.to_ms - span.from_ms) for span in found] == [(1, 5_000), (2, 5_000)]


def test_a_step_that_was_settled_late_lies_where_it_came() -> None:
    came = (NOON + timedelta(seconds=14)).isoformat()
    told = happens(
        ASKED,
        SERVED,
        COMPLETED,
        (70, "call.completed", {"outcome": "not_asked"}),
        (300, "step.settled_late", {"step": "consent", "received_at": came, "was_connected": True}),
        (300, "consent.choice", {"attempt": 1, "digit": "2", "answer": "declined", "action": "suppress"}),
        (300, "recording.suppressed", {"outcome": "declined"}),
    )
    strip = strip_of(told, None)
    assert drawn(strip) == [
        "0 received",
        "0 to 10 disclosure played",
        "10 to 14 prompt #1 [2] declined -> suppress",
        "14 suppressed declined",
        "70 over not_asked",
    ]
    assert strip is not None
    assert [part.what for part in strip.in_order if part.is_late] == [What.PROMPT, What.SUPPRESSED]


def test_what_happened_after_the_call_stands_beside_the_axis() -> None:
    told = recorded(
        (90, "call.completed", {"outcome": "consented"}),
        (86_400, "consent.withdrawn", {"by": "request"}),
        (86_401, "recording.stopped", {"recording": RECORDING, "seen": "gone"}),
    )
    strip = strip_of(told, RecordingFacts(RECORDING, length_ms=75_000))
    assert strip is not None
    assert strip.ends_ms == 75_500
    assert [(later.mark.what, later.mark.how) for later in strip.later] == [
        (What.WITHDRAWN, "request"),
        (What.STOPPED, ""),
    ]
    assert strip.later[0].at_ms == (NOON + timedelta(days=1)).timestamp() * 1000


def test_a_report_that_the_end_of_the_call_overtook_still_belongs_to_it() -> None:
    told = recorded(
        (90, "call.completed", {}), (120, "conversation.ended", {"bridged": True}), (121, "call.unread", {})
    )
    strip = strip_of(told, RecordingFacts(RECORDING))
    assert strip is not None
    assert strip.marks[-1].what is What.CONVERSATION_ENDED
    assert [later.mark.what for later in strip.later] == [What.UNREAD]


def test_a_call_that_is_under_way_ends_with_its_last_event() -> None:
    strip = strip_of(happens(ASKED, SERVED, (10, "disclosure.completed", {})), None)
    assert drawn(strip) == ["0 received", "0 to 10 disclosure played", "10 to 10 prompt open"]
    assert strip is not None
    assert not strip.is_over


def test_a_refusal_that_comes_out_of_turn_is_a_key_of_its_own() -> None:
    told = happens(*AGREED, (40, "consent.choice", {"attempt": 1, "digit": "2", "answer": "declined"}))
    assert "40 key #1 [2] declined" in drawn(strip_of(told, None))


def test_a_language_menu_is_a_span_with_how_it_ended() -> None:
    told = happens(
        ASKED,
        (0, "language.asked", {"languages": ["en", "es"]}),
        (4, "language.chosen", {"language": "es", "input": "dtmf"}),
        (4, "disclosure.served", {}),
        (9, "call.hung_up", {}),
    )
    assert drawn(strip_of(told, None))[1:] == ["0 to 4 language_menu chosen", "4 to 9 disclosure left", "9 hung_up"]


def test_the_recording_of_another_is_not_drawn() -> None:
    told = recorded(
        (20, "recording.started", {"recording": "x" * 32}), (40, "recording.stopped", {"recording": "x" * 32})
    )
    strip = strip_of(told, RecordingFacts(RECORDING))
    (recording,) = spans(strip, What.RECORDING)
    assert strip is not None
    assert recording.how == "open"
    assert [mark.what for mark in strip.marks] == [What.RECEIVED, What.PERMITTED, What.STARTED]


def test_a_recording_that_is_stopped_ends_there() -> None:
    told = recorded((40, "recording.stopped", {"recording": RECORDING, "seen": "stopped"}), (90, "call.completed", {}))
    (recording,) = spans(strip_of(told, RecordingFacts(RECORDING)), What.RECORDING)
    assert (recording.to_ms, recording.how) == (25_500, "stopped")


def test_a_call_without_events_has_no_strip() -> None:
    assert strip_of([], None) is None


def test_a_call_whose_beginning_is_missing_is_drawn_from_what_there_is() -> None:
    strip = strip_of(happens((5, "disclosure.completed", {}), (9, "consent.choice", {"digit": "1"})), None)
    assert drawn(strip) == ["0 to 4 prompt [1]"]


@pytest.mark.parametrize(
    ("facts", "more", "placed_by", "at", "give_or_take_ms"),
    [
        # Between the permit at 14 and the first news at 15.
        (RecordingFacts(RECORDING), [], PlacedBy.LOG, 14_500, 500),
        # The whole second 14, of which the log leaves all.
        (RecordingFacts(RECORDING, NOON + timedelta(seconds=14)), [], PlacedBy.PROVIDER, 14_500, 500),
        # The whole second 13, of which the log leaves nothing; so its clock is another.
        (RecordingFacts(RECORDING, NOON + timedelta(seconds=12)), [], PlacedBy.LOG, 14_500, 500),
        (RecordingFacts(RECORDING, NOON + timedelta(hours=1)), [], PlacedBy.LOG, 14_500, 500),
        # Paused at 33, 18.7 s into it: begun at 14.3, give or take half a second, and not before 14.
        (
            RecordingFacts(RECORDING, NOON + timedelta(seconds=13)),
            [(33, "recording.paused", {"pause": 1, "recording": RECORDING, "at_ms": 18_700})],
            PlacedBy.PAUSE,
            14_400,
            400,
        ),
        # Another's pause places nothing.
        (
            RecordingFacts(RECORDING),
            [(33, "recording.paused", {"pause": 1, "recording": "x" * 32, "at_ms": 18_700})],
            PlacedBy.LOG,
            14_500,
            500,
        ),
        # 60 s of sound, give or take one, before the end at 74.5: begun by 15.5, which the news says better.
        (RecordingFacts(RECORDING, length_ms=60_000), [(74.5, "call.completed", {})], PlacedBy.LOG, 14_500, 500),
        # And before an end at 73.5: begun by 14.5.
        (RecordingFacts(RECORDING, length_ms=60_000), [(73.5, "call.completed", {})], PlacedBy.LOG, 14_250, 250),
        # A length that has no room: the permit stands.
        (RecordingFacts(RECORDING, length_ms=600_000), [(74, "call.completed", {})], PlacedBy.LOG, 14_000, 539_000),
    ],
)
def test_the_beginning_of_the_recording_is_placed_by_what_says_most_within_what_the_log_allows(
    facts: RecordingFacts,
    more: list[Told],
    placed_by: PlacedBy,
    at: int,
    give_or_take_ms: int,
) -> None:
    strip = strip_of(recorded(*more), facts)
    assert strip is not None
    assert (strip.zero.placed_by, strip.zero.give_or_take_ms) == (placed_by, give_or_take_ms)
    assert strip.zero.at_ms == NOON.timestamp() * 1000 + at
    assert strip.zero.anchor_is


_TYPES = [
    "call.received call.sent_back language.asked language.chosen disclosure.served disclosure.completed",
    "consent.choice recording.permitted recording.suppressed call.refused consent.withdrawn recording.started",
    "recording.completed recording.stopped recording.paused recording.resumed recording.destroyed pause.asked",
    "pause.ended conversation.ended call.fallback call.unread call.hung_up call.completed step.settled_late of.another",
]
_ODD = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.sampled_from(["", "x", RECORDING, [], {}])
_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["opt_in", "notice", 7]),
        "action": st.sampled_from(["ask", "record"]),
        "answer": st.sampled_from(["repeat", "accepted"]),
        "digit": st.sampled_from(["", "1"]),
        "recording": st.sampled_from([RECORDING, "x"]),
        "pause": st.integers(1, 2) | _ODD,
        "at_ms": st.integers(0, 200_000) | _ODD,
        "outcome": st.sampled_from([*Outcome]) | _ODD,
        "how": st.sampled_from(["resumed", "limit"]) | _ODD,
        "received_at": st.sampled_from(["2026-11-22T12:00:30+00:00", "never"]) | _ODD,
        "round": _ODD,
    },
)
_TOLD = st.lists(st.tuples(st.floats(-50, 5_000, allow_nan=False), st.sampled_from(" ".join(_TYPES).split()), _FIELDS))
_FACTS = st.none() | st.builds(
    RecordingFacts,
    st.just(RECORDING),
    st.none() | st.datetimes().map(lambda at: at.replace(tzinfo=NOON.tzinfo)),
    st.none() | st.integers(0, 4_000_000),
)


@given(_TOLD, _FACTS)
def test_whatever_the_log_says_the_parts_are_in_order_and_none_lies_outside_the_axis(
    told: list[Told], facts: RecordingFacts | None
) -> None:
    strip = strip_of(happens(*told), facts)
    assert (strip is None) is (not told)
    if strip is None:
        return
    assert strip.begins_ms <= 0 <= strip.ends_ms
    places = [part.from_ms for part in strip.in_order]
    assert places == sorted(places)
    for span in strip.spans:
        assert strip.begins_ms <= span.from_ms <= span.to_ms <= strip.ends_ms
    for mark in strip.marks:
        assert strip.begins_ms <= mark.at_ms <= strip.ends_ms
    numbers = [value for part in strip.in_order for value in (part.from_ms, part.event, part.number)]
    assert all(type(value) is int for value in (*numbers, strip.begins_ms, strip.ends_ms, strip.zero.at_ms))
    events = range(100, 100 + len(told))
    assert all(part.event in events for part in strip.in_order)


@given(_TOLD)
def test_every_mark_of_the_log_is_on_the_axis_or_beside_it_once(told: list[Told]) -> None:
    strip = strip_of(happens(*told), None)
    marks = [*strip.marks, *(later.mark for later in strip.later)] if strip else []
    drawn_events = [mark.event for mark in marks if mark.what is not What.KEY]
    named = {"call.received", "recording.permitted", "recording.suppressed", "call.refused", "pause.asked"}
    wanted = [
        index for index, (_, name, fields) in enumerate(told, start=100) if name in named and "recording" not in fields
    ]
    assert len(drawn_events) == len(set(drawn_events))
    assert {*wanted} <= {*drawn_events}


def test_every_part_has_a_name_and_every_end_of_one_has_words() -> None:
    assert NAMES.keys() == {*What}
    assert all(NAMES.values())
    assert all(HOW[outcome] for outcome in Outcome)
