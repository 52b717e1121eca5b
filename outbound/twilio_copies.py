"""The copies that Twilio makes of a call beside its recordings: looked for, and deleted.

Each kind is on a host of its own. A list may be refused in two ways, which the answer's status and code tell apart:
403, where the key may not look; and 404 with the code `SERVICE_MISSING`, where the account has no such service. Twilio
publishes no code for the latter, so this one is assumed. Any other refusal counts as the first: nothing was looked at.
A single resource that is gone answers 404 with the code of every missing resource (20404).
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from outbound.bounded_http import Answered, Outbound
from outbound.twilio_client import NOT_YET, Account, asking
from outbound.twilio_lists import Host, Resources, Row, moment
from policies.copies import PLACES, CopyKind
from storage.errors import Refused, Unavailable
from storage.provider import CALL_SID, RECORDING_SID, CopiesSeen, CopyDeletion, ProviderCopy, Sight

SERVICE_MISSING = 20403
NOT_FOUND = 20404
OPERATION_POLLS = 8
OPERATION_PAUSE_S = 1.0
_STATUSES = ("ACTIVE", "INACTIVE", "CLOSED")  # of conversations: without a status not all may be listed
_PAGE = 100  # the most that some of the newer hosts send
# The host of each kind, and the path that its names go on.
_PLACES = {
    CopyKind.TRANSCRIPT: ("intelligence", "v2/Transcripts/"),
    CopyKind.BATCH_TRANSCRIPT: ("voice", "v3/Transcriptions/"),
}
_PARTS = {"Stores": ("memory", "v1/"), "OperatorResults": ("intelligence", "v3/")}
_CONVERSATIONS = ("conversations", "v2/Conversations/")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PATH = re.compile(r"[A-Za-z0-9_-]{1,128}(/[A-Za-z0-9_-]{1,128})*")
_NO_SENSE = (AttributeError, KeyError, TypeError, ValueError)
_MAYBE_LATER = (401, 408, 409, 429)


@dataclass(frozen=True, slots=True)
class TwilioCopies:
    """The part of the provider that knows copies. `pause` waits between two looks at an operation."""

    account: Account
    outbound: Outbound
    pause: Callable[[float], object] = time.sleep

    def of(self, recording_sid: str, call_sid: str) -> tuple[CopiesSeen, ...]:
        stored_in: list[str] = []
        found = [
            _look(CopyKind.BATCH_TRANSCRIPT, self._batch_transcripts_of(recording_sid, stored_in)),
            _look(CopyKind.CONVERSATION, self._conversations_of(call_sid, stored_in)),
            _look(CopyKind.TRANSCRIPT, self._transcripts_of(recording_sid, call_sid)),
            _look(CopyKind.TRANSCRIPTION, self._transcriptions_of(recording_sid)),
            _look(CopyKind.ADD_ON_RESULT, self._add_on_results_of(recording_sid)),
        ]
        return tuple(sorted(found, key=lambda seen: list(CopyKind).index(seen.kind)))

    def since(self, kind: CopyKind, earliest: datetime) -> CopiesSeen:
        """Lists without a filter by time are read until they come to an older row: newest first, which is assumed."""
        if kind is CopyKind.CONVERSATION:
            return _look(kind, self._conversations_since(earliest))
        if kind is CopyKind.TRANSCRIPT:
            return _look(kind, self._transcripts(AfterDateCreated=_iso(earliest)))
        if kind is CopyKind.BATCH_TRANSCRIPT:
            return _look(kind, self._batch_transcripts([], createdAfter=_iso(earliest)))
        if kind is CopyKind.TRANSCRIPTION:
            return _look(kind, self._transcriptions_since(earliest))
        raise Refused("twilio: results of add-ons have no list for the whole account")

    def delete(self, copy: ProviderCopy) -> CopyDeletion:
        host, path = self._place(copy)
        with asking(f"deletion of a {PLACES[copy.kind].name}"):
            refusal = self._refusal(host, path)
            left = _left(host, path)
            if not left and copy.kind is CopyKind.TRANSCRIPT:
                left = _media_left(host, path)
        return CopyDeletion(not left, (refusal or left) if left else "")

    def _refusal(self, host: Host, path: str) -> str:
        """Empty where the deletion was accepted, and done as far as that is known."""
        try:
            status, text = self.outbound.ask("DELETE", f"{host.base_url}/{path}", params={}, data={})
        except Answered as answer:
            return _final(answer)
        found = re.search(r'"operationId"\s*:\s*"([A-Za-z0-9_-]{1,128})"', text)
        return self._operation(host, found[1]) if status == 202 and found else ""

    def _operation(self, host: Host, operation_id: str) -> str:
        """Wait for an operation for a while. Raises Unavailable while it is under way."""
        for _ in range(OPERATION_POLLS):
            try:
                said = host.one(f"v2/ControlPlane/Operations/{operation_id}")
            except Answered as answer:
                return f"the operation that deletes it can't be read: {_final(answer)}"
            if said["status"] == "COMPLETED":
                return ""
            if said["status"] == "FAILED":
                return f"the operation that was to delete it failed, code {(said.get('error') or {}).get('code')}"
            self.pause(OPERATION_PAUSE_S)
        raise Unavailable("twilio: deletion of a conversation: it is under way")

    def _place(self, copy: ProviderCopy) -> tuple[Host, str]:
        if not _PATH.fullmatch(copy.name):
            raise ValueError("not a name of a copy")
        if copy.kind in (CopyKind.TRANSCRIPTION, CopyKind.ADD_ON_RESULT):
            recording_sid, _, name = copy.name.rpartition("/")
            above = f"Recordings/{recording_sid}/AddOnResults" if recording_sid else "Transcriptions"
            place = self.account.url(f"{above}/{name}.json").removeprefix(f"{self.account.base_url}/")
            return Host(self.account.base_url, self.outbound), place
        name, start = _PLACES.get(copy.kind) or _PARTS.get(copy.name.partition("/")[0], _CONVERSATIONS)
        return self._host(name), f"{start}{copy.name}"

    # Lists, kind by kind. A row without a readable name raises ValueError: it can't be shown to be gone.

    def _conversations_of(self, call_sid: str, stored_in: list[str]) -> Iterator[ProviderCopy]:
        listed = self._conversations(channelId=call_sid) if call_sid else iter(())
        names = dict.fromkeys([*(_name(row, "id") for row in listed), *stored_in])
        for name in names:
            yield ProviderCopy(CopyKind.CONVERSATION, name, call_sid=call_sid)
        for name in names:
            for part in self._parts(name):
                yield ProviderCopy(CopyKind.CONVERSATION, part, call_sid=call_sid)

    def _conversations_since(self, earliest: datetime) -> Iterator[ProviderCopy]:
        for row in self._conversations():
            made_at = _read_iso(row.get("createdAt"))
            if made_at and made_at < earliest:
                return
            name = _name(row, "id")
            for call_sid in self._calls_in(name, row):
                yield ProviderCopy(CopyKind.CONVERSATION, name, call_sid=call_sid)

    def _conversations(self, **asked: object) -> Iterator[Row]:
        host = self._host("conversations")
        return _dicts(host.rows("v2/Conversations", "conversations", status=_STATUSES, pageSize=_PAGE, **asked))

    def _calls_in(self, name: str, row: Row) -> list[str]:
        """The calls whose words a conversation holds: by its participants' channels, else by its communications'."""
        addresses = [address for each in self._participants(name, row) for address in each.get("addresses") or ()]
        if not (sids := _call_sids(addresses)):
            path = f"v2/Conversations/{name}/Communications"
            sids = _call_sids(self._host("conversations").rows(path, "communications", pageSize=_PAGE))
        return sids

    def _participants(self, name: str, row: Row | None = None) -> list[Row]:
        shown = (row or {}).get("participants")
        if isinstance(shown, list) and shown and all(isinstance(each, dict) for each in shown):
            return shown
        path = f"v2/Conversations/{name}/Participants"
        return list(_dicts(self._host("conversations").rows(path, "participants", pageSize=_PAGE)))

    def _parts(self, conversation: str) -> Iterator[str]:
        """Texts that were made of a conversation and outlive it: results of operators, and what memory took from it."""
        asked = {"conversationId": conversation, "pageSize": _PAGE}
        intelligence, memory = self._host("intelligence"), self._host("memory")
        for row in _unless_no_service(intelligence.rows("v3/OperatorResults", "items", **asked)):
            yield f"OperatorResults/{_name(row, 'id')}"
        profiles = {each["profileId"] for each in self._participants(conversation) if each.get("profileId")}
        if not profiles:
            return
        for store in _unless_no_service(memory.rows("v1/ControlPlane/Stores", "stores", pageSize=_PAGE)):
            for profile in sorted(profiles):
                place = f"Stores/{_checked(store)}/Profiles/{_checked(profile)}"
                for part, key in (("ConversationSummaries", "summaries"), ("Observations", "observations")):
                    for row in _unless_gone(memory.rows(f"v1/{place}/{part}", key, **asked)):
                        yield f"{place}/{part}/{_name(row, 'id')}"

    def _transcripts_of(self, recording_sid: str, call_sid: str) -> Iterator[ProviderCopy]:
        """By the recording, and by the call, of which the transcript may have been made live."""
        for sid in filter(None, (recording_sid, call_sid)):
            yield from self._transcripts(SourceSid=sid)

    def _transcripts(self, **asked: object) -> Iterator[ProviderCopy]:
        for row in _dicts(self._host("intelligence").rows("v2/Transcripts", "transcripts", **asked)):
            media = (row.get("channel") or {}).get("media_properties") or {}
            yield _made_of(CopyKind.TRANSCRIPT, _name(row, "sid"), str(asked.get("SourceSid") or media["source_sid"]))

    def _batch_transcripts_of(self, recording_sid: str, stored_in: list[str]) -> Iterator[ProviderCopy]:
        return self._batch_transcripts(stored_in, sourceId=recording_sid) if recording_sid else iter(())

    def _batch_transcripts(self, stored_in: list[str], **asked: object) -> Iterator[ProviderCopy]:
        """The conversations that transcripts were stored in are added to `stored_in`."""
        for row in _dicts(self._host("voice").rows("v3/Transcriptions", "transcriptions", pageSize=_PAGE, **asked)):
            if row.get("conversationId"):
                stored_in.append(_name(row, "conversationId"))
            yield _made_of(CopyKind.BATCH_TRANSCRIPT, _name(row, "id"), str(row.get("sourceId") or ""))

    def _transcriptions_of(self, recording_sid: str) -> Iterator[ProviderCopy]:
        """Of a recording whose record is gone, out of the account's list."""
        if not recording_sid:
            return
        try:
            rows = list(_dicts(self._api.rows(f"Recordings/{recording_sid}/Transcriptions.json", "transcriptions")))
        except Answered as answer:
            if not _is_gone(answer):
                raise
            rows = list(_dicts(self._api.rows("Transcriptions.json", "transcriptions")))
        for row in rows:
            if row.get("recording_sid") == recording_sid:
                yield _made_of(CopyKind.TRANSCRIPTION, _name(row, "sid"), recording_sid)

    def _transcriptions_since(self, earliest: datetime) -> Iterator[ProviderCopy]:
        for row in _dicts(self._api.rows("Transcriptions.json", "transcriptions")):
            made_at = moment(row.get("date_created"))
            if made_at and made_at < earliest - timedelta(seconds=1):
                return
            yield _made_of(CopyKind.TRANSCRIPTION, _name(row, "sid"), str(row.get("recording_sid") or ""))

    def _add_on_results_of(self, recording_sid: str) -> Iterator[ProviderCopy]:
        """None where the recording's record is gone, since there is no other list of them."""
        if not recording_sid:
            return
        for row in _unless_gone(self._api.rows(f"Recordings/{recording_sid}/AddOnResults.json", "add_on_results")):
            name = f"{recording_sid}/{_name(row, 'sid')}"
            yield ProviderCopy(CopyKind.ADD_ON_RESULT, name, recording_sid)

    def _host(self, name: str) -> Host:
        return Host(self.account.host(name), self.outbound)

    @property
    def _api(self) -> Resources:
        return Resources(self.account, self.outbound)


