"""The callers of the self-test, and which of them call a line: it depends on the standard of its calls.

Each is a script that yields the time until which it has to wait; other scripts go on meanwhile.
"""

from collections.abc import Callable, Collection, Iterator, Mapping

from compliance.twiml_reading import Twiml
from onrecord.selftest.checks import finding, not_recorded, recorded, refused
from onrecord.selftest.synthetic_call import SyntheticCall
from policies.consent import Mode, Outcome, Standard
from policies.demands import END_CALL
from storage.rows.calls import Call

Script = Iterator[float]
Plan = Callable[[SyntheticCall], Script]


def forges(call: SyntheticCall) -> None:
    """Not a caller but a forger, who does not have the token that Twilio signs with."""
    status, is_known = call.is_forged()
    call.found([finding("signature", status == 403, f"a request with a wrong signature is answered with {status}")])
    call.found([finding("signature", not is_known, "a request with a wrong signature leaves a call behind")])


def declines(call: SyntheticCall) -> Script:
    call.arrives()
    yield call.told_at
    heard = call.presses(call.is_asked(_told(call)), "2")
    _no_consent(call, "declined", heard, Outcome.DECLINED, call.wording().declined)


def says_nothing(call: SyntheticCall) -> Script:
    call.arrives()
    yield call.told_at
    heard, logged = _told(call), call.known()
    for _ in range(logged.prompts_max):
        heard = call.presses(call.is_asked(heard), "")
    if logged.mode == Mode.OPT_OUT and logged.silence_is_consent:
        _consent(call, "silent", heard, Outcome.CONSENTED_BY_STAYING)
    else:
        _no_consent(call, "silent", heard, Outcome.SILENT, call.wording().no_answer)


def accepts(call: SyntheticCall) -> Script:
    call.arrives()
    yield call.told_at
    heard = call.presses(call.is_asked(_told(call)), "1")
    _consent(call, "accepted", heard, Outcome.CONSENTED)


def stays(call: SyntheticCall) -> Script:
    """A caller who stays on, where a notice is enough."""
    call.arrives()
    yield call.told_at
    _consent(call, "accepted", _told(call), Outcome.CONSENTED_BY_STAYING)


def comes_too_early(call: SyntheticCall) -> Script:
    """The next step is asked for at once, as if the disclosure had been cut."""
    call.arrives()
    call.lives_through("disclosure.served")
    heard = call.hears_it_out()
    told = call.said(call.wording().not_recorded)
    call.found([finding("too_early", heard.first("Gather") is None, "the caller is asked all the same")])
    call.found(not_recorded("too_early", heard, told, call.prompt))
    call.is_connected(heard)
    call.was(Outcome.DISCLOSURE_CUT_SHORT, "recording.suppressed")
    yield from ()


def is_never_recorded(call: SyntheticCall) -> Script:
    heard = call.arrives()
    call.found(not_recorded("never", heard, call.disclosure(), call.prompt))
    call.is_connected(heard)
    call.was(Outcome.NOT_ASKED, "recording.suppressed")
    yield from ()


def leaves_early(call: SyntheticCall) -> Script:
    call.arrives()
    call.lives_through("disclosure.served")
    call.was(Outcome.HUNG_UP_IN_DISCLOSURE)
    yield from ()


_ASKED: tuple[Plan, ...] = (declines, says_nothing, accepts, comes_too_early)
PLANS: Mapping[Mode, tuple[Plan, ...]] = {
    Mode.NOTICE: (stays, comes_too_early),
    Mode.OPT_OUT: _ASKED,
    Mode.OPT_IN: _ASKED,
    Mode.NEVER: (is_never_recorded,),
    Mode.MUST_RECORD: _ASKED,
}


def plans_for(call: Call, before: Collection[Call]) -> tuple[Plan, ...]:
    """The callers for a line with the standard of this call. Plans are not repeated where a call in `before` had the
    same standard.
    """
    is_new = all(_held_to(call) != _held_to(other) for other in before)
    return PLANS[Mode(call.mode)] if is_new or call.mode == Mode.NEVER else (leaves_early,)


WHO: Mapping[Plan, str] = {
    declines: "a caller who declines",
    says_nothing: "a caller who says nothing",
    accepts: "a caller who agrees",
    stays: "a caller who stays on",
    comes_too_early: "a caller who was not told to the end",
    is_never_recorded: "a caller who is not asked",
    leaves_early: "a caller who hangs up in the disclosure",
}


def _held_to(call: Call) -> tuple[Standard, str]:
    return call.standard, call.on_refusal


def _told(call: SyntheticCall) -> Twiml:
    call.lives_through("disclosure.served")
    call.lives_through("disclosure.completed")
    return call.hears_it_out()


def _consent(call: SyntheticCall, check: str, heard: Twiml, outcome: Outcome) -> None:
    call.found(recorded(check, heard, call.wording()))
    call.is_connected(heard)
    call.was(outcome, "recording.permitted")


def _no_consent(call: SyntheticCall, check: str, heard: Twiml, outcome: Outcome, text: str) -> None:
    logged, wording = call.known(), call.wording()
    if logged.mode == Mode.MUST_RECORD:
        told = call.said(wording.refused_end_call if logged.on_refusal == END_CALL else wording.refused_other_channel)
        call.found(refused(check, heard, told, call.prompt))
        call.was(outcome, "call.refused")
        return
    call.found(not_recorded(check, heard, call.said(text), call.prompt))
    call.is_connected(heard)
    call.was(outcome, "recording.suppressed")
