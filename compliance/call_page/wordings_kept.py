"""The wordings that a call was spoken to in, as they are kept under the hashes that its events name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from compliance.call_log import Entry
from policies.wording import Wording
from storage.database.tables import prompt_audio, wording_version
from storage.errors import Broken
from storage.log.text_verification import check_wording
from storage.rows.rules_in_force import read_wording


@dataclass(frozen=True, slots=True)
class SpokenWording:
    """`prompt` is its name and version as the event has them. `wording` is None where it was never published here, was
    altered since, which `is_altered` says, or an earlier program wrote it. `sounds` are the SHA-256 of those of its
    recorded prompts that are kept.
    """

    sha256: str
    prompt: str
    language: str
    wording: Wording | None
    is_altered: bool = False
    sounds: frozenset[str] = frozenset()


def wordings_of(connection: Connection, entries: Sequence[Entry], first: str) -> list[SpokenWording]:
    """In the order in which the call was spoken to in them. `first` is the hash of the wording that it came in with,
    which is left out where another was served.
    """
    served = {str(entry.public.get("prompt_sha256")): entry for entry in entries if entry.type == "disclosure.served"}
    named = list(served) or [first]
    query = select(wording_version.c.sha256, wording_version.c.text).where(wording_version.c.sha256.in_(named))
    texts = {row.sha256: row.text for row in connection.execute(query)}
    found = {sha256: _read(sha256, text) for sha256, text in texts.items()}
    sounds = _sounds(connection, [wording for wording, _ in found.values() if wording])
    return [_spoken(sha256, served.get(sha256), found.get(sha256, (None, False)), sounds) for sha256 in named]


def words_of(spoken: Sequence[SpokenWording]) -> Mapping[str, Mapping[str, str]]:
    """The texts by hash, as `evidence.catalogue.in_words` wants them."""
    return {
        each.sha256: {"disclosure": each.wording.disclosure, "question": each.wording.question}
        for each in spoken
        if each.wording
    }


def _spoken(
    sha256: str, served: Entry | None, read: tuple[Wording | None, bool], sounds: frozenset[str]
) -> SpokenWording:
    wording, is_altered = read
    mine = {wording.disclosure_audio, wording.question_audio} if wording else set()
    return SpokenWording(
        sha256=sha256,
        prompt=str(served.public.get("prompt", "")) if served else f"{wording.id}@{wording.version}" if wording else "",
        language=str(served.public.get("language", "")) if served else wording.language if wording else "",
        wording=wording,
        is_altered=is_altered,
        sounds=frozenset(mine & sounds),
    )


def _read(sha256: str, text: str) -> tuple[Wording | None, bool]:
    """The wording, and whether it was altered."""
    try:
        check_wording(sha256, text)
    except Broken:
        return None, True
    return read_wording(text), False


def _sounds(connection: Connection, wordings: Sequence[Wording]) -> frozenset[str]:
    named = {sha256 for each in wordings for sha256 in (each.disclosure_audio, each.question_audio) if sha256}
    if not named:
        return frozenset()
    return frozenset(connection.scalars(select(prompt_audio.c.sha256).where(prompt_audio.c.sha256.in_(named))))