def _look(kind: CopyKind, listed: Iterator[ProviderCopy]) -> CopiesSeen:
    """The copies that a list has, with the copies that were read before a refusal."""
    found: list[ProviderCopy] = []
    with asking(f"list of {PLACES[kind].name}s"):
        try:
            found.extend(listed)
        except Answered as answer:
            words = _final(answer)
            is_missing = answer.status == 404 and answer.code == SERVICE_MISSING and not found
            sight = Sight.NO_SERVICE if is_missing else Sight.FORBIDDEN
            return CopiesSeen(kind, sight, _parts_first(found), words)
        except _NO_SENSE:
            return CopiesSeen(kind, Sight.FORBIDDEN, _parts_first(found), "the answer makes no sense")
    return CopiesSeen(kind, Sight.SEEN, _parts_first(found))


def _final(answer: Answered) -> str:
    """The words of a refusal that stands. Raises the answer where another try may get another one."""
    is_twilios = answer.code is not None or answer.status in (403, 405)
    if not (400 <= answer.status < 500 and is_twilios) or answer.status in _MAYBE_LATER or answer.code in NOT_YET:
        raise answer
    return str(answer)


def _left(host: Host, path: str) -> str:
    """Why a resource counts as being there; empty where it is gone."""
    try:
        host.one(path)
    except Answered as answer:
        return "" if _is_gone(answer) else f"it can't be read: {_final(answer)}"
    return "its deletion was accepted, and it is still there"


