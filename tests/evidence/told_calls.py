"""Calls that ended in every way, as values, and a strategy that makes more of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from evidence.call_record import Business, CallRecord, Grant, KeyPress, Notice, Proven, RecordedAudio

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DECIDED, UNTIL = NOON + timedelta(seconds=20), NOON + timedelta(days=90)
SHA512 = "ab" * 64
KEPT = RecordedAudio("f" * 32, "kept", True, DECIDED, 30, 2, "cd" * 32, SHA512, UNTIL)

NOTICE = Notice(NOON, "opt_in.en-US@1", "e" * 64, "en-US", "We would like to record this call.", "May we?")
SERVED = Proven(7, NOON, "disclosure.served", '{"call":"c","n":1,"type":"disclosure.served"}', "a proof\n")
CONSENTED = CallRecord(
    id="0123456789abcdef" * 2,
    received_at=NOON,
    line="+12125550100",
    mode="opt_in",
    language="en-US",
    outcome="consented",
    reason="",
    basis="express",
    decided_at=DECIDED,
    business=Business(
        "Email Customer Support",
        ("US-TX", "CA-QC", "FR"),
        "US-VA",
        address="1 Example Street, Austin, TX",
        contact="privacy@example.com",
        stored_in=("US-VA", "DE-BE"),
        recipients=("Example Training Ltd",),
    ),
    provider="twilio",
    ended_at=NOON + timedelta(seconds=90),
    status="completed",
    notices=(NOTICE,),
    presses=(KeyPress(NOON + timedelta(seconds=15), "9", 1, "repeat"), KeyPress(DECIDED, "1", 2, "accepted")),
    purposes=("quality", "training"),
    grants=(Grant("quality", UNTIL), Grant("training", NOON + timedelta(days=30))),
    retention="quality-90d",
    keep="P90D",
    retain_until=UNTIL,
    tapes=(KEPT,),
    proofs=(SERVED, Proven(9, DECIDED, "recording.permitted", '{"call":"c","n":3}')),
)
STAYED = replace(CONSENTED, outcome="consented_by_staying", basis="implied", presses=(), mode="notice")
WITHDRAWN = replace(
    CONSENTED,
    outcome="withdrawn",
    withdrawn_at=NOON + timedelta(days=2),
    tapes=(replace(KEPT, state="destroyed", destroyed_at=NOON + timedelta(days=2), destroyed_by="withdrawn"),),
)
ERASED = replace(WITHDRAWN, outcome="consented", withdrawn_at=None, erased_at=NOON + timedelta(days=3))


def without_consent(outcome: str, *, digit: str = "", reason: str = "") -> CallRecord:
    """A call that ended otherwise, after one key perhaps."""
    answer = "declined" if outcome == "declined" else "unrecognized"
    presses = (KeyPress(DECIDED, digit, 1, answer),) if digit else ()
    none = replace(CONSENTED, basis="", grants=(), retention="", keep="", retain_until=None, tapes=())
    return replace(none, outcome=outcome, reason=reason, presses=presses)


DECLINED = without_consent("declined", digit="2")
SILENT, UNCLEAR = without_consent("silent"), without_consent("unclear", digit="4")
HUNG_UP = without_consent("hung_up_in_choice")
NOT_ASKED = replace(without_consent("not_asked", reason="never-record line"), notices=(), purposes=())
OPEN = replace(without_consent("open"), decided_at=None, ended_at=None, status="")
EVERY = (CONSENTED, STAYED, WITHDRAWN, ERASED, DECLINED, SILENT, UNCLEAR, HUNG_UP, NOT_ASKED, OPEN)

_MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone
_TAPES = st.builds(
    RecordedAudio,
    id=st.just("f" * 32),
    state=st.sampled_from(["started", "completed", "stored", "kept", "absent", "condemned", "destroyed"]),
    is_permitted=st.booleans(),
    start=st.none() | _MOMENTS,
    duration_s=st.none() | st.integers(0, 9999),
    channels=st.none() | st.integers(1, 2),
    sha512=st.sampled_from(["", SHA512]),
    retain_until=st.none() | _MOMENTS,
    destroyed_at=st.none() | _MOMENTS,
)


@st.composite
def told_calls(draw: st.DrawFn) -> CallRecord:
    """Any of them with whatever else may be known of a call or not, in mixtures that no call has had."""
    return replace(
        draw(st.sampled_from(EVERY)),
        id=draw(st.text("0123456789abcdef", min_size=32, max_size=32)),
        caller=draw(st.sampled_from(["", "+15125550111", "sip:anna@example.com"])),
        status=draw(st.sampled_from(["", "completed", "busy", "no-answer", "failed", "canceled"])),
        business=draw(
            st.none()
            | st.builds(
                Business,
                st.text(),
                st.just(("DE",)),
                st.just("US-VA"),
                address=st.text(),
                contact=st.text(),
                stored_in=st.sampled_from([(), ("US-VA", "CA-QC")]),
                recipients=st.none() | st.lists(st.text(), max_size=2).map(tuple),
            )
        ),
        withdrawn_at=draw(st.none() | _MOMENTS),
        erased_at=draw(st.none() | _MOMENTS),
        retain_until=draw(st.none() | _MOMENTS),
        tapes=draw(st.lists(_TAPES, max_size=3)),
    )
