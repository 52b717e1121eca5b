"""Reads the operator's own wordings and approvals, the tables [[wording]] and [[approved]] of the rulebook."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from policies.own_texts import Approval, Audio, OwnWording
from policies.rulebook import values
from policies.rulebook.mistakes import Findings, Wrong, described
from policies.rulebook.toml_positions import Path
from policies.wording_pack import KEYS_OF

__all__ = ["Approval", "Audio", "OwnWording", "approvals", "own_wordings"]

TEXT_LENGTH_MAX = 1000

_NEEDS = ("variant", "language", "version", "disclosure", "approved_by", "approved_on")
_MAY_SAY = ("line", "question", "disclosure_audio", "question_audio", "purposes")
_NO_DATE = date.min
_VERSION = re.compile(r"[A-Za-z0-9._-]{1,40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_AUDIO_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*\.wav")
_PLACEHOLDERS = re.compile(r"\{(?:business|purposes)\}")
# Not printable by Python's measure: the spaces before French question marks, and the joiners in Devanagari.
_UNSEEN = str.maketrans("", "", "\u00a0\u202f\u200c\u200d")


def own_wordings(value: object, findings: Findings) -> tuple[OwnWording, ...]:
    """The wording of each table. A wording with a mistake in it has no variant, so that nothing more is reported about
    it.
    """
    return tuple(_own_wording(table, path, findings) for table, path in _each(value, "wording", findings))


def approvals(value: object, findings: Findings) -> tuple[Approval, ...]:
    read = tuple(_approval(table, path, findings) for table, path in _each(value, "approved", findings))
    hashes = [approval.sha256 for approval in read]
    for index, digest in enumerate(hashes):
        if digest and hashes.index(digest) != index:
            same = f"the same as approved[{hashes.index(digest) + 1}]"
            findings.report(("approved", index, "sha256"), same, "each wording's approval once")
    return read


def _each(value: object, name: str, findings: Findings) -> list[tuple[object, Path]]:
    if not isinstance(value, list):
        findings.report((name,), f"{described(value)} is not a list of tables", f"a table [[{name}]] for each")
        return []
    return [(table, (name, index)) for index, table in enumerate(value)]


def _own_wording(value: object, path: Path, findings: Findings) -> OwnWording:
    mistakes = len(findings.mistakes)
    table = findings.table(value, path, required=_NEEDS, optional=_MAY_SAY)
    own = OwnWording(
        variant=findings.read(table, path, "variant", variant, ""),
        language=findings.read(table, path, "language", values.language, ""),
        line=findings.read(table, path, "line", values.e164, ""),
        version=findings.read(table, path, "version", version, ""),
        disclosure=findings.read(table, path, "disclosure", spoken, ""),
        question=findings.read(table, path, "question", spoken, ""),
        disclosure_audio=_audio(table, path, "disclosure_audio", findings),
        question_audio=_audio(table, path, "question_audio", findings),
        purposes=findings.read_each(table, path, "purposes", values.purpose),
        approved_by=findings.read(table, path, "approved_by", values.business_name, ""),
        approved_on=findings.read(table, path, "approved_on", values.day, _NO_DATE),
    )
    return own if len(findings.mistakes) == mistakes else replace(own, variant="")


def _audio(table: Mapping[str, object], path: Path, key: str, findings: Findings) -> Audio | None:
    if key not in table:
        return None
    at = (*path, key)
    audio = findings.table(table[key], at, required=["file", "sha256", "length_s"])
    return Audio(
        file=findings.read(audio, at, "file", audio_file, ""),
        sha256=findings.read(audio, at, "sha256", digest, ""),
        length_ms=findings.read(audio, at, "length_s", length_ms, 0),
    )


def _approval(value: object, path: Path, findings: Findings) -> Approval:
    table = findings.table(value, path, required=["sha256", "by", "on"])
    return Approval(
        sha256=findings.read(table, path, "sha256", digest, ""),
        by=findings.read(table, path, "by", values.business_name, ""),
        on=findings.read(table, path, "on", values.day, _NO_DATE),
    )


def variant(value: object) -> str:
    return values.known(value, list(KEYS_OF), "is not a variant of a wording")


def version(value: object) -> str:
    """The version of a wording. It is logged in public with each disclosure."""
    name = values.text(value)
    if not _VERSION.fullmatch(name):
        raise Wrong(f"{described(name)} is not a version", "1 to 40 letters, digits, dots and hyphens")
    return name


def spoken(value: object) -> str:
    """A text that a voice can say and XML can carry, on a single line."""
    text = values.text(value)
    if not text.strip() or not text.translate(_UNSEEN).isprintable() or len(text) > TEXT_LENGTH_MAX:
        expected = f"1 to {TEXT_LENGTH_MAX} printable characters on one line"
        raise Wrong(f"{described(text)} cannot be spoken", expected)
    if set("{}") & set(_PLACEHOLDERS.sub("", text)):
        raise Wrong("braces that stand for nothing", "{business}, {purposes} and no other braces")
    return text


def audio_file(value: object) -> str:
    path = values.text(value)
    if not _AUDIO_FILE.fullmatch(path):
        raise Wrong(f"{described(path)} is not an audio file", "a relative path such as audio/opt-in.wav")
    return path


def digest(value: object) -> str:
    text = values.text(value)
    if not _SHA256.fullmatch(text):
        raise Wrong(f"{described(text)} is not a SHA-256", "64 hexadecimal digits in lower case")
    return text


def length_ms(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong(f"{described(value)} is not a number of seconds", "a number such as 9.4")
    if not 0.001 <= value <= 3600:
        raise Wrong("out of range", "the seconds that it plays")
    return round(value * 1000)
