"""A witness: somebody else's server that cosigns a checkpoint if it goes on from the last one it saw (C2SP
tlog-witness v1.0.0). It signs no second history, so with its signature even the operator can't have two.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from callflow.outbound import Limits, NoAnswer, Outbound
from evidence.checkpoints import consistency_text
from evidence.notes import NotANote, NotSigned, Vkey, read_signature, verified
from storage.checkpoints import SignedCheckpoint
from storage.errors import Broken, Refused, Unavailable

_CONFLICT, _SIZE_TYPE_DIGITS_MAX = 409, 19

Consistency = Callable[[int, int], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Witness:
    """`url` is its prefix; `vkey` what its signatures are checked with."""

    vkey: Vkey
    url: str

    @classmethod
    def of(cls, setting: str) -> "Witness":
        vkey, _, url = setting.partition(" ")
        return cls(Vkey.parse(vkey), url.rstrip("/"))

    def cosign(self, known: SignedCheckpoint, last_size: int, consistency: Consistency) -> bytes:
        """The cosignature lines. `last_size` is what it is believed to have seen; it knows better, and says so.

        Raises Unavailable, Refused where it doesn't know this log, and Broken where it has seen another history.
        """
        status, body = self._ask(known, last_size, consistency)
        if status == _CONFLICT:
            status, body = self._ask(known, _size_in(body), consistency)
        if status != 200:
            raise _refused(status)
        return self._checked(known, body)

    def _ask(self, known: SignedCheckpoint, old: int, consistency: Consistency) -> tuple[int, bytes]:
        if old > known.size:
            raise Broken(f"witness: it has seen {old} events of this log, and the log has {known.size}")
        asked = consistency_text(old, consistency(old, known.size), known.note)
        try:
            return Outbound("", "", limits=Limits()).post(f"{self.url}/add-checkpoint", asked.encode(), "text/plain")
        except NoAnswer as error:
            raise Unavailable(f"witness: {error}") from error

    def _checked(self, known: SignedCheckpoint, body: bytes) -> bytes:
        try:
            lines = [read_signature(line) for line in body.decode().splitlines()]
            ours = [line for line in lines if (line.name, line.key_id) == (self.vkey.name, self.vkey.id)]
            if not verified(known.note.with_more(ours), [self.vkey]):
                raise NotSigned("its signature is not there")
        except (UnicodeDecodeError, NotANote, NotSigned) as error:
            raise Broken(f"witness: what it answered is no cosignature of the checkpoint: {error}") from error
        return "".join(map(str, ours)).encode()


def _size_in(body: bytes) -> int:
    text = body.decode("ascii", "replace").strip()
    if not text.isdecimal() or len(text) > _SIZE_TYPE_DIGITS_MAX:
        raise Unavailable("witness: it wants another proof, and does not say from where")
    return int(text)


def _refused(status: int) -> Exception:
    if status == 422:
        return Broken("witness: the proof does not lead from what it has seen to this checkpoint: it knows another log")
    if status in (403, 404):
        return Refused(f"witness: answered {status}: it does not know this log or its key; have them added there")
    return Unavailable(f"witness: answered {status}")
