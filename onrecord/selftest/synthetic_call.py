"""A call of the self-test: the requests that Twilio would send for it, step by step, and the findings.

It follows the addresses in the answers, and never a <Dial>: nobody is rung.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from callflow.forms import SELF_TEST_FIELD
from callflow.urls import Urls
from compliance.twiml_reading import Twiml, Unreadable, Verb, read
from onrecord.selftest.checks import (
    Finding,
    Lived,
    Prompt,
    asked,
    before_the_choice,
    connected,
    disclosed,
    finding,
    logged,
)
from onrecord.selftest.http import Answer, Elsewhere, NotReached, TooSlow, Wire
from policies.consent import Outcome
from policies.rules import Line, Rulebook
from policies.wording import Wording
from storage.database.engine import Database
from storage.log import consent_log
from storage.rows import calls
from storage.rows.calls import Call
from storage.rows.rules_in_force import kept_wording, rules_of

NO_ANSWER = ("reachable", "in_time")


class CannotGoOn(Exception):
    """The call ended early; its findings say why."""


@dataclass(frozen=True)
class Means:
    """The means to make calls. `clock` is a monotonic number of seconds."""

    database: Database
    rulebook: Rulebook
    urls: Urls
    wire: Wire
    clock: Callable[[], float]


@dataclass
class SyntheticCall:
    """A caller of `line`, as Twilio names them, who presses `language_key` where a menu asks for the language."""

    means: Means
    line: Line
    caller: str
    language_key: int
    sid: str = field(default_factory=lambda: "CA" + secrets.token_hex(16))
    findings: list[Finding] = field(default_factory=list)
    told_at: float = 0.0
    """By then the disclosure has played to its end."""
    who: str = "a caller"
    has_hung_up: bool = False
    _heard: Twiml | None = None
    _events: list[str] = field(default_factory=list)
    _digits: list[str] = field(default_factory=list)
    _prompts: dict[str, bytes | None] = field(default_factory=dict)

    def arrives(self) -> Twiml:
        """The call comes in, and its disclosure begins. It comes in once."""
        if self._heard is None:
            self._heard = self._to_the_disclosure(self._post(self.means.urls.answer(), CallStatus="ringing"))
        return self._heard

    def is_forged(self) -> tuple[int, bool]:
        """Forge a request for the call. Returns the answer's status, and whether the call is in the database then."""
        url, params = self.means.urls.answer(), self._params(CallStatus="ringing")
        status = self._reached(lambda: self.means.wire.post(url, params, forged=True)).status
        with self.means.database.read() as connection:
            return status, calls.peek_sid(connection, self.sid) is not None

    def hears_it_out(self) -> Twiml:
        """The answer to the step after the disclosure, when the service can believe that it has played."""
        redirect = self.arrives().first("Redirect")
        if redirect is None:
            raise self._ends_with("disclosure", "nothing follows the disclosure")
        return self._post(redirect.text)

    def is_asked(self, heard: Twiml) -> Verb:
        """The <Gather> that waits for a key."""
        wording = self.wording()
        self.found(asked(heard, Prompt(wording, wording.question, wording.question_audio), self.prompt))
        gather = heard.first("Gather")
        if gather is None:
            raise self._ends_with("question", "the caller is not asked")
        return gather

    def presses(self, gather: Verb, digits: str) -> Twiml:
        """A key, or none."""
        self._digits.append(digits)
        self._events.append("consent.choice")
        return self._post(gather.attributes.get("action", ""), Digits=digits)

    def is_connected(self, heard: Twiml) -> None:
        known = self.known()
        with self.means.database.read() as connection:
            rules = rules_of(connection, known, self.means.rulebook)
        self.found([connected(heard, (rules.line(self.line.number) or self.line).connect_to)])

    def hangs_up(self) -> None:
        """Report the end of the call, as Twilio does. Without it, the service would believe that it goes on."""
        self.has_hung_up = True
        answer = self._send(self.means.urls.call_progress(), CallStatus="completed", CallDuration="1")
        self.found([finding("answers", answer.status == 204, f"the end of a call is answered with {answer.status}")])

    def was(self, outcome: Outcome, *events: str) -> None:
        """Compare the call with the log. `events` came after the last key."""
        self.hangs_up()
        language = self.line.languages[self.language_key - 1]
        lived = Lived((*self._events, *events, "call.completed"), tuple(self._digits), outcome, language)
        self.found(logged(lived, self.known(), self.log()))

    def lives_through(self, event: str) -> None:
        self._events.append(event)

    def disclosure(self) -> Prompt:
        wording = self.wording()
        return Prompt(wording, wording.disclosure, wording.disclosure_audio)

    def said(self, text: str) -> Prompt:
        return Prompt(self.wording(), text, "")

    def known(self) -> Call:
        with self.means.database.read() as connection:
            known = calls.peek_sid(connection, self.sid)
        if known is None:
            raise self._ends_with("logged", "the service did not take the call in")
        return known

    def wording(self) -> Wording:
        known = self.known()
        with self.means.database.read() as connection:
            wording = kept_wording(connection, known)
        if wording is None:
            raise self._ends_with("disclosure", "the words that the log names are not kept")
        return wording

    def log(self) -> list[dict[str, Any]]:
        known = self.known()
        with self.means.database.read() as connection:
            return [event for _, event in consent_log.events_of_call(connection, known.id)]

    def prompt(self, url: str) -> bytes | None:
        if url not in self._prompts:
            fetched = self._reached(lambda: self.means.wire.get(url))
            self._prompts[url] = fetched.body if fetched.status == 200 else None
        return self._prompts[url]

    def found(self, findings: Iterable[Finding]) -> None:
        self.findings += findings

    def _to_the_disclosure(self, heard: Twiml) -> Twiml:
        if self.log()[-1]["type"] == "language.asked":
            self.found([before_the_choice(heard)])
            gather = heard.first("Gather")
            if gather is None:
                raise self._ends_with("question", "the caller is not asked for a language")
            heard = self._post(gather.attributes.get("action", ""), Digits=str(self.language_key))
        disclosure = self.disclosure()
        self.found(disclosed(heard, disclosure, self.prompt))
        length_s = sum(disclosure.length_s(verb, self.prompt) for verb in heard.spoken[:1])
        self.told_at = self.means.clock() + max(length_s, disclosure.wording.disclosure_length_ms / 1000)
        return heard

    def _post(self, url: str, **more: str) -> Twiml:
        answer = self._send(url, **{"CallStatus": "in-progress", **more})
        if answer.status != 200:
            raise self._ends_with("answers", f"a step is answered with {answer.status}")
        try:
            heard = read(answer.body)
        except Unreadable as error:
            raise self._ends_with("answers", f"a step is answered with what Twilio can't carry out: {error}") from error
        self.found([Finding("answers")])
        return heard

    def _send(self, url: str, **more: str) -> Answer:
        return self._reached(lambda: self.means.wire.post(url, self._params(**more)))

    def _params(self, **more: str) -> dict[str, str]:
        """Every request carries the mark of the self-test, since any of them may be the first to arrive."""
        mark = self.means.urls.self_test_mark(self.sid, self.line.number)
        known_by = {"CallSid": self.sid, "From": self.caller, "To": self.line.number, SELF_TEST_FIELD: mark}
        return {"Direction": "inbound", **known_by, **more}

    def _reached(self, ask: Callable[[], Answer]) -> Answer:
        try:
            answer = ask()
        except NotReached as error:
            raise self._ends_with("reachable", "the service does not answer at its public address") from error
        except TooSlow as error:
            raise self._ends_with("in_time", "Twilio would no longer wait for the answer") from error
        except Elsewhere as error:
            raise self._ends_with("answers", "a step leads to an address that is not the service's") from error
        self.found(Finding(check) for check in NO_ANSWER)
        return answer

    def _ends_with(self, check: str, wrong: str) -> CannotGoOn:
        self.found([Finding(check, wrong)])
        return CannotGoOn(wrong)
