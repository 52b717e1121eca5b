"""An explanation for people at a terminal: first what happens, then what is heard, then why, step by step."""

from collections.abc import Mapping
from typing import Any

from compliance.explain import MODES, SUPPOSED, Explained
from onrecord.terminal import say
from policies.jurisdiction.pack import DISCLAIMER
from policies.wording import Wording

_SAID_LATER = (
    "recorded_tag",
    "not_recorded",
    "declined",
    "no_answer",
    "unclear",
    "stopped",
    "connecting",
    "agent_unavailable",
    "agent_busy",
    "refused_end_call",
    "refused_other_channel",
    "goodbye",
    "whisper_recorded",
    "whisper_not_recorded",
)


def show(found: Explained) -> None:
    ruling = found.ruling
    say(found.about)
    say()
    for what in found.differs:
        say(f"DIFFERS FROM THE LOG: {what}")
        say()
    for name, value in _facts(found):
        say(f"{name:<16}{value}")
    if found.wording:
        say()
        say("What the caller hears")
        show_wording(found.wording)
    say()
    say("Why")
    for number, reason in enumerate(ruling["because"], start=1):
        _show_reason(number, reason, found)
    say()
    law = f"law pack {ruling['law']['version']} ({ruling['law']['sha256'][:12]})"
    say(f"{law}, rulebook {ruling['rules_sha256'][:12]}")
    say(found.again or SUPPOSED)
    say(DISCLAIMER)


def show_wording(wording: Wording) -> None:
    approved = (
        f"approved by {wording.approved_by} on {wording.approved_on}" if wording.approved_on else "approved by nobody"
    )
    say(f"  {wording.id}@{wording.version}, {wording.language}, {wording.voice}, {approved}")
    say(f"  sha256    {wording.sha256}")
    say(f"  says      {wording.disclosure}")
    if wording.disclosure_audio:
        say(f"            (recorded: {wording.disclosure_audio})")
    if wording.question:
        say(f"  asks      {wording.question}")
    if wording.question_audio:
        say(f"            (recorded: {wording.question_audio})")


def show_all_said(wording: Wording) -> None:
    """Every other text that the hash covers: the words later in the call, to the caller or the agent."""
    for name in _SAID_LATER:
        say(f"  {name.replace('_', ' '):<24}{getattr(wording, name)}")


def _facts(found: Explained) -> list[tuple[str, str]]:
    ruling, language = found.ruling, found.language
    mode = f"{ruling['mode']}: {MODES[ruling['mode']]}"
    if ruling["mode"] == "opt_out":
        mode += "; silence is consent" if ruling["silence_is_consent"] else "; silence is not consent"
    facts = [("mode", mode), ("language", language)]
    if ruling["remembered_decline"]:
        facts.append(("asked before", "the number declined; it is offered to be recorded by key, and not asked"))
    if ruling["on_refusal"]:
        facts.append(("on a refusal", ruling["on_refusal"]))
    for purpose in ruling["purposes"]:
        ended = f", ended by {purpose['ended_by']}" if purpose["ended_by"] else ""
        until = f"until {purpose['usable_until'][:10]} (rule {purpose['rule']}, {purpose['keep']}{ended})"
        facts.append((f"for {purpose['purpose']}", until))
    facts.append(("kept until", (ruling["retain_until"] or "nothing is kept")[:19]))
    facts += [("POLICY CONFLICT", conflict) for conflict in ruling["conflicts"]]
    facts += [("the law wants", flag.replace("_", " ")) for flag in ruling["flags"]]
    facts += [("may not be kept", f"{found.name_of(rule)}: yours to see to") for rule in ruling["never_store"]]
    return [*facts, ("evidence", f"kept at least {ruling['log_kept_at_least']}")]


def _show_reason(number: int, reason: Mapping[str, Any], found: Explained) -> None:
    when = ", ".join(
        part
        for part in (
            reason.get("record", ""),
            f"researched {reason['as_of']}" if "as_of" in reason else "",
            f"since {reason['since']}" if "since" in reason else "",
        )
        if part
    )
    say(f"{number:>3}. {reason['about']}: {reason['says']}")
    say(f"     by {reason['by']}{f' [{when}]' if when else ''}")
    if note := reason.get("note"):
        say(f"     {note}")
    for position in reason.get("positions", ()):
        say(f"     one view: {position}")
    if said := found.note_of(reason.get("record", "")):
        say(f"     note: {said}")
    if override := reason.get("override"):
        say(f"     because: {found.because(override) or 'the rulebook gives no reason'}")
    for source in found.sources_of(reason.get("record", "")):
        say(f"     source: {source}")
