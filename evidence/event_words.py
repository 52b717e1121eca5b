"""Sentences for each type of event, a line or more. `evidence.catalogue` maps each type to its function here.

An event holds its public fields and its disclosed private fields.
"""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

Fields = Mapping[str, Any]
Words = Mapping[str, Mapping[str, str]]
"""The texts of each wording, by its SHA-256 in the events."""
_WORDS_WIDTH = 90
_RANGES_MAX = 6
_IN_A_FILE = "(prompts/"
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
"""The oddities of a recording as it came, by their names in `recording.stored`."""


def started(event: Fields, _: Words) -> list[str]:
    return [f"The service started (onrecord {event['sw']}), under the rules {event['rules_sha256']}."]


def law_published(event: Fields, _: Words) -> list[str]:
    return [f"The law pack {event['version']} came into force here ({event['sha256']})."]


def policy_published(event: Fields, _: Words) -> list[str]:
    return [f"A rulebook came into force ({event['rules_sha256']})."]


def rules_adopted(event: Fields, _: Words) -> list[str]:
    return [f"The rulebook {event['rules_sha256']} was taken in force{_by(event)}."]


def prompt_published(event: Fields, _: Words) -> list[str]:
    approved = f", approved on {event['approved_on']}" if event.get("approved_on") else ""
    return [f"The wording {event['prompt']} in {event['language']} came into use{approved}."]


def received(event: Fields, _: Words) -> list[str]:
    caller = f" from {event['caller']}" if event.get("caller") else ""
    callee = f" to {event['callee']}" if event.get("callee") else ""
    if event.get("synthetic"):
        return [f"The service called itself{callee} as a test. The caller in what follows is a program, no person."]
    return [f"A call came in{caller}{callee}."]


def sent_back(event: Fields, _: Words) -> list[str]:
    return [f"The call was sent to the line's beginning again (time {event['round']}), when it was {event['state']}."]


def chosen(event: Fields, _: Words) -> list[str]:
    is_theirs = event["input"] == "dtmf"
    return [f"The caller {'chose' if is_theirs else 'chose no language, and it goes on in'} {event['language']}."]


def served(event: Fields, words: Words) -> list[str]:
    wording = words.get(event["prompt_sha256"], {})
    said = [f"The caller was told, in {event['language']}:", *_quoted(wording.get("disclosure", "(see the file)"))]
    asked = ["and, where it is asked:", *_quoted(wording["question"])] if wording.get("question") else []
    played = wording.get("disclosure_audio")
    by = f", played from prompts/{played}.wav" if played else ""
    return [*said, *asked, f"{_IN_A_FILE}{event['prompt_sha256']}.json{by})"]


def names_a_file(line: str) -> bool:
    """Whether a line of these words only says where the words are in a bundle."""
    return line.startswith(_IN_A_FILE)


def _quoted(text: str) -> list[str]:
    return wrap(f'"{text}"', _WORDS_WIDTH)


def choice(event: Fields, _: Words) -> list[str]:
    pressed = f"pressed {event['digit']}" if event["digit"] else "pressed several keys"
    pressed = pressed if event["input"] != "none" else "pressed nothing"
    return [f"Asked (time {event['attempt']}), the caller {pressed}: {event['answer']}."]


def permitted(event: Fields, _: Words) -> list[str]:
    purposes = ", ".join(event["purposes"])
    return [f"Recording was permitted: {event['outcome']}, by {event['basis']} consent, for {purposes}."]


def stored(event: Fields, _: Words) -> list[str]:
    oddities = [ODDITIES.get(name, name) for name in event.get("oddities", [])]
    said = f"The recording was stored here, until {event['retain_until'][:10]}."
    return [said, *(f"It was kept just as it came, though odd: {oddity}." for oddity in oddities)]


def suppressed(event: Fields, _: Words) -> list[str]:
    return [f"Nothing was to be recorded: {_outcome(event)}."]


def conversation(event: Fields, _: Words) -> list[str]:
    said = "was over" if event["bridged"] else "did not come about"
    return [f"The conversation with an agent {said}: {event['status'] or 'no reason was told'}."]


def late(event: Fields, _: Words) -> list[str]:
    so = ", and the caller was connected" if event["was_connected"] else ""
    return [f"The step {event['step']} had come at {event['received_at']}{so}; it could only be settled now."]


def corrected(event: Fields, _: Words) -> list[str]:
    return [f"The outcome was not {event['was']}, as the {event['by']} shows, but {_outcome(event)}."]


def _outcome(event: Fields) -> str:
    return f"{event['outcome']} ({event['reason']})" if event["reason"] else str(event["outcome"])


def destroyed(event: Fields, _: Words) -> list[str]:
    made = "; the telephone company had made no audio of it" if event.get("at_provider") else ""
    return [f"The recording was destroyed everywhere (rule: {event['rule']}){made}."]


def accessed(event: Fields, _: Words) -> list[str]:
    return [f"The recording was opened{_by(event)}: {event.get('what', 'access')}, for {event.get('purpose', '')}."]


def access_refused(event: Fields, _: Words) -> list[str]:
    return [f"The recording was asked for{_by(event)}, and refused: {event['why']}."]


