"""The vocabulary of the consent log: each type of event with its fields and its words.

A new event is refused if its type or a field is not listed here, or if a private field is given as a public one.
Events that another version has logged may hold anything, and are read as they are.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from evidence import event_words as say
from evidence.event_words import Fields, Words


@dataclass(frozen=True, slots=True)
class EventType:
    """`public` fields stand in the log for ever, `private` ones as commitments; an event may lack any of them."""

    public: frozenset[str]
    private: frozenset[str]
    words: Callable[[Fields, Words], list[str]]
    is_of_call: bool


def in_words(event: Fields, words: Words) -> list[str]:
    """A line or more. `event` holds its public fields and its disclosed private fields.

    An event gets the name of its type alone if the catalogue lacks the type, or the event a field that its words need.
    """
    kind = CATALOGUE.get(event["type"])
    try:
        return kind.words(event, words) if kind else [str(event["type"])]
    except (KeyError, TypeError, ValueError):
        return [str(event["type"])]


def fault_of(name: str, public: AbstractSet[str], private: AbstractSet[str]) -> str:
    """The reason why an event of this type cannot have these fields; empty where it can."""
    kind = CATALOGUE.get(name)
    if kind is None:
        return f"event {name}: the catalogue has no such type"
    if public <= kind.public and private <= kind.private:
        return ""
    strange = sorted((public - kind.public) | (private - kind.private))
    return f"event {name}: the catalogue has no such fields, or not there: {', '.join(strange)}"


def _of_call(public: str = "", private: str = "", *, words: Callable[[Fields, Words], list[str]]) -> EventType:
    return EventType(frozenset(public.split()), frozenset(private.split()), words, is_of_call=True)


def _of_system(public: str = "", private: str = "", *, words: Callable[[Fields, Words], list[str]]) -> EventType:
    return EventType(frozenset(public.split()), frozenset(private.split()), words, is_of_call=False)


_UNDER = "rules_sha256 law"  # the rules and the law behind a decision
_RECORDING = "recording source reported"
_ITS_NAME = "provider_recording_id"
_POSITION = "lines teams team addresses"  # of the staff: numbers, and names that may be people's

CATALOGUE: Mapping[str, EventType] = {
    "system.started": _of_system(f"sw {_UNDER}", words=say.started),
    "law.published": _of_system("version sha256", words=say.law_published),
    "policy.published": _of_system("rules_sha256", words=say.policy_published),
    "rules.adopted": _of_system("adoption rules_sha256", "actor", words=say.rules_adopted),
    "prompt.published": _of_system(
        "prompt prompt_sha256 language voice disclosure_audio_sha256 question_audio_sha256 approved_on",
        "approved_by",
        words=say.prompt_published,
    ),
    "call.received": _of_call(
        f"provider direction mode language caller_place_by ruling synthetic line {_UNDER}",
        "caller callee provider_call_id request_sha256 caller_hash declined_on_call declined_at",
        words=say.received,
    ),
    "call.sent_back": _of_call("round state", words=say.sent_back),
    "language.asked": _of_call(
        "languages", words=lambda event, _: [f"The caller was offered {', '.join(event['languages'])}."]
    ),
    "language.chosen": _of_call("language input", words=say.chosen),
    "disclosure.served": _of_call("prompt prompt_sha256 language mode", words=say.served),
    "disclosure.completed": _of_call("evidence elapsed_ms", words=lambda *_: ["That had played to its end."]),
    "consent.choice": _of_call(f"attempt input digit answer action rule {_UNDER}", "request_sha256", words=say.choice),
    "recording.permitted": _of_call(
        f"outcome basis purposes usable_until retention retain_until policy_conflicts {_UNDER}", words=say.permitted
    ),
    "recording.suppressed": _of_call(f"outcome reason {_UNDER}", words=say.suppressed),
    "consent.withdrawn": _of_call(
        f"outcome reason ends_call by keeps {_UNDER}",
        "actor",
        words=lambda event, _: [f"The consent was withdrawn: {event['reason']}."],
    ),
    "call.refused": _of_call(
        f"outcome reason on_refusal {_UNDER}",
        words=lambda event, _: [f"The call was to end politely: {event['outcome']}."],
    ),
    "recording.started": _of_call(f"{_RECORDING} duration_s", _ITS_NAME, words=lambda *_: ["The recording had begun."]),
    "recording.completed": _of_call(
        f"{_RECORDING} duration_s",
        _ITS_NAME,
        words=lambda *_: ["The recording was complete at the telephone company."],
    ),
    "recording.absent": _of_call(
        f"{_RECORDING} duration_s", _ITS_NAME, words=lambda *_: ["The telephone company made no recording."]
    ),
    "recording.reported": _of_call(
        f"{_RECORDING} duration_s",
        _ITS_NAME,
        words=lambda *_: ["The telephone company told of the recording where it had been ordered to."],
    ),
    "recording.quarantined": _of_call(
        f"{_RECORDING} duration_s why",
        _ITS_NAME,
        words=lambda event, _: [f"Whether a recording is the one agreed to was unclear: {event['why']}."],
    ),
    "recording.identified": _of_call(
        f"{_RECORDING} duration_s why",
        _ITS_NAME,
        words=lambda event, _: [f"The recording is the one that was agreed to: {event['why']}."],
    ),
    "recording.condemned": _of_call(
        f"{_RECORDING} why permitted",
        _ITS_NAME,
        words=lambda event, _: [f"A recording had to go: {event['why']}."],
    ),
    "recording.stopped": _of_call(
        "recording seen", words=lambda event, _: [f"The recording no longer runs: it is {event['seen']}."]
    ),
    "pause.asked": _of_call("pause limit_s at_limit", "actor", words=say.pause_asked),
    "recording.paused": _of_call("pause recording at_ms", words=say.paused),
    "recording.resumed": _of_call("pause recording at_ms", words=say.resumed),
    "pause.ended": _of_call("pause how", "actor", words=say.pause_ended),
    "copy.found": _of_call("copy kind recording why", "provider_copy_id", words=say.copy_found),
    "copy.deleted": _of_call(
        "copy kind", words=lambda event, _: [f"The {event['kind']} was deleted, and seen to be gone."]
    ),
    "recording.corrected": _of_call(
        f"{_RECORDING} duration_s",
        _ITS_NAME,
        words=lambda event, _: [f"The telephone company corrected its length to {event['duration_s']} s."],
    ),
    "recording.stored": _of_call(
        "recording size_bytes objects retain_until oddities", "audio_sha256 audio_sha512 object", words=say.stored
    ),
    "recording.accessed": _of_call("recording purpose what lease", "actor", words=say.accessed),
    "recording.access_refused": _of_call("recording purpose why", "actor", words=say.access_refused),
    "recording.heard": _of_call(
        "recording lease purpose ranges heard_ms played_ms handed_out final why", "actor", words=say.listened
    ),
    "recording.deleted": _of_call(
        "recording where rule", words=lambda *_: ["The telephone company's copy of it was deleted."]
    ),
    "recording.destroyed": _of_call("recording where rule at_provider copies residual", words=say.destroyed),
    "decline.remembered": _of_call(
        "until",
        "forget_at",
        words=lambda event, _: [f"The number is not to be asked again before {event['until']}."],
    ),
    "decline.forgotten": _of_call(
        "because", words=lambda event, _: [f"An earlier no of this number was forgotten: {event['because']}."]
    ),
    "conversation.ended": _of_call("status bridged", words=say.conversation),
    "call.fallback": _of_call(
        "error_code parting",
        words=lambda event, _: [f"The telephone company turned to the fallback (error {event['error_code']})."],
    ),
    "call.unread": _of_call("reason", words=say.unread),
    "call.hung_up": _of_call("state", words=lambda *_: ["The caller hung up."]),
    "call.completed": _of_call(
        "status duration_s outcome reason events",
        words=lambda event, _: [f"The call was over: {event['outcome']}."],
    ),
    "call.reviewed": _of_call("", "actor", words=say.reviewed),
    "step.settled_late": _of_call("step received_at was_connected", words=say.late),
    "outcome.corrected": _of_call("was outcome reason by", words=say.corrected),
    "provider.corroborated": _of_call(
        "source match differs asked answered recording requests recordings_at_provider reason",
        "response_sha256",
        words=say.corroborated,
    ),
    "privacy.erased": _of_call(
        "basis fields disclosures recordings again",
        "actor requester ticket",
        words=lambda event, _: [f"What was personal about the call was erased ({event['basis']})."],
    ),
    "privacy.hold": _of_call("hold", "actor reason", words=say.held),
    "privacy.released": _of_call("hold", "actor reason", words=say.released),
    "reconcile.done": _of_system(
        "day provider_calls logged_calls missing unknown_to_provider erased strangers",
        "missing_ids unknown_ids",
        words=say.reconciled,
    ),
    "selftest.passed": _of_system(
        "lines calls checks failed took_ms rules_sha256",
        words=lambda event, _: [f"The self-test passed, with {event['calls']} calls."],
    ),
    "selftest.failed": _of_system(
        "lines calls checks failed took_ms rules_sha256",
        words=lambda event, _: [f"The self-test failed: {', '.join(event['failed'])}."],
    ),
    "doctor.done": _of_system("checks findings unable", words=say.examined),
    "staff.added": _of_system("account role everywhere", f"actor name {_POSITION}", words=say.staff_added),
    "staff.changed": _of_system("account role everywhere", f"actor {_POSITION}", words=say.staff_changed),
    "staff.disabled": _of_system(
        "account", "actor", words=lambda event, _: [f"The account {event['account']} was disabled."]
    ),
    "staff.enabled": _of_system(
        "account", "actor", words=lambda event, _: [f"The account {event['account']} was enabled again."]
    ),
    "staff.linked": _of_system(
        "account",
        "actor",
        words=lambda event, _: [f"A link to set up how to sign in was made for the account {event['account']}."],
    ),
    "staff.credential_added": _of_system(
        "account kind",
        "actor",
        words=lambda event, _: [f"The account {event['account']} got a credential: {event['kind']}."],
    ),
    "staff.credential_removed": _of_system(
        "account kind",
        "actor",
        words=lambda event, _: [f"The account {event['account']} lost a credential: {event['kind']}."],
    ),
    "staff.signed_in": _of_system(
        "account session by",
        words=lambda event, _: [f"The account {event['account']} signed in to the console, by {event['by']}."],
    ),
    "staff.signed_out": _of_system(
        "account session because",
        "actor",
        words=lambda event, _: [f"A session of the account {event['account']} ended: {event['because']}."],
    ),
    "incident.opened": _of_system("incident kind about about_call", words=say.opened),
    "incident.closed": _of_system("incident", "actor reason", words=say.closed),
    "log.named": _of_system(
        "origin from_size",
        words=lambda event, _: [f"The log is named {event['origin']} from {event['from_size']} events on."],
    ),
    "key.introduced": _of_system(
        "origin key_id public_key", words=lambda event, _: [f"The log is signed with the key {event['key_id']}."]
    ),
    "key.rotated": _of_system(
        "origin key_id public_key",
        words=lambda event, _: [f"The log is signed with the key {event['key_id']} as well, which is new."],
    ),
    "anchor.made": _of_system("kind size root", "place", words=say.anchored),
    "log.exported": _of_system("scope calls disclosed", "actor", words=say.exported),
    "backup.restored": _of_system("over_origin over_size over_root restored_size", words=say.restored),
}
PRIVATE_FIELDS = tuple(sorted(set().union(*(kind.private for kind in CATALOGUE.values()))))
"""The names of the private fields of all types, which can be erased."""
