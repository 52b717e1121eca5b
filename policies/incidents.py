"""The kinds of incident that a person must look at, and what to do about each."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class IncidentKind(StrEnum):
    RECORDING_WITHOUT_PERMIT = "recording_without_permit"
    RECORDING_IN_DOUBT = "recording_in_doubt"
    RECORDING_ABSENT = "recording_absent"
    RECORDING_MISSING = "recording_missing"
    RECORDING_WAITS = "recording_waits"
    RECORDING_STAYS_COMPLETED = "recording_stays_completed"
    RECORDING_STAYS_STORED = "recording_stays_stored"
    RECORDING_STAYS_CONDEMNED = "recording_stays_condemned"
    RECORDING_NEVER_STORED = "recording_never_stored"
    JOB_FAILED = "job_failed"
    STEPS_NOT_HEARD = "steps_not_heard"
    CALL_WITHOUT_SID = "call_without_sid"
    REQUEST_NOT_SETTLED = "request_not_settled"
    REQUESTS_MISSING = "requests_missing"
    CALL_NOT_UNDERSTOOD = "call_not_understood"
    LIST_NOT_UNDERSTOOD = "list_not_understood"
    PROVIDER_CONTRADICTS = "provider_contradicts"
    CALLS_MISSING = "calls_missing"
    CLOCKS_APART = "clocks_apart"
    POLICY_CONFLICT = "policy_conflict"
    SELFTEST_FAILED = "selftest_failed"
    ROWS_CONTRADICT_LOG = "rows_contradict_log"
    COPY_WITHOUT_PERMIT = "copy_without_permit"
    COPY_REMAINS = "copy_remains"
    COPIES_NOT_LOOKED_FOR = "copies_not_looked_for"
    RECORDING_NOT_TIED = "recording_not_tied"
    WITHDRAWAL_WAITS = "withdrawal_waits"
    PAUSE_FORGOTTEN = "pause_forgotten"
    ACCOUNT_UNSAFE = "account_unsafe"
    PASSKEY_IN_DOUBT = "passkey_in_doubt"
    NOT_SIGNED = "not_signed"
    NOT_ANCHORED = "not_anchored"
    NOT_TOLD = "not_told"
    OTHER = "other"
    """Kept by another version, under a kind that there is not here. It is not raised."""


WAITS_FOR_A_PERSON = frozenset(
    {
        # Something was done against the rules, or might have been: it stays so.
        IncidentKind.RECORDING_WITHOUT_PERMIT,
        IncidentKind.RECORDING_NEVER_STORED,
        IncidentKind.COPY_WITHOUT_PERMIT,
        IncidentKind.PAUSE_FORGOTTEN,
        IncidentKind.ROWS_CONTRADICT_LOG,
        IncidentKind.PASSKEY_IN_DOUBT,
        # Something is not known here, and nothing that comes later tells it.
        IncidentKind.CALL_WITHOUT_SID,
        IncidentKind.REQUEST_NOT_SETTLED,
        IncidentKind.REQUESTS_MISSING,
        IncidentKind.CALL_NOT_UNDERSTOOD,
        IncidentKind.LIST_NOT_UNDERSTOOD,
        IncidentKind.RECORDING_NOT_TIED,
        # A person decides it.
        IncidentKind.POLICY_CONFLICT,
        IncidentKind.OTHER,
    }
)
"""The kinds that only a person closes. Each of the others is also closed by itself, when what it is about has ended."""


@dataclass(frozen=True, slots=True)
class Advice:
    meaning: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.meaning} {self.remedy}"


ADVICE: Mapping[IncidentKind, Advice] = {
    IncidentKind.RECORDING_WITHOUT_PERMIT: Advice(
        "Twilio had a recording of a call that was not to be recorded. It is being destroyed.",
        "Find out who ordered it: another program, or a setting of the Twilio account.",
    ),
    IncidentKind.RECORDING_IN_DOUBT: Advice(
        "A call has a recording of which it is unclear whether it is the one that was agreed to. Nobody can listen.",
        "Find out who else records this call; Twilio's account of the call may settle it within the hour.",
    ),
    IncidentKind.RECORDING_ABSENT: Advice(
        "The caller agreed, and Twilio says that it made no recording.",
        "Look at the call in Twilio's console; nothing can be fetched.",
    ),
    IncidentKind.RECORDING_MISSING: Advice(
        "The caller agreed, and Twilio lists no finished recording of the call.",
        "Look at the call in Twilio's console. Closed, it stays closed for this call.",
    ),
    IncidentKind.RECORDING_WAITS: Advice(
        "The work on a recording fails, or does not begin, and is tried again.",
        "Mend what the detail names; the work then goes on by itself, and the incident closes.",
    ),
    IncidentKind.RECORDING_STAYS_COMPLETED: Advice(
        "A recording has been at Twilio for more than an hour and is not stored here.",
        "Mend what the detail names, and see that a worker runs. Keep Twilio's copy.",
    ),
    IncidentKind.RECORDING_STAYS_STORED: Advice(
        "A recording is stored here, and Twilio's copy has not been deleted for more than an hour.",
        "Mend what the detail names, and see that a worker runs.",
    ),
    IncidentKind.RECORDING_STAYS_CONDEMNED: Advice(
        "A recording that must go has not been destroyed for more than an hour.",
        "Mend what the detail names, and see that a worker runs.",
    ),
    IncidentKind.RECORDING_NEVER_STORED: Advice(
        "The time of a recording ended before it was stored here. It is being destroyed.",
        "The detail says why it was not stored in time: see that it does not happen to the next.",
    ),
    IncidentKind.JOB_FAILED: Advice(
        "A job of the worker failed for good.",
        "Mend what the detail names. Where it is about a recording it is tried again by itself.",
    ),
    IncidentKind.STEPS_NOT_HEARD: Advice(
        "A call went on further than its requests tell: some of them never came here.",
        "Look at Twilio's error log for the call, and whether the service was away.",
    ),
    IncidentKind.CALL_WITHOUT_SID: Advice(
        "A request without a readable call sid was answered, and its caller was put through unrecorded.",
        "There is no row of the call: look for it in Twilio's console, by its time.",
    ),
    IncidentKind.REQUEST_NOT_SETTLED: Advice(
        "A request that was answered while the database was away can't be settled. It was set aside.",
        "The detail says why; the request is kept in the journal's folder.",
    ),
    IncidentKind.REQUESTS_MISSING: Advice(
        "Requests that waited in the journal are gone: somebody deleted files, or a disk lost them.",
        "Find out who deletes in the journal's folder; `onrecord reconcile` compares the calls of the day.",
    ),
    IncidentKind.CALL_NOT_UNDERSTOOD: Advice(
        "Twilio tells of a call what makes no sense.",
        "Look at the call in Twilio's console. What made sense was taken in.",
    ),
    IncidentKind.LIST_NOT_UNDERSTOOD: Advice(
        "A list of Twilio's has rows that make no sense. The others were taken in.",
        "Look at the list in Twilio's console; a newer onrecord may read it.",
    ),
    IncidentKind.PROVIDER_CONTRADICTS: Advice(
        "Twilio's own account of a call differs from the log.",
        "Compare `onrecord call` with the call in Twilio's console, in the fields that are named.",
    ),
    IncidentKind.CALLS_MISSING: Advice(
        "Twilio's list of a day's calls and ours differ.",
        "`onrecord reconcile --day` names the calls; look for them in Twilio's console.",
    ),
    IncidentKind.CLOCKS_APART: Advice(
        "This machine's clock and Twilio's are apart.",
        "Set the clock right; the incident closes by itself.",
    ),
    IncidentKind.POLICY_CONFLICT: Advice(
        "Two laws disagree on how long the recordings of a line are kept.",
        "Compliance decides it, by an override in the rulebook.",
    ),
    IncidentKind.SELFTEST_FAILED: Advice(
        "The service's calls to itself did not go as its rules say.",
        "Mend what the detail names, then run `onrecord selftest`.",
    ),
    IncidentKind.ROWS_CONTRADICT_LOG: Advice(
        "A row says something else than the log, which counts. Nothing is done by that row.",
        "Find out who changed the database; `onrecord log verify` names each difference.",
    ),
    IncidentKind.COPY_WITHOUT_PERMIT: Advice(
        "Twilio had a text of a call that nobody agreed to have written down. It is being deleted.",
        "Run `onrecord doctor`: it names the setting of the Twilio account that makes such texts.",
    ),
    IncidentKind.COPY_REMAINS: Advice(
        "A text or another copy of a call must go, and Twilio's API does not delete it.",
        "Delete it on the page that the detail names. It is looked for again every hour, and then this closes.",
    ),
    IncidentKind.COPIES_NOT_LOOKED_FOR: Advice(
        "Texts or other copies of calls could not be looked for, so no recording that must go counts as destroyed.",
        "Give the key to Twilio the permission for the page that the detail names. It is tried again every hour.",
    ),
    IncidentKind.RECORDING_NOT_TIED: Advice(
        "Twilio lists a recording of a conference of which it does not say who was in it. It is left alone.",
        "Look at it in Twilio's console; delete it there if it is of a call to one of your lines.",
    ),
    IncidentKind.WITHDRAWAL_WAITS: Advice(
        "A caller withdrew the consent, and after a minute it is not certain that nothing records any more.",
        "Mend what the detail names, and see that a worker runs. It is tried until it is done.",
    ),
    IncidentKind.PAUSE_FORGOTTEN: Advice(
        "A recording was paused for longer than the rulebook allows.",
        "The detail says what became of the recording. Tell the agent.",
    ),
    IncidentKind.ACCOUNT_UNSAFE: Advice(
        "A setting of the Twilio account, or of this installation, works against the promises.",
        "Change it where the detail says, and run `onrecord doctor` again. The incident closes by itself.",
    ),
    IncidentKind.PASSKEY_IN_DOUBT: Advice(
        "A passkey counted its uses backwards, as a copy of it would. It let nobody in.",
        "Ask the person of the account. `onrecord user link NAME` removes all that the account signs in with.",
    ),
    IncidentKind.NOT_SIGNED: Advice(
        "The log can't be signed.",
        "Where a backup was restored run `onrecord log resume --after-restore`; else mend what the detail names.",
    ),
    IncidentKind.NOT_ANCHORED: Advice(
        "A holder of checkpoints refuses, or has been away for long. *Another history*: it holds another log.",
        "Mend what the detail names, then run `onrecord log anchor`. Another history has to be investigated.",
    ),
    IncidentKind.NOT_TOLD: Advice(
        "People could not be told of incidents in a way that the rulebook names.",
        "Mend what the detail names, and try it with `onrecord tell`. Nothing is lost: it is tried until it is told.",
    ),
    IncidentKind.OTHER: Advice(
        "Another version of onrecord raised it, under a kind that there is not here.",
        "Its detail begins with that kind. Look at it, and close it.",
    ),
}


class Severity(StrEnum):
    """How soon a person must look, the least first."""

    INFO = "info"
    """A fact to look into when there is time; nothing gets worse meanwhile."""
    WARNING = "warning"
    """Something does not work as it should, and gets worse if nobody looks."""
    CRITICAL = "critical"
    """A promise to a caller is broken or about to be, or the evidence is in danger."""


def is_as_severe(severity: Severity, least: Severity) -> bool:
    return [*Severity].index(severity) >= [*Severity].index(least)


_CRITICAL = (
    IncidentKind.RECORDING_WITHOUT_PERMIT,
    IncidentKind.RECORDING_STAYS_CONDEMNED,
    IncidentKind.RECORDING_NEVER_STORED,
    IncidentKind.REQUEST_NOT_SETTLED,
    IncidentKind.REQUESTS_MISSING,
    IncidentKind.PROVIDER_CONTRADICTS,
    IncidentKind.SELFTEST_FAILED,
    IncidentKind.ROWS_CONTRADICT_LOG,
    IncidentKind.COPY_WITHOUT_PERMIT,
    IncidentKind.COPY_REMAINS,
    IncidentKind.WITHDRAWAL_WAITS,
    IncidentKind.ACCOUNT_UNSAFE,
    IncidentKind.PASSKEY_IN_DOUBT,
    IncidentKind.NOT_SIGNED,
    IncidentKind.NOT_ANCHORED,
)
_WARNING = (
    IncidentKind.RECORDING_IN_DOUBT,
    IncidentKind.RECORDING_WAITS,
    IncidentKind.RECORDING_STAYS_COMPLETED,
    IncidentKind.RECORDING_STAYS_STORED,
    IncidentKind.JOB_FAILED,
    IncidentKind.STEPS_NOT_HEARD,
    IncidentKind.CALL_WITHOUT_SID,
    IncidentKind.CALLS_MISSING,
    IncidentKind.CLOCKS_APART,
    IncidentKind.POLICY_CONFLICT,
    IncidentKind.COPIES_NOT_LOOKED_FOR,
    IncidentKind.RECORDING_NOT_TIED,
    IncidentKind.PAUSE_FORGOTTEN,
    IncidentKind.NOT_TOLD,
    IncidentKind.OTHER,
)
_INFO = (
    IncidentKind.RECORDING_ABSENT,
    IncidentKind.RECORDING_MISSING,
    IncidentKind.CALL_NOT_UNDERSTOOD,
    IncidentKind.LIST_NOT_UNDERSTOOD,
)
SEVERITY: Mapping[IncidentKind, Severity] = {
    kind: severity
    for severity, kinds in ((Severity.CRITICAL, _CRITICAL), (Severity.WARNING, _WARNING), (Severity.INFO, _INFO))
    for kind in kinds
}