def listened(event: Fields, _: Words) -> list[str]:
    """The seconds heard since the listening's event before, if there is one, and those handed out since then."""
    heard = (
        f"The recording was heard{_by(event)}, for {event['purpose']}: {_parts(event['ranges']) or 'nothing of it'}."
    )
    handed = _parts(event.get("handed_out", []))
    ended = f"The listening ended: {event['why'] or 'it was closed'}."
    return [heard, *[f"Sound was handed out of {handed}."] * bool(handed), *[ended] * bool(event["final"])]


def _parts(ranges: Sequence[tuple[int, int]]) -> str:
    told = [f"{at_second(begin)} to {at_second(end)}" for begin, end in ranges]
    return ", ".join(told[:_RANGES_MAX]) + (f" and {len(told) - _RANGES_MAX} more" * (len(told) > _RANGES_MAX))


def at_second(ms: int) -> str:
    """A place in a recording, in whole seconds: 0:07, 12:05, 1:02:03."""
    minutes, second = divmod(ms // 1000, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def reviewed(event: Fields, _: Words) -> list[str]:
    return [f"The call was reviewed{_by(event)}."]


def pause_asked(event: Fields, _: Words) -> list[str]:
    return [f"A pause of the recording was asked for{_by(event)}, of {event['limit_s']} s at most."]


def paused(event: Fields, _: Words) -> list[str]:
    return [f"The recording was paused at the telephone company{_into_it(event)}: silence from there on."]


def resumed(event: Fields, _: Words) -> list[str]:
    return [f"The recording went on after the pause{_into_it(event)}."]


def _into_it(event: Fields) -> str:
    return f", {event['at_ms'] / 1000:.1f} s into it" if "at_ms" in event else ""


def pause_ended(event: Fields, _: Words) -> list[str]:
    return [f"The pause was over ({event['how']}){_by(event)}."]


def copy_found(event: Fields, _: Words) -> list[str]:
    return [f"The telephone company had a {event['kind']} of the call, which had to go: {event['why']}."]


def corroborated(event: Fields, _: Words) -> list[str]:
    match event.get("match"):
        case True:
            return ["The telephone company's own record agrees with this log."]
        case False:
            return [f"The telephone company's own record differs in: {', '.join(event.get('differs', []))}."]
    return [f"The telephone company's own record is not known here: {event.get('reason', 'it did not tell')}."]


def held(event: Fields, _: Words) -> list[str]:
    return [f"The call was put under legal hold {event['hold']}{_staff(event)}."]


def released(event: Fields, _: Words) -> list[str]:
    return [f"Legal hold {event['hold']} was released{_staff(event)}."]


def unread(event: Fields, _: Words) -> list[str]:
    return [f"A request could not be gone by, and the caller was put through, unrecorded: {event['reason']}."]


def reconciled(event: Fields, _: Words) -> list[str]:
    differ = f"{event['missing']} are missing here, {event['unknown_to_provider']} there"
    return [f"The calls of {event['day']} were held against the telephone company's list: {differ}."]


def examined(event: Fields, _: Words) -> list[str]:
    found = ", ".join(event["findings"]) or "nothing"
    unable = f", and could not tell about {', '.join(event['unable'])}" if event["unable"] else ""
    return [f"The settings of the account were examined: the doctor found {found}{unable}."]


def opened(event: Fields, _: Words) -> list[str]:
    return [f"Incident {event['incident']} was opened: {event['kind']}, about {event['about_call'] or event['about']}."]


def closed(event: Fields, _: Words) -> list[str]:
    return [f"Incident {event['incident']} was closed{_staff(event)}."]


def anchored(event: Fields, _: Words) -> list[str]:
    return [f"A checkpoint of {event['size']} events was given to somebody else to hold ({event['kind']})."]


def exported(event: Fields, _: Words) -> list[str]:
    named = ", ".join(event["disclosed"]) or "nothing personal"
    return [f"Events were exported{_by(event)} ({event['scope']}, {event['calls']} calls), with {named} disclosed."]


def restored(event: Fields, _: Words) -> list[str]:
    lost = f"{event['restored_size']} of {event['over_size']} events were left"
    return [f"A backup was restored, and the log goes on from it: {lost}."]


def _staff(event: Fields) -> str:
    because = f": {event['reason']}" if event.get("reason") else ""
    return f"{_by(event)}{because}"


def _by(event: Fields) -> str:
    return f" by {event['actor']}" if event.get("actor") else " (by whom is not opened here)"


def staff_added(event: Fields, _: Words) -> list[str]:
    return [f"The account {event['account']} was added: {_position(event)}."]


def staff_changed(event: Fields, _: Words) -> list[str]:
    return [f"The account {event['account']} was changed: {_position(event)}."]


def _position(event: Fields) -> str:
    """Of an account: its role, and whose calls it is for as far as that is disclosed."""
    named = [*event.get("lines", []), *(f"team {team}" for team in event.get("teams", []))]
    scope = "everything" if event["everywhere"] else ", ".join(named) or "lines and teams that are not disclosed"
    return f"{event['role']}, for {scope}"
