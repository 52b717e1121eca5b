"""A witness: an outsider's server that cosigns a checkpoint if it goes on from the last checkpoint it saw (C2SP
tlog-witness v1.0.0). It signs no second history, so with its signature even the operator can't have two.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from evidence.checkpoints import consistency_text
from evidence.notes import NotANote, NotSigned, Vkey, read_signature, verified
from outbound.bounded_http import Limits, NoAnswer, Outbound
from storage.errors import Broken, Refused, Unavailable
from storage.log.checkpoints import SignedCheckpoint

_CONFLICT, _SIZE_DIGITS_MAX = 409, 18

Consistency = Callable[[int, int], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Witness:
    """`url` is the prefix of its endpoints; `vkey` checks its signatures."""

    vkey: Vkey
    url: str
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def of(cls, setting: str) -> "Witness":
        vkey, _, url = setting.partition(" ")
        return cls(Vkey.parse(vkey), url.rstrip("/"))

    def cosign(self, checkpoint: SignedCheckpoint, last_size: int, consistency: Consistency) -> bytes:
        """The cosignature lines. `last_size` is the size it probably saw last; a witness that saw another says so.

        `consistency` proves that the log goes on from a size, or raises for a size that the log never had.

        Raises Unavailable, Refused if the witness lacks this log, and Broken if it has seen another history.
        """
        old = last_size
        status, body = self._ask(checkpoint, old, consistency)
        if status == _CONFLICT and (wanted := _size_in(body)) not in (None, old):
            old = wanted
            status, body = self._ask(checkpoint, old, consistency)
        if status == _CONFLICT and old == checkpoint.size and _size_in(body) in (None, old):
            raise Broken(f"witness: it has seen other events than these as the first {old} of this log")
        if status != 200:
            raise _refused(status)
        return self._checked(checkpoint, body)

    def _ask(self, checkpoint: SignedCheckpoint, old: int, consistency: Consistency) -> tuple[int, bytes]:
        asked = consistency_text(old, consistency(old, checkpoint.size), checkpoint.note)
        try:
            return Outbound("", "", limits=self.limits).post(f"{self.url}/add-checkpoint", asked.encode(), "text/plain")
        except NoAnswer as error:
            raise Unavailable(f"witness: {error}") from error

    def _checked(self, checkpoint: SignedCheckpoint, body: bytes) -> bytes:
        try:
            lines = [read_signature(line) for line in body.decode().splitlines()]
            ours = [line for line in lines if (line.name, line.key_id) == (self.vkey.name, self.vkey.id)]
            if not verified(checkpoint.note.with_more(ours), [self.vkey]):
                raise NotSigned("its signature is not there")
        except (UnicodeDecodeError, NotANote, NotSigned) as error:
            raise Broken(f"witness: what it answered is no cosignature of the checkpoint: {error}") from error
        return "".join(map(str, ours)).encode()


def _size_in(body: bytes) -> int | None:
    """The size from which the witness wants a proof. None may mean that it has another root at the size asked."""
    text = body.decode("ascii", "replace").strip()
    return int(text) if text.isdecimal() and len(text) <= _SIZE_DIGITS_MAX else None


def _refused(status: int) -> Exception:
    if status == 422:
        return Broken("witness: the proof does not lead from what it has seen to this checkpoint: it knows another log")
    if status in (403, 404):
        return Refused(f"witness: answered {status}: it does not know this log or its key; have them added there")
    return Unavailable(f"witness: answered {status}")
