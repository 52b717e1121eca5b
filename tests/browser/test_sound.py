"""Recordings are heard in the browser: at the right time, on both tracks, and not a moment longer than is allowed."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.recording_page import LEFT_HERTZ, RIGHT_HERTZ, RecordingPage
from tests.browser.visit import Visit

TRACKS = ("listening", "master")


@pytest.fixture(scope="module")
def recording_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordingPage]:
    with RecordingPage.made_in(tmp_path_factory.mktemp("recording")) as page:
        yield page


@pytest.fixture
def page(browser: Browser, recording_page: RecordingPage) -> Iterator[Page]:
    """Whatever the browser complains of, and every request to elsewhere, fails the test."""
    recording_page.forget()
    visit = Visit(browser, recording_page.url)
    visit.open()
    yield visit.page
    visit.end()
    assert not visit.complaints
    assert visit.hosts - {""} <= {recording_page.url.removeprefix("http://")}


def ask(page: Page, script: str, **given: Any) -> Any:
    """The answer of an async function over the names that are given."""
    return page.evaluate(f"async ({{ {', '.join(given)} }}) => {{ {script} }}", given)


@pytest.mark.parametrize("track", TRACKS)
def test_a_click_is_heard_at_its_time_after_a_far_seek(page: Page, track: str) -> None:
    heard = ask(
        page,
        """
        openSound(track);
        await openChannels();
        await element.play();
        await until(() => element.currentTime > 0.1);
        sound.seek(309_700);
        const right = await onsets(() => element.currentTime > 310.3);
        sound.seek(19_700);
        const left = await onsets(() => element.currentTime > 20.3 && element.currentTime < 300);
        return { left, right, failures, duration: element.duration };
        """,
        track=track,
    )
    assert heard["failures"] == []
    assert heard["duration"] == 600
    assert heard["left"] == [pytest.approx(20_000, abs=50), None]
    assert heard["right"] == [None, pytest.approx(310_000, abs=50)]


@pytest.mark.parametrize("track", TRACKS)
def test_no_more_is_held_than_twenty_seconds_ahead_and_ten_behind(page: Page, track: str) -> None:
    first, later, back, far = ask(
        page,
        """
        openSound(track, 100_000);
        const held = [];
        for (const position of [100_000, 114_000, 108_000, 400_000]) {
          sound.seek(position);
          await until(() => heldMs().length === 1 && heldMs().every(
            ([from, to]) => from <= position && position + 16_000 < to && to <= position + 20_000));
          held.push(await settled());
        }
        return held;
        """,
        track=track,
    )
    # Whole pieces, of which the longest last four seconds; but what is removed is removed by the frame.
    assert [95_000 < first[0][0] <= 100_000, 116_000 < first[0][1] <= 120_000] == [True, True]
    assert [104_000 <= later[0][0] <= 105_200, 130_000 < later[0][1] <= 134_000] == [True, True]
    assert [back[0][0] == later[0][0], 127_700 < back[0][1] <= 128_000] == [True, True]
    assert [395_000 < far[0][0] <= 400_000, 416_000 < far[0][1] <= 420_000] == [True, True]


def test_a_seek_does_not_wait_for_what_is_being_fetched_for_elsewhere(
    page: Page, recording_page: RecordingPage
) -> None:
    recording_page.withheld = 49_900
    ask(page, "openSound('listening', 50_000);")
    recording_page.wait_until_asked(49_900)
    held = ask(
        page, "sound.seek(200_000); await until(() => element.readyState > 2); return [...await settled(), failures];"
    )
    assert held == [[pytest.approx(199_000, abs=5_000), pytest.approx(218_000, abs=2_000)], []]


def test_the_end_is_reached_and_from_there_it_begins_again(page: Page) -> None:
    ended, again = ask(
        page,
        """
        openSound("master", 599_500);
        await element.play();
        await until(() => element.ended);
        const ended = element.currentTime;
        await element.play();
        await until(() => element.currentTime > 0.1 && element.currentTime < 1);
        return [ended, failures];
        """,
    )
    assert ended == pytest.approx(600, abs=0.02)
    assert again == []


def test_each_side_has_a_volume_of_its_own(page: Page) -> None:
    both, right, left = ask(
        page,
        """
        openSound("listening", 542_000);
        await openChannels();
        await element.play();
        await until(() => element.currentTime > 542.2);
        const both = hertz();
        channels[0].volume.value = 0;
        await until(() => levels()[0] === 0);
        const right = levels();
        [channels[0].volume.value, channels[1].volume.value] = [1, 0];
        await until(() => levels()[1] === 0 && levels()[0] > 0.1);
        return [both, right, levels()];
        """,
    )
    assert both == [pytest.approx(LEFT_HERTZ, rel=0.03), pytest.approx(RIGHT_HERTZ, rel=0.03)]
    assert right[1] > 0.1
    assert left[0] > 0.1


def test_voices_keep_their_pitch_at_any_speed(page: Page) -> None:
    speeds = [0.5, 2, 3]
    measured = ask(
        page,
        """
        openSound("listening", 541_500);
        await openChannels();
        await element.play();
        const measured = [];
        for (const speed of speeds) {
          sound.speed = speed;
          const begun = element.currentTime;
          await until(() => element.currentTime > begun + 0.3 * speed);
          const [from, at] = [element.currentTime, performance.now()];
          await until(() => performance.now() > at + 400);
          measured.push([((element.currentTime - from) * 1000) / (performance.now() - at), hertz()[0]]);
        }
        return measured;
        """,
        speeds=speeds,
    )
    assert measured == [[pytest.approx(speed, rel=0.2), pytest.approx(LEFT_HERTZ, rel=0.06)] for speed in speeds]


def test_no_speed_is_slower_than_half_or_faster_than_three(page: Page) -> None:
    speeds = ask(
        page,
        """
        openSound("listening");
        return [0, 0.4, 0.7, 3.1].map((speed) => {
          sound.speed = speed;
          return element.playbackRate;
        });
        """,
    )
    assert speeds == [0.5, 0.5, 0.7, 3]


@pytest.mark.parametrize("track", TRACKS)
def test_told_to_stop_it_holds_nothing_and_is_silent_at_once(
    page: Page, recording_page: RecordingPage, track: str
) -> None:
    was, level, held, is_paused = ask(
        page,
        """
        openSound(track, 542_000);
        await openChannels();
        await element.play();
        await until(() => levels()[0] > 0.1);
        const [was, at] = [levels()[0], audioClock()];
        sound.stop();
        const held = element.buffered.length;
        await until(() => audioClock() > at + 0.05);
        return [was, levels()[0], held, element.paused];
        """,
        track=track,
    )
    assert was > 0.1
    assert (level, held, is_paused) == (0, 0, True)


def test_once_stopped_it_neither_plays_nor_fetches_again(page: Page, recording_page: RecordingPage) -> None:
    recording_page.withheld = 299_900
    ask(page, "openSound('listening', 300_000);")
    recording_page.wait_until_asked(299_900)
    after = ask(
        page,
        """
        sound.stop();
        element.play().catch(() => {});
        sound.seek(0);
        sound.resume();
        await get("/listening/piece/7");
        return [element.readyState, heldMs(), element.hasAttribute("src"), sound.isStopped, failures];
        """,
    )
    assert after == [0, [], False, True, []]
    assert recording_page.asked == [299_900, 7]


def test_suspended_it_holds_nothing_and_goes_on_from_there(page: Page) -> None:
    held, loudest, suspended_at, resumed_at = ask(
        page,
        """
        let isHidden = true;
        element.addEventListener("play", (event) => isHidden && event.stopImmediatePropagation());
        openSound("listening", 542_000);
        await openChannels();
        await element.play();
        await until(() => levels()[0] > 0.1);
        sound.suspend();
        await until(() => element.seeking && levels()[0] === 0);
        const held = heldMs();
        element.play().catch(() => {});
        const loudest = await loudestOf(0.3);
        element.pause();
        isHidden = false;
        element.play().catch(() => {});
        await until(() => element.paused);
        const position = element.currentTime;
        sound.resume();
        await element.play();
        await until(() => levels()[0] > 0.1);
        return [held, loudest, position, element.currentTime];
        """,
    )
    assert (held, loudest) == ([], 0)  # even where nobody hinders it from playing
    assert suspended_at <= resumed_at < suspended_at + 1


def test_a_refusal_is_told_once_and_nothing_is_fetched_before_somebody_asks_again(
    page: Page, recording_page: RecordingPage
) -> None:
    ask(page, "openSound('listening'); await until(() => heldMs().length); await settled();")
    recording_page.refuses = True
    asked = len(recording_page.asked)
    ask(page, "sound.seek(60_000); await until(() => failures.length);")
    ask(page, "element.dispatchEvent(new Event('timeupdate')); await get('/listening/piece/7');")
    assert recording_page.asked[asked:] == [59_900, 7]
    recording_page.refuses = False
    told, held = ask(page, "sound.resume(); await until(() => element.readyState > 2); return [failures, heldMs()];")
    assert told == ["refused"]
    assert held[-1][0] <= 60_000


def test_what_is_heard_is_what_was_played_over_seeks_speeds_and_loops(page: Page) -> None:
    taken, runs = ask(
        page,
        """
        openSound("listening", 599_300);
        const runs = [];
        let sampledAt = performance.now();
        const sample = () => {
          const positionMs = element.currentTime * 1000;
          const run = runs.at(-1);
          const playedMs = (performance.now() - sampledAt) * element.playbackRate;  // a machine may be busy meanwhile
          sampledAt = performance.now();
          if (run && positionMs >= run[1] && positionMs < run[1] + playedMs + 300) run[1] = positionMs;
          else runs.push([positionMs, positionMs]);
        };
        const play = (isOver) => until(() => (sample(), isOver()));
        element.loop = true;
        await element.play();
        await play(() => element.currentTime > 0.4 && element.currentTime < 1);
        element.loop = false;
        element.currentTime = 100;
        await play(() => element.currentTime > 100.5);
        sound.speed = 2;
        await play(() => element.currentTime > 101.5);
        element.currentTime = 100.2;
        sound.speed = 3;
        await play(() => element.currentTime > 101.2 && element.currentTime < 101.5);
        element.pause();
        element.currentTime = 200;
        await until(() => !element.seeking);
        return [heard.take(), runs];
        """,
    )
    _, again, first, _ = runs
    assert taken["playedMs"] == pytest.approx(sum(end - begin for begin, end in runs), abs=250)
    assert taken["ranges"] == [
        [0, pytest.approx(again[1], abs=250)],
        [pytest.approx(100_000, abs=250), pytest.approx(first[1], abs=250)],
        [pytest.approx(599_300, abs=250), pytest.approx(600_000, abs=250)],
    ]
    assert taken["playedMs"] > sum(end - begin for begin, end in taken["ranges"]) + 500


def test_what_is_heard_before_a_seek_and_a_stop_of_ours_is_right_in_a_hidden_tab_too(page: Page) -> None:
    taken, left_at, stopped_at, again = ask(
        page,
        """
        element.addEventListener("timeupdate", (event) => event.stopImmediatePropagation());
        openSound("listening", 20_000);
        sound.speed = 3;
        await element.play();
        await until(() => element.currentTime > 22);
        const leftAt = element.currentTime * 1000;
        sound.seek(100_000);
        await until(() => element.currentTime > 101);
        const stoppedAt = element.currentTime * 1000;
        sound.stop();
        await frame();
        return [heard.take(), leftAt, stoppedAt, heard.take()];
        """,
    )
    near = [[pytest.approx(edge, abs=60) for edge in span] for span in ([20_000, left_at], [100_000, stopped_at])]
    assert taken["ranges"] == near
    assert again == {"ranges": [], "playedMs": 0}


BEFORE = {"atMs": 0, "positionMs": 10_000, "rate": 1, "isRunning": True, "hasJumped": False}
MOMENTS: list[tuple[dict[str, Any], dict[str, Any], list[int] | None]] = [
    ({}, {"atMs": 250, "positionMs": 10_240}, [10_000, 10_240]),
    ({}, {"atMs": 50_000, "positionMs": 60_000}, [10_000, 60_000]),
    ({"isRunning": False}, {"atMs": 250, "positionMs": 10_240}, [10_000, 10_240]),  # it stalled, and went on
    ({"isRunning": False}, {"atMs": 250, "positionMs": 10_240, "hasJumped": True}, None),
    ({"isRunning": False}, {"atMs": 250, "positionMs": 90_000}, None),
    ({}, {"atMs": 250, "positionMs": 10_000}, None),
    ({"rate": 3}, {"atMs": 250, "positionMs": 10_750}, [10_000, 10_750]),
    ({"rate": 3}, {"atMs": 250, "positionMs": 90_000, "hasJumped": True}, [10_000, 10_750]),
    ({}, {"atMs": 250, "positionMs": 90_000}, [10_000, 10_250]),  # a jump that nobody told of
    ({}, {"atMs": 250, "positionMs": 0}, [10_000, 10_250]),
    ({"positionMs": 59_900}, {"atMs": 250, "positionMs": 0, "hasJumped": True}, [59_900, 60_000]),
    ({"rate": 2}, {"atMs": 3_600_000, "positionMs": 0}, [10_000, 20_000]),  # the machine slept for an hour
]


def test_what_was_played_between_two_moments_is_what_their_positions_and_the_clock_allow(page: Page) -> None:
    script = "const { playedBetween } = await import('/static/heard.js'); return playedBetween(before, now, 60_000);"
    for before, now, played in MOMENTS:
        assert ask(page, script, before={**BEFORE, **before}, now={**BEFORE, **now}) == played, (before, now)


def test_ranges_are_joined_where_they_overlap_and_what_was_repeated_counts_twice(page: Page) -> None:
    taken = ask(
        page,
        """
        const { Heard } = await import("/static/heard.js");
        const heard = new Heard();
        for (const range of ranges) heard.add(range);
        return [heard.take(), heard.take()];
        """,
        ranges=[[5_000, 6_000.4], [1_000, 2_000], [1_500, 3_000], [3_000, 3_500], [7_000.1, 7_000.3]],
    )
    assert taken == [
        {"ranges": [[1_000, 3_500], [5_000, 6_000]], "playedMs": 4_001},
        {"ranges": [], "playedMs": 0},
    ]
