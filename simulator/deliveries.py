"""Callbacks on their way: each its own request, in no promised order, with the faults that were asked for."""

from collections.abc import Mapping

from simulator.call_setting import CallSetting
from simulator.errors import FetchFailed
from simulator.webhooks import Mischief, Sender, Webhook

REORDER_S = 5.0  # how long after the end of a call a held callback is sent at the latest


class Deliveries:
    """The callbacks of one call."""

    def __init__(self, setting: CallSetting) -> None:
        self._setting = setting
        self._is_over = False
        self._held: dict[str, Webhook] = {}

    def deliver(self, kind: str, url: str, method: str, params: Mapping[str, str], status: str) -> None:
        """Send a callback soon, with the faults of the call."""
        if not url:
            return
        faults = self._setting.faults.of_callback(kind)
        if faults.loses(status):
            self._setting.journal.add("callback", {"kind": kind, "url": url, "params": dict(params), "lost": True})
            return
        webhook = Webhook(kind, url, {**params, **self._setting.faults.extra_params}, method)
        if faults.reorder and kind not in self._held:
            self._hold(kind, webhook)
            return
        self._send_soon(webhook)
        if held := self._held.pop(kind, None):
            self._send_soon(held, extra_s=0.05)

    def release(self) -> None:
        """The call is over: held callbacks go out, unless another overtakes them soon."""
        self._is_over = True
        if self._held:
            self._setting.clock.later(REORDER_S, self._release)

    def _hold(self, kind: str, webhook: Webhook) -> None:
        self._held[kind] = webhook
        if self._is_over:
            self.release()

    def _release(self) -> None:
        while self._held:
            self._send_soon(self._held.popitem()[1])

    def _send_soon(self, webhook: Webhook, extra_s: float = 0.0) -> None:
        faults = self._setting.faults.of_callback(webhook.kind)
        delay_s = self._setting.exchange.config.timing.callback_s + faults.delay_s + extra_s
        for _ in range(1 + faults.duplicate):
            self._setting.clock.later(delay_s, lambda: self._send(webhook))

    def _send(self, webhook: Webhook) -> None:
        """A failed callback is noted and not tried again: there is no fallback for callbacks."""
        exchange = self._setting.exchange
        mischief = Mischief(wrong_signature=self._setting.faults.wrong_signature, chunked=self._setting.faults.chunked)
        with exchange.new_session() as session:
            sender = Sender(
                exchange.config.auth_token,
                exchange.clock,
                session,
                lambda attempt: self._setting.journal.add("callback", attempt.to_json()),
                mischief,
            )
            try:
                sender.send(webhook)
            except FetchFailed as error:
                self._setting.journal.note(error)
