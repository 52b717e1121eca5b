"""The texts that an account has, how they come to be, and how they go."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from simulator import texts
from simulator.account import Account
from simulator.account_services import TRANSCRIPTION, Services
from simulator.clock import Clock
from simulator.legs import Leg
from simulator.line import Line
from simulator.phone_call import PhoneCall
from simulator.recordings import Recording
from simulator.texts import Source, Text


class TextExchange(Protocol):
    """The part of the exchange that texts are made from."""

    clock: Clock
    account: Account
    services: Services
    legs: dict[str, tuple[Leg, PhoneCall]]
    lines: dict[str, Line]
    recordings: dict[str, Recording]


@dataclass
class Operation:
    """A deletion of a conversation that takes time: PENDING, then COMPLETED or FAILED."""

    operation_id: str
    conversation_id: str
    created: datetime
    status: str = "PENDING"
    completed: datetime | None = None


class AccountTexts:
    """All texts, in the order of their making. Deleting a recording deletes none of them."""

    def __init__(self, exchange: TextExchange) -> None:
        self._exchange = exchange
        self._rows: dict[str, Text] = {}
        self._completed: dict[str, Recording] = {}  # copies whose sound outlasts a deletion
        self.operations: dict[str, Operation] = {}
        self.profiles: dict[str, str] = {}  # of memory: ids by the numbers of callers

    def all(self) -> list[Text]:
        return list(self._rows.values())

    def of(self, kind: str) -> list[Text]:
        """The texts of a kind that are not deleted, newest first."""
        return [text for text in reversed(self.all()) if text.kind == kind and not text.deleted]

    def find(self, kind: str, sid: str) -> Text | None:
        text = self._rows.get(sid)
        return text if text and text.kind == kind and not text.deleted else None

    def recording_completed(self, recording: Recording) -> None:
        """Make what the account's services make of a recording, `late_s` from now."""
        self._completed[recording.sid] = replace(recording)
        services = self._exchange.services
        default = self._exchange.account.default_recording or {}
        is_made = {
            "transcript": any(service.auto_transcribe for service in services.intelligence_services),
            "batch_transcript": TRANSCRIPTION in default.get("features", ()),
            "add_on_result": any(add_on.takes_recordings for add_on in services.add_ons),
        }
        self._make_later([kind for kind, is_on in is_made.items() if is_on], recording_sid=recording.sid)

    def call_ended(self, call_sid: str) -> None:
        """Make a conversation of a call that a capture rule matches."""
        leg, _ = self._exchange.legs[call_sid]
        if self._exchange.services.captures(leg.from_number, leg.to_number):
            self._make_later(["conversation"], call_sid=call_sid)

    def make(self, kind: str, *, recording_sid: str = "", call_sid: str = "", conversation_id: str = "") -> Text:
        """Make a text now, also of a deleted recording. Raises KeyError for a kind or a source that does not exist."""
        if conversation_id:
            return self._add(kind, self._rows[conversation_id].source, conversation_id)
        if kind not in texts.KINDS:
            raise KeyError(kind)
        return self._make(kind, self._source(recording_sid, call_sid))

    def delete(self, text: Text) -> None:
        text.deleted = self._exchange.clock.now()

    def forget_profile(self, number: str) -> None:
        """Delete a caller's profile, with everything that memory has of it."""
        self.profiles.pop(number, None)
        for text in self.all():
            if text.kind in texts.OF_MEMORY and text.source.from_number == number and not text.deleted:
                self.delete(text)

    def delete_later(self, conversation: Text, *, fails: bool = False) -> Operation:
        """Delete a conversation `operation_s` from now, or fail then."""
        operation = Operation(texts.type_id("conv_operation_"), conversation.sid, self._exchange.clock.now())
        self.operations[operation.operation_id] = operation
        self._exchange.clock.later(
            self._exchange.services.operation_s, lambda: self._finish(operation, conversation, fails=fails)
        )
        return operation

    def _finish(self, operation: Operation, conversation: Text, *, fails: bool) -> None:
        operation.completed = self._exchange.clock.now()
        if not fails:
            self.delete(conversation)
        operation.status = "FAILED" if fails else "COMPLETED"

    def _make_later(self, kinds: list[str], *, recording_sid: str = "", call_sid: str = "") -> None:
        if not kinds:
            return
        source = self._source(recording_sid, call_sid)

        def make() -> None:
            for kind in kinds:
                self._make(kind, source)

        if late_s := self._exchange.services.late_s:
            self._exchange.clock.later(late_s, make)
        else:
            make()

    def _make(self, kind: str, source: Source) -> Text:
        text = self._add(kind, source)
        if kind == "conversation":
            self._derive(text)
        return text

    def _derive(self, conversation: Text) -> None:
        """Memory and operators read a conversation, and write texts of their own."""
        services = self._exchange.services
        if services.memory_extraction:
            for kind in texts.OF_MEMORY:
                self._add(kind, conversation.source, conversation.sid)
        if services.operator_results:
            self._add("operator_result", conversation.source, conversation.sid)

    def _add(self, kind: str, source: Source, conversation_id: str = "") -> Text:
        if bool(conversation_id) is (kind in texts.KINDS):
            raise KeyError(kind)
        if kind in texts.OF_MEMORY:
            self.profiles.setdefault(source.from_number, texts.type_id("mem_profile_"))
        ids = tuple(texts.type_id("comms_communication_") for _ in source.sentences)
        text = Text(kind, texts.new_id(kind), source, self._exchange.clock.now(), conversation_id, communications=ids)
        self._rows[text.sid] = text
        return text

    def _source(self, recording_sid: str, call_sid: str) -> Source:
        """The words as they are now, or as they were when the recording was completed."""
        if not recording_sid:
            leg, call = self._exchange.legs[call_sid]
            line = call.line if leg is call.leg else self._exchange.lines.get(call_sid, call.line)
            return Source(leg.sid, leg.from_number, leg.to_number, leg.created, texts.of_tape(line.tape))
        recording = self._completed.get(recording_sid) or self._exchange.recordings[recording_sid]
        leg, _ = self._exchange.legs[recording.call_sid]
        sentences = texts.of_recording(recording)
        return Source(leg.sid, leg.from_number, leg.to_number, recording.started, sentences, recording)
