"""The spans of a strip. Times are in ms on its axis; each kind of span is found by itself."""

from collections.abc import Collection, Iterator, Sequence

from compliance.call_page.axis import POSITION_MS, RecordingFacts, Zero
from compliance.call_page.happenings import Happening
from compliance.call_page.strip_parts import Ended, Span, What
from policies.consent import Mode, Outcome

_ASK = frozenset({Mode.OPT_OUT, Mode.OPT_IN, Mode.MUST_RECORD})
_LEFT = frozenset({Outcome.HUNG_UP_IN_DISCLOSURE, Outcome.HUNG_UP_IN_CHOICE})
_DECISIONS = frozenset({"recording.permitted", "recording.suppressed", "call.refused", "consent.withdrawn"})
# The caller hears no more of what is being said.
_INTERRUPTS = _DECISIONS | {"call.sent_back", "call.hung_up", "call.fallback", "call.completed"}
_RECORDING_ENDS = {"recording.stopped": Ended.STOPPED, "call.completed": Ended.CALL_OVER}


def spans_of(
    happened: Sequence[Happening], recording: RecordingFacts | None, zero: Zero, ends_ms: int
) -> Iterator[Span]:
    """`happened` in order, `ends_ms` where the axis ends."""
    yield from _rounds(happened, ends_ms)
    yield from _menus(happened, ends_ms)
    yield from _disclosures(happened, ends_ms)
    yield from prompts(happened, ends_ms)
    yield from _pauses(happened, recording, zero, ends_ms)
    if recording is not None:
        yield _recording(happened, recording, zero, ends_ms)


def prompts(happened: Sequence[Happening], ends_ms: int) -> Iterator[Span]:
    """Playings of the question. It is asked once the disclosure has played, unless staying on is consent, and again
    with each answer that leads to that.
    """
    asks = any(one.type == "call.received" and one.text("mode") in _ASK for one in happened)
    for place, one in enumerate(happened):
        is_told = one.type == "disclosure.completed"
        if not is_told and not (one.type == "consent.choice" and one.text("action") == "ask"):
            continue
        end = _next(happened, place, {"consent.choice", *_INTERRUPTS})
        if end is not None and end.type == "consent.choice":
            yield _answered(one, end)
        elif asks:
            yield _span(What.PROMPT, one, end, ends_ms)


def _answered(asked: Happening, choice: Happening) -> Span:
    return Span(
        What.PROMPT,
        asked.at_ms,
        choice.at_ms,
        asked.index,
        choice.index,
        how=choice.text("answer"),
        number=choice.number("attempt") or 0,
        digit=choice.text("digit"),
        led_to=choice.text("action"),
        is_late=choice.is_late,
    )


def _disclosures(happened: Sequence[Happening], ends_ms: int) -> Iterator[Span]:
    for place, one in enumerate(happened):
        if one.type == "disclosure.served":
            end = _next(happened, place, {"disclosure.served", "disclosure.completed", *_INTERRUPTS})
            yield _span(What.DISCLOSURE, one, end, ends_ms)


def _menus(happened: Sequence[Happening], ends_ms: int) -> Iterator[Span]:
    for place, one in enumerate(happened):
        if one.type == "language.asked":
            yield _span(What.LANGUAGE_MENU, one, _next(happened, place, {"language.chosen", *_INTERRUPTS}), ends_ms)


def _rounds(happened: Sequence[Happening], ends_ms: int) -> Iterator[Span]:
    """None on a call that was never sent back."""
    begins = [one for one in happened if one.type == "call.sent_back"]
    if not begins:
        return
    for number, (begin, end) in enumerate(zip([happened[0], *begins], [*begins, None], strict=True), start=1):
        to_ms = end.at_ms if end else ends_ms
        to_event, how = (end.index, Ended.AGAIN) if end else (None, "")
        yield Span(What.ROUND, begin.at_ms, to_ms, begin.index, to_event, how=how, number=number)


def _pauses(
    happened: Sequence[Happening], recording: RecordingFacts | None, zero: Zero, ends_ms: int
) -> Iterator[Span]:
    for place, one in enumerate(happened):
        if one.type != "recording.paused":
            continue
        number = one.number("pause") or 0
        later = [other for other in happened[place + 1 :] if other.number("pause") == number]
        end = next((other for other in later if other.type == "pause.ended"), None)
        resumed = next((other for other in later if other.type == "recording.resumed"), None)
        is_of_it = recording is not None and one.fields.get("recording") == recording.id
        begin_ms = one.number("at_ms") if is_of_it else None
        end_ms = resumed.number("at_ms") if resumed and is_of_it else None
        ended = resumed or end
        from_ms = one.at_ms if begin_ms is None else begin_ms
        to_ms = (ended.at_ms if ended else ends_ms) if end_ms is None else end_ms
        yield Span(
            What.PAUSE,
            from_ms,
            to_ms,
            one.index,
            ended.index if ended else None,
            how=end.text("how") if end else Ended.OPEN,
            number=number,
            give_or_take_ms=zero.give_or_take_ms if begin_ms is None else POSITION_MS,
        )


def _recording(happened: Sequence[Happening], recording: RecordingFacts, zero: Zero, ends_ms: int) -> Span:
    """From 0 to its length, where that is known; otherwise to the first event that shows it at its end."""
    begun = next((one for one in happened if one.type == "recording.permitted"), happened[0])
    ends = (one for one in happened if one.type in _RECORDING_ENDS)
    end = next((one for one in ends if one.fields.get("recording", recording.id) == recording.id), None)
    length_ms, give_or_take_ms = recording.length_ms, 0
    if length_ms is None:
        length_ms, give_or_take_ms = end.at_ms if end else ends_ms, zero.give_or_take_ms
    how, to_event = (_RECORDING_ENDS[end.type], end.index) if end else (Ended.OPEN, None)
    return Span(What.RECORDING, 0, length_ms, begun.index, to_event, how=how, give_or_take_ms=give_or_take_ms)


def _span(what: What, begin: Happening, end: Happening | None, ends_ms: int) -> Span:
    if end is None:
        return Span(what, begin.at_ms, ends_ms, begin.index, how=Ended.OPEN)
    return Span(what, begin.at_ms, end.at_ms, begin.index, end.index, how=_how(end), is_late=end.is_late)


def _how(end: Happening) -> Ended:  # noqa: PLR0911 - one for each
    match end.type:
        case "disclosure.completed":
            return Ended.PLAYED
        case "language.chosen":
            return Ended.CHOSEN if end.text("input") == "dtmf" else Ended.NOT_CHOSEN
        case "call.sent_back" | "disclosure.served":
            return Ended.AGAIN
        case "call.hung_up":
            return Ended.LEFT
        case "call.fallback":
            return Ended.FAILED
        case "call.completed":
            return Ended.LEFT if end.text("outcome") in _LEFT else Ended.CALL_OVER
        case _:
            is_cut = end.text("outcome") == Outcome.DISCLOSURE_CUT_SHORT
            return Ended.CUT_SHORT if is_cut else Ended.DECIDED


def _next(happened: Sequence[Happening], place: int, types: Collection[str]) -> Happening | None:
    """The first event of these types after a place."""
    return next((one for one in happened[place + 1 :] if one.type in types), None)
