"""Events as a person would say them. A type without words of its own is told by its name."""

from collections.abc import Callable, Mapping
from textwrap import wrap
from typing import Any

Fields = Mapping[str, Any]
Words = Mapping[str, Mapping[str, str]]
"""The texts of each wording, by the SHA-256 that events name it by."""
_WORDS_WIDTH = 90
ODDITIES: Mapping[str, str] = {
    "riff_size": "its header gives another size than the file has",
    "data_size": "its header does not say how much sound follows",
    "cut_off": "its header announces more than there is",
    "trailing_bytes": "bytes follow that are no part of it",
    "half_frame": "its last moment is there in part only",
    "format_sizes": "the sizes in its header contradict one another",
    "duration": "it is not as long as the telephone company says",
    "no_format": "it does not say what kind of sound it holds",
    "no_data": "it holds no sound",
    "other_format": "its sound is of a kind that cannot be read here",
    "broken_chunks": "its parts cannot be told from one another",
}
"""What may be odd about a recording as it came, by the names that `recording.stored` has for it."""


def in_words(event: Fields, words: Words) -> list[str]:
    """A line or more. `event` holds, beside its public fields, those that were disclosed."""
    tell = _TOLD.get(event["type"])
    return tell(event, words) if tell else [str(event["type"])]


def _received(event: Fields, _: Words) -> list[str]:
    caller = f" from {event['caller']}" if event.get("caller") else ""
    callee = f" to {event['callee']}" if event.get("callee") else ""
    if event.get("synthetic"):
        return [f"The service called itself{callee} as a test. The caller in what follows is a program, no person."]
    return [f"A call came in{caller}{callee}."]


def _sent_back(event: Fields, _: Words) -> list[str]:
    return [f"The call was sent to the line's beginning again (time {event['round']}), when it was {event['state']}."]


def _chosen(event: Fields, _: Words) -> list[str]:
    is_theirs = event["input"] == "dtmf"
    return [f"The caller {'chose' if is_theirs else 'chose no language, and it goes on in'} {event['language']}."]


def _served(event: Fields, words: Words) -> list[str]:
    heard = words.get(event["prompt_sha256"], {})
    told = [f"The caller was told, in {event['language']}:", *_quoted(heard.get("disclosure", "(see the file)"))]
    asked = ["and, where it is asked:", *_quoted(heard["question"])] if heard.get("question") else []
    played = heard.get("disclosure_audio")
    by = f", played from prompts/{played}.wav" if played else ""
    return [*told, *asked, f"(prompts/{event['prompt_sha256']}.json{by})"]


def _quoted(text: str) -> list[str]:
    return wrap(f'"{text}"', _WORDS_WIDTH)


def _choice(event: Fields, _: Words) -> list[str]:
    pressed = f"pressed {event['digit']}" if event["digit"] else "pressed several keys"
    pressed = pressed if event["input"] != "none" else "pressed nothing"
    return [f"Asked (time {event['attempt']}), the caller {pressed}: {event['answer']}."]


def _permitted(event: Fields, _: Words) -> list[str]:
    purposes = ", ".join(event["purposes"])
    return [f"Recording was permitted: {event['outcome']}, by {event['basis']} consent, for {purposes}."]


def _stored(event: Fields, _: Words) -> list[str]:
    odd = [ODDITIES.get(one, one) for one in event.get("oddities", [])]
    told = f"The recording was stored here, until {event['retain_until'][:10]}."
    return [told, *(f"It was kept just as it came, though odd: {one}." for one in odd)]


def _suppressed(event: Fields, _: Words) -> list[str]:
    return [f"Nothing was to be recorded: {_outcome(event)}."]


def _conversation(event: Fields, _: Words) -> list[str]:
    said = "was over" if event["bridged"] else "did not come about"
    return [f"The conversation with an agent {said}: {event['status'] or 'no reason was told'}."]


def _late(event: Fields, _: Words) -> list[str]:
    so = ", and the caller was connected" if event["was_connected"] else ""
    return [f"The step {event['step']} had come at {event['received_at']}{so}; it could only be settled now."]


def _corrected(event: Fields, _: Words) -> list[str]:
    return [f"The outcome was not {event['was']}, as the {event['by']} shows, but {_outcome(event)}."]


def _outcome(event: Fields) -> str:
    return f"{event['outcome']} ({event['reason']})" if event["reason"] else str(event["outcome"])


