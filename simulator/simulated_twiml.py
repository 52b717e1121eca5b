"""The parts of TwiML that the simulator executes, those that it does not have, and those that it ignores.

Every element and attribute of the schema stands in exactly one of the three tables. A row is an element and
attributes of it. An attribute is ignored where a caller, an agent and the service would see no difference on the
simulated line, and refused where the service would wait in vain for its effect.
"""

from collections.abc import Callable, Iterator

from simulator.errors import NotSimulated
from simulator.twiml import Verb, schema

Part = tuple[str, str]  # an element, and an attribute of it or nothing
_ALL = "*"


def _parts(table: str) -> frozenset[Part]:
    """The parts that a table names. A row is about its element too, unless it begins with a dash."""
    found: set[Part] = set()
    for row in filter(None, (line.split() for line in table.splitlines())):
        element, attributes = (row[1], row[2:]) if row[0] == "-" else (row[0], row[1:])
        found |= {(element, "")} if row[0] != "-" else set()
        names = schema()["elements"][element]["attributes"] if attributes == [_ALL] else attributes
        found |= {(element, name) for name in names}
    return frozenset(found)


EXECUTED = _parts("""
    Response
    Say language loop
    Play digits loop
    Pause length
    Gather action actionOnEmptyResult bargeIn finishOnKey input method numDigits timeout
    Dial action answerOnBridge callerId hangupOnStar method record timeLimit timeout trim
    - Dial recordingStatusCallback recordingStatusCallbackEvent recordingStatusCallbackMethod recordingTrack
    Number method statusCallback statusCallbackEvent statusCallbackMethod url
    Client method statusCallback statusCallbackEvent statusCallbackMethod url
    Sip method statusCallback statusCallbackEvent statusCallbackMethod url
    Identity
    Uri
    Conference coach endConferenceOnExit muted participantLabel record startConferenceOnEnter trim waitMethod waitUrl
    - Conference recordingStatusCallback recordingStatusCallbackEvent recordingStatusCallbackMethod
    - Conference statusCallback statusCallbackEvent statusCallbackMethod
    Redirect method
    Reject reason
    Hangup
    Start
    Stop
    Recording channels name track trim
    - Recording recordingStatusCallback recordingStatusCallbackEvent recordingStatusCallbackMethod
    Enqueue action maxQueueSize method waitUrl waitUrlMethod
    Leave
    break
    emphasis
    lang
    p
    phoneme
    prosody
    s
    say-as
    sub
    w
""")

NOT_SIMULATED = _parts("""
    - Gather partialResultCallback partialResultCallbackMethod
    - Dial sequential
    - Number amdStatusCallback amdStatusCallbackMethod machineDetection machineDetectionSilenceTimeout
    - Number machineDetectionSpeechEndThreshold machineDetectionSpeechThreshold machineDetectionTimeout
    - Sip amdStatusCallback amdStatusCallbackMethod machineDetection machineDetectionSilenceTimeout
    - Sip machineDetectionSpeechEndThreshold machineDetectionSpeechThreshold machineDetectionTimeout
    - Conference eventCallbackUrl
    - Enqueue workflowSid
    AiSession *
    Application *
    ApplicationSid
    Assistant *
    Autopilot
    Config *
    Connect *
    Conversation *
    ConversationRelay *
    ConversationRelaySession *
    Echo
    Language *
    Pay *
    Prompt *
    Queue *
    Record *
    Refer *
    Room *
    Sim
    Siprec *
    Sms *
    Stream *
    Task *
    Transcription *
    VirtualAgent *
    WhatsApp *
""")

IGNORED = _parts("""
    - Say voice
    - Gather debug enhanced hints language maxSpeechTime profanityFilter speechModel speechTimeout
    - Dial callReason events passports recordingConfigurationId referMethod referUrl ringTone
    - Number byoc sendDigits
    - Sip password username
    - Conference beep jitterBufferSize maxParticipants recordingConfigurationId region
    - Recording recordingConfigurationId
    - Start action method
    - Uri password priority username weight
    Parameter name value
    Headers
    Header name value
    - break strength time
    - emphasis level
    - lang xml:lang
    - phoneme alphabet ph
    - prosody pitch rate volume
    - say-as format interpret-as
    - sub alias
    - w role
""")

# The values that ask for nothing.
_HARMLESS = {("Dial", "sequential"): "false", ("Conference", "eventCallbackUrl"): ""}


def check(verb: Verb, ignore: Callable[[Part], None]) -> None:
    """Tell `ignore` of the parts of a verb that are ignored. Raises NotSimulated for a part that is not there."""
    for part, value in _parts_of(verb):
        if part in NOT_SIMULATED and _HARMLESS.get(part) != value:
            raise NotSimulated(_words(part))
        if part in IGNORED:
            ignore(part)
    if verb.name == "Gather" and "dtmf" not in verb.get("input", "dtmf").split():
        raise NotSimulated('<Gather input="speech">, since nobody hears words')


def _parts_of(verb: Verb) -> Iterator[tuple[Part, str]]:
    yield (verb.name, ""), ""
    for name, value in verb.attributes.items():
        yield (verb.name, name), value
    for child in verb.children:
        yield from _parts_of(child)


def _words(part: Part) -> str:
    element, attribute = part
    return f"<{element} {attribute}>" if attribute else f"<{element}>"
