"""Gets a call's documents and prompts, with the faults that were asked for."""

import threading
from collections.abc import Callable
from typing import Any

import requests

from simulator.call_setting import CallSetting
from simulator.documents import Document, Step, read, read_given
from simulator.errors import WARNINGS, CallError, Endless, FetchFailed, TwimlRejected
from simulator.legs import Leg
from simulator.webhooks import Attempt, Mischief, Sender, Webhook

DOCUMENTS_MAX = 10_000  # of one call: a day of waiting in a queue takes no more


class Fetcher:
    """The HTTP client of a call: it keeps cookies from step to step, as a browser does, and prompts in a cache."""

    def __init__(self, setting: CallSetting, params: Callable[[Leg], dict[str, str]]) -> None:
        """`params` gives the parameters that every request about a leg carries."""
        self._setting = setting
        self._params = params
        self._session = setting.exchange.new_session()
        self._audio: dict[str, Attempt] = {}
        self._documents = 0
        voice = setting.faults.voice
        self._mischief = Mischief(
            voice.connect_failures, voice.lost_answers, setting.faults.wrong_signature, setting.faults.chunked
        )

    def document(self, step: Step, leg: Leg) -> Document:
        """The document of a step. Raises CallError when there is none that Twilio would run, and Endless where there
        is no end of them.
        """
        self._documents += 1
        if self._documents > DOCUMENTS_MAX:
            raise Endless(f"more than {DOCUMENTS_MAX} documents on one call", step.url or "")
        if step.url is None:
            return read_given(step.twiml or "", self.warn)
        self._setting.exchange.clock.sleep(self._setting.exchange.config.timing.request_s)
        params = {**self._params(leg), **step.params, **self._setting.faults.extra_params}
        attempt = self._ask(Webhook("voice", step.url, params, step.method))
        try:
            return read(attempt.url, attempt.body, attempt.content_type, self.warn)
        except CallError as error:
            error.url = attempt.url
            raise

    def audio(self, url: str) -> Attempt:
        """The answer with the audio of a <Play>, fetched once a call."""
        if url not in self._audio:
            self._audio[url] = self._sender(self._session).send(Webhook("media", url, method="GET"))
        return self._audio[url]

    def warn(self, warning: TwimlRejected) -> None:
        """Note a warning of Twilio's. Raises it where it is an error, as all are where the simulator is strict."""
        if self._setting.exchange.config.strict or warning.code not in WARNINGS:
            raise warning
        self._setting.journal.add("warning", {"code": warning.code, "detail": warning.detail})

    def close(self) -> None:
        self._session.close()

    def _ask(self, webhook: Webhook) -> Attempt:
        faults = self._setting.faults.voice
        if faults.only not in webhook.url:
            return self._sender(self._session).send(webhook)
        sender = self._sender(self._session, self._mischief)
        if faults.concurrent and faults.duplicate:
            return self._ask_at_once(webhook, 1 + faults.duplicate)
        attempt = sender.send(webhook)
        for _ in range(faults.duplicate):
            self._repeat(webhook)
        return attempt

    def _ask_at_once(self, webhook: Webhook, times: int) -> Attempt:
        """The same request several times together. The call goes on with the answer to the first."""
        others = [threading.Thread(target=self._repeat, args=(webhook,)) for _ in range(times - 1)]
        for other in others:
            other.start()
        try:
            return self._sender(self._session, self._mischief).send(webhook)
        finally:
            for other in others:
                other.join()

    def _repeat(self, webhook: Webhook) -> None:
        """Deliver a request once more, with the same token. Its answer changes nothing."""
        with self._setting.exchange.new_session() as session:
            session.cookies.update(self._session.cookies)
            try:
                self._sender(session, is_repeat=True).send(webhook)
            except FetchFailed as error:
                self._setting.journal.note(error)

    def _sender(
        self, session: requests.Session, mischief: Mischief | None = None, *, is_repeat: bool = False
    ) -> Sender:
        def log(attempt: Attempt) -> None:
            about: dict[str, Any] = attempt.to_json()
            self._setting.journal.add("document", {"twiml": about.pop("body"), "repeat": is_repeat, **about})

        quiet = Mischief(wrong_signature=self._setting.faults.wrong_signature, chunked=self._setting.faults.chunked)
        exchange = self._setting.exchange
        return Sender(exchange.config.auth_token, exchange.clock, session, log, mischief or quiet)
