"""The levels of trust in a checkpoint for a reader who doesn't trust the operator, by its other holders."""

from enum import IntEnum

WORTH_NOTHING = "nobody outside holds it: it proves nothing against the operator, who could have made it up yesterday"


class Level(IntEnum):
    """Each level adds a party that would have to take part in a forgery."""

    SELF_SIGNED = 0
    FILE = 1
    S3 = 2
    WITNESS = 3
    TSA = 4

    @property
    def in_words(self) -> str:
        return _WORDS[self]

    def __str__(self) -> str:
        return f"level {self.value} ({self.in_words})"


_WORDS = {
    Level.SELF_SIGNED: f"self-signed only: {WORTH_NOTHING}",
    Level.FILE: "a line outside the database: worth as much as whoever keeps that line",
    Level.S3: "locked in S3: nobody can remove or change it before its lock ends, the operator included",
    Level.WITNESS: "cosigned by a witness, which signs no other history",
    Level.TSA: "time-stamped by an authority (RFC 3161)",
}
KINDS = {"file": Level.FILE, "s3": Level.S3, "witness": Level.WITNESS, "tsa": Level.TSA}