def _destroyed(event: Fields, _: Words) -> list[str]:
    made = "; the telephone company had made no audio of it" if event.get("at_provider") else ""
    return [f"The recording was destroyed everywhere (rule: {event['rule']}){made}."]


def _accessed(event: Fields, _: Words) -> list[str]:
    return [f"The recording was opened{_by(event)}: {event.get('what', 'access')}, for {event.get('purpose', '')}."]


def _access_refused(event: Fields, _: Words) -> list[str]:
    return [f"The recording was asked for{_by(event)}, and refused: {event['why']}."]


def _corroborated(event: Fields, _: Words) -> list[str]:
    match event.get("match"):
        case True:
            return ["The telephone company's own record agrees with this log."]
        case False:
            return [f"The telephone company's own record differs in: {', '.join(event.get('differs', []))}."]
    return [f"The telephone company's own record is not known here: {event.get('reason', 'it did not tell')}."]


def _held(event: Fields, _: Words) -> list[str]:
    return [f"The call was put under legal hold {event['hold']}{_staff(event)}."]


def _released(event: Fields, _: Words) -> list[str]:
    return [f"Legal hold {event['hold']} was released{_staff(event)}."]


def _opened(event: Fields, _: Words) -> list[str]:
    return [f"Incident {event['incident']} was opened: {event['kind']}, about {event['about_call'] or event['about']}."]


def _closed(event: Fields, _: Words) -> list[str]:
    return [f"Incident {event['incident']} was closed{_staff(event)}."]


def _staff(event: Fields) -> str:
    because = f": {event['reason']}" if event.get("reason") else ""
    return f"{_by(event)}{because}"


def _by(event: Fields) -> str:
    return f" by {event['actor']}" if event.get("actor") else " (by whom is not opened here)"


_TOLD: Mapping[str, Callable[[Fields, Words], list[str]]] = {
    "call.received": _received,
    "call.sent_back": _sent_back,
    "language.chosen": _chosen,
    "disclosure.served": _served,
    "disclosure.completed": lambda *_: ["That had played to its end."],
    "consent.choice": _choice,
    "recording.permitted": _permitted,
    "recording.suppressed": _suppressed,
    "conversation.ended": _conversation,
    "recording.started": lambda *_: ["The recording had begun."],
    "recording.completed": lambda *_: ["The recording was complete at the telephone company."],
    "recording.corrected": lambda event, _: [f"The telephone company corrected its length to {event['duration_s']} s."],
    "recording.stored": _stored,
    "recording.absent": lambda *_: ["The telephone company made no recording."],
    "recording.deleted": lambda *_: ["The telephone company's copy of it was deleted."],
    "recording.accessed": _accessed,
    "recording.access_refused": _access_refused,
    "recording.condemned": lambda event, _: [f"A recording had to go: {event['why']}."],
    "recording.reported": lambda *_: ["The telephone company told of the recording where it had been ordered to."],
    "recording.quarantined": lambda event, _: [
        f"Whether a recording is the one agreed to was unclear: {event['why']}."
    ],
    "recording.identified": lambda event, _: [f"The recording is the one that was agreed to: {event['why']}."],
    "recording.destroyed": _destroyed,
    "call.fallback": lambda event, _: [f"The telephone company turned to the fallback (error {event['error_code']})."],
    "call.unread": lambda event, _: [
        f"A request could not be gone by, and the caller was put through, unrecorded: {event['reason']}."
    ],
    "call.hung_up": lambda *_: ["The caller hung up."],
    "step.settled_late": _late,
    "outcome.corrected": _corrected,
    "call.refused": lambda event, _: [f"The call was to end politely: {event['outcome']}."],
    "language.asked": lambda event, _: [f"The caller was offered {', '.join(event['languages'])}."],
    "decline.remembered": lambda event, _: [f"The number is not to be asked again before {event['until']}."],
    "decline.forgotten": lambda event, _: [f"An earlier no of this number was forgotten: {event['because']}."],
    "call.completed": lambda event, _: [f"The call was over: {event['outcome']}."],
    "provider.corroborated": _corroborated,
    "privacy.erased": lambda event, _: [f"What was personal about the call was erased ({event['basis']})."],
    "privacy.hold": _held,
    "privacy.released": _released,
    "consent.withdrawn": lambda event, _: [f"The consent was withdrawn: {event['reason']}."],
    "incident.opened": _opened,
    "incident.closed": _closed,
}
TYPES = frozenset(_TOLD)
"""The types that have words of their own."""
