"""The verbs that play, wait, record and go elsewhere. Gathering and dialling have modules of their own."""

from simulator import speech
from simulator.documents import Step, media_type
from simulator.errors import NotSimulated, TwimlRejected
from simulator.executor import Executor, Finished, VerbFunction
from simulator.recorder import Recorded
from simulator.recordings import Terms
from simulator.sound import NotPlayable, Samples, from_wav, key_tones, seconds, silence
from simulator.twiml import Verb

LOOPS_MAX = 1000  # of a <Say> or a <Play>, at Twilio too; it stands for loop="0", which is for ever
# The other kinds of audio that Twilio plays; the line plays WAV alone.
PLAYED_BY_TWILIO = frozenset({"audio/mpeg", "audio/mp3", "audio/aiff", "audio/x-aifc", "audio/x-aiff", "audio/x-gsm",
                              "audio/gsm", "audio/ulaw", "audio/basic"})  # fmt: skip


def say(run: Executor, verb: Verb) -> Step | None:
    run.call.entered_disclosure(run.line, lasts_s(run, verb))
    speak(run, verb)
    return None


def play(run: Executor, verb: Verb) -> Step | None:
    run.call.entered_disclosure(run.line, lasts_s(run, verb))
    speak(run, verb)
    return None


def pause(run: Executor, verb: Verb) -> Step | None:
    run.line.wait(verb.number("length", 1))
    return None


def redirect(run: Executor, verb: Verb) -> Step | None:
    return run.step(verb, verb.text)


def hangup(_run: Executor, _verb: Verb) -> Step | None:
    raise Finished


def reject(run: Executor, verb: Verb) -> Step | None:
    """Only as the first verb is the call rejected; afterwards it ends like any other."""
    if run.leg.answered:
        raise Finished
    raise Finished("busy" if verb.get("reason") == "busy" else "no-answer")


def start(run: Executor, verb: Verb) -> Step | None:
    for noun in verb.children:
        run.call.recorder.start(recording_terms(run, noun), Recorded(run.leg.sid, run.line.tape))
    return None


def stop(run: Executor, verb: Verb) -> Step | None:
    for noun in verb.children:
        run.call.recorder.stop_named(noun.get("name"))
    return None


SPOKEN: dict[str, VerbFunction] = {"Say": say, "Play": play, "Pause": pause, "Redirect": redirect, "Hangup": hangup}
INBOUND: dict[str, VerbFunction] = {**SPOKEN, "Reject": reject, "Start": start, "Stop": stop}


def lasts_s(run: Executor, verb: Verb) -> float:
    """The length of a single pass of a Say, a Play or a Pause."""
    return verb.number("length", 1) if verb.name == "Pause" else seconds(sound_of(run, verb))


def sound_of(run: Executor, verb: Verb) -> Samples:
    """The sound of a single pass of a Say or a Play."""
    match verb.name:
        case "Say":
            return speech.say(verb.text, verb.get("language", "en-US"), "prompt")
        case "Play" if verb.get("digits"):
            return key_tones(verb.get("digits"))
        case "Play" if not verb.text:
            return silence(0)
        case _:
            return _audio(run, verb.text)


def speak(run: Executor, verb: Verb, *, until_key: bool = False) -> str | None:
    """Play a verb as often as it says; the key that cut it, if keys may."""
    if verb.name == "Pause":
        return run.line.wait(verb.number("length", 1), for_key=until_key)
    samples = sound_of(run, verb)
    if verb.name == "Say":
        run.call.language = verb.get("language", "en-US")
    for _ in range(min(int(verb.number("loop", 1)) or LOOPS_MAX, LOOPS_MAX)):
        key = run.line.play("line", verb.name.lower(), verb.text, samples, until_key=until_key)
        if key:
            return key
    return None


def recording_terms(run: Executor, noun: Verb) -> Terms:
    """The defaults are those of <Start><Recording>, which are not those of any other way to record."""
    callback = noun.get("recordingStatusCallback")
    if callback and "://" not in callback:
        # Seen live: a relative one is a retrieval failure, whatever the documentation says
        run.call.journal.note(TwimlRejected(11200, "a relative recordingStatusCallback is never called", callback))
        callback = ""
    return Terms(
        source="StartCallRecordingTwiML",
        channels=1 if noun.get("channels") == "mono" else 2,
        track=noun.get("track", "both"),
        trim=noun.get("trim", "trim-silence"),
        name=noun.get("name"),
        callback=callback,
        callback_method=noun.get("recordingStatusCallbackMethod", "POST"),
        callback_events=tuple(noun.get("recordingStatusCallbackEvent", "completed").split()),
    )


def _audio(run: Executor, reference: str) -> Samples:
    data, kind = run.document.audio, run.document.audio_type
    if not data:
        answer = run.call.fetcher.audio(run.document.absolute(reference))
        data, kind = answer.body, media_type(answer.content_type)
    try:
        return from_wav(data)
    except NotPlayable as error:
        if kind in PLAYED_BY_TWILIO:
            raise NotSimulated(f"<Play> of {kind}", run.document.absolute(reference)) from error
        raise TwimlRejected(13420, str(error), reference) from error
