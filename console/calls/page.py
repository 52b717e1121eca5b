"""The page of a call: what happened, why it may be heard, and the player."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import render_template, request
from sqlalchemy import Connection

from compliance.call_page.page import CallPage, call_page
from compliance.call_page.strip import Later, Strip
from compliance.call_page.strip_parts import Mark, Span
from compliance.call_page.words_heard import TEXTS
from compliance.explain import MODES
from console import words
from console.calls.kept_tracks import KeptTracks, kept_tracks
from console.calls.positions import Start, position, start_of
from console.calls.purposes import Choice, choices
from console.calls.strip_drawing import described, draw
from console.sentences import NOBODY, translated
from console.viewer import Viewer, viewer
from policies.lifecycle import RecordingState
from policies.permissions import Act
from storage.database.engine import Database
from storage.rows import comments, recordings, reviews
from storage.rows.comments import Comment
from storage.staff import accounts

_SAME_ORIGIN = "same-origin"


@dataclass(frozen=True, slots=True)
class Row:
    """A part of the strip in the list below it. `seek_ms` is None outside of the recording; `events` are those whose
    proofs show it.
    """

    at: str
    until: str
    seek_ms: int | None
    says: str
    events: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Playing:
    """The player of the page. `at_once` is the purpose for which it begins by itself, None where it waits."""

    recording_id: str
    tracks: KeptTracks
    length_ms: int
    purposes: tuple[Choice, ...]
    start: Start
    at_once: str | None


@dataclass(frozen=True)
class Tried:
    """A form of the page that was refused: `problem` says why, `words` are what was typed and is not lost."""

    form: str = ""
    problem: str = ""
    words: str = ""
    at: str = ""


@dataclass(frozen=True)
class CallPages:
    """`has_audio`: recordings can be read by this process."""

    database: Database
    now: Callable[[], datetime]
    has_audio: bool = True

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {"call": self.page}

    def page(self, call_id: str) -> str:
        return self.rendered(call_id)

    def rendered(self, call_id: str, tried: Tried | None = None) -> str:
        """Also with a form that was refused."""
        somebody = viewer()
        with self.database.read() as connection:
            tracks = _tracks(connection, call_id)
            length_ms = tracks.length_ms if tracks else None
            names = somebody.may(Act.SEE_NAMES)
            found = call_page(connection, call_id, self.now(), names=names, length_ms=length_ms)
            assert found is not None  # the guard has found it
            given = _of_staff(connection, somebody, call_id)
        return render_template(
            "calls/call.html",
            page=found,
            drawing=draw(found.strip, _heard(found)) if found.strip else None,
            rows=tuple(_rows(found.strip)) if found.strip else (),
            playing=_playing(found, tracks, somebody) if self.has_audio else None,
            tracks=tracks,
            tried=tried or Tried(),
            position=position,
            described=described,
            later_at=later_at,
            texts=TEXTS,
            nobody=NOBODY,
            spoken=words.language(found.facts.language),
            modes={mode: translated(says) for mode, says in MODES.items()},
            **given,
        )


def later_at(later: Later) -> datetime:
    return datetime.fromtimestamp(later.at_ms / 1000, UTC)


def _tracks(connection: Connection, call_id: str) -> KeptTracks | None:
    """Of the recording that the permit covers; None where none is kept."""
    kept = (row for row in recordings.of_call(connection, call_id) if row.permit and row.state is RecordingState.KEPT)
    found = next(kept, None)
    return kept_tracks(connection, found) if found else None


def _playing(page: CallPage, tracks: KeptTracks | None, somebody: Viewer) -> Playing | None:
    """None where there is nothing to hear, or this person may not hear it."""
    why = page.why_heard
    if tracks is None or page.recording is None or why is None or not why.can_be_heard:
        return None
    if not somebody.may(Act.HEAR):
        return None
    length_ms = tracks.length_ms or (page.recording.duration_s or 0) * 1000
    purposes = choices(why.purposes, somebody.settings.purpose)
    wanted = request.args.get("listen", "") if request.headers.get("Sec-Fetch-Site") == _SAME_ORIGIN else ""
    at_once = wanted if wanted in {choice.purpose for choice in purposes} else None
    if at_once:
        purposes = choices(why.purposes, at_once)
    return Playing(page.recording.id, tracks, length_ms, purposes, start_of(request.args.get("t"), length_ms), at_once)


def _of_staff(connection: Connection, somebody: Viewer, call_id: str) -> dict[str, object]:
    """The words of the staff that this person sees."""
    threads: tuple[Comment, ...] = ()
    if somebody.may(Act.COMMENT):
        threads = comments.seen_by(connection, call_id, somebody.account.id)
    reviewed = reviews.of_call(connection, call_id)
    named = [(accounts.existing(connection, staff_id).display_name, at) for staff_id, at in reviewed.items()]
    return {"threads": threads, "reviewed": named, "is_reviewed": somebody.account.id in reviewed}


def _heard(page: CallPage) -> tuple[tuple[int, int], ...]:
    return page.listeners.heard_of(page.recording.id) if page.recording else ()


def _rows(strip: Strip) -> Iterator[Row]:
    for part in strip.in_order:
        until = position(part.to_ms, tenths=True) if isinstance(part, Span) else ""
        yield Row(position(part.from_ms, tenths=True), until, _seek(strip, part), described(part), _events(part))


def _seek(strip: Strip, part: Span | Mark) -> int | None:
    is_inside = strip.recorded_ms is not None and 0 <= part.from_ms <= strip.recorded_ms
    return part.from_ms if is_inside else None


def _events(part: Span | Mark) -> tuple[int, ...]:
    ended = part.to_event if isinstance(part, Span) else None
    return (part.event,) if ended in (None, part.event) else (part.event, ended)