def _media_left(host: Host, path: str) -> str:
    """As `_left`, of the second copy of the sound that a transcript may have."""
    try:
        media = host.one(f"{path}/Media")
    except Answered as answer:
        return "" if _is_gone(answer) else f"its media can't be read: {_final(answer)}"
    return "its media are still there" if media.get("media_url") else ""


def _is_gone(answer: Answered) -> bool:
    return answer.status == 404 and answer.code == NOT_FOUND


def _unless_gone(rows: Iterator[Any]) -> Iterator[Any]:
    """The rows of a list; none where the list's owner is gone."""
    try:
        yield from rows
    except Answered as answer:
        if not _is_gone(answer):
            raise


def _unless_no_service(rows: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from rows
    except Answered as answer:
        if not (answer.status == 404 and answer.code == SERVICE_MISSING):
            raise


def _made_of(kind: CopyKind, name: str, source: str) -> ProviderCopy:
    """A copy whose source is a recording or a call; of another source it names neither."""
    recording_sid = source if RECORDING_SID.fullmatch(source) else ""
    return ProviderCopy(kind, name, recording_sid, source if CALL_SID.fullmatch(source) else "")


def _call_sids(rows: Iterator[object] | list[object]) -> list[str]:
    named = [row.get("channelId") for row in rows if isinstance(row, dict)]
    return sorted({sid for sid in named if isinstance(sid, str) and CALL_SID.fullmatch(sid)})


def _dicts(rows: Iterator[object]) -> Iterator[Row]:
    for row in rows:
        if not isinstance(row, dict):
            raise ValueError("not a row")
        yield row


def _name(row: Row, key: str) -> str:
    return _checked(row.get(key))


def _checked(name: object) -> str:
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise ValueError("not a name")
    return name


def _parts_first(found: list[ProviderCopy]) -> tuple[ProviderCopy, ...]:
    """Once a conversation is gone its parts are not found by it any more."""
    return tuple(sorted(dict.fromkeys(found), key=lambda copy: "/" not in copy.name))


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _read_iso(said: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return at and (at if at.tzinfo else at.replace(tzinfo=UTC))
