"""The texts of a wording that a caller hears after a decision, and at the end of a conversation."""

from collections.abc import Mapping

from policies.consent import Outcome
from policies.demands import END_CALL
from policies.wording import Wording


def unrecorded_text(wording: Wording, outcome: Outcome) -> str:
    """For a caller who is connected and not recorded."""
    said: Mapping[Outcome, str] = {
        Outcome.DECLINED: wording.declined,
        Outcome.WITHDRAWN: wording.declined,
        Outcome.SILENT: wording.no_answer,
        Outcome.UNCLEAR: wording.unclear,
    }
    return said.get(outcome, wording.not_recorded)


def refusal_text(wording: Wording, on_refusal: str) -> str:
    """For a caller whose call ends, on a line without unrecorded calls."""
    return wording.refused_end_call if on_refusal == END_CALL else wording.refused_other_channel


def parting_text(wording: Wording, dial_call_status: str) -> str:
    """Empty after a conversation; otherwise the text that no agent was free."""
    said = {"busy": wording.agent_busy, "completed": "", "answered": ""}
    return said.get(dial_call_status, wording.agent_unavailable)
