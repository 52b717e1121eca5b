"""The parameters of REST's POST requests: those that are read, those that the simulator does not have, and those that
it ignores, by the same rule as the parts of TwiML. Every parameter that Twilio's SDK sends stands in exactly one list.
"""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.errors import NotSimulated


@dataclass(frozen=True)
class Parameters:
    read: frozenset[str]
    not_simulated: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()

    def check(self, given: dict[str, str], unknown: Callable[[str], None]) -> list[str]:
        """The given parameters that are ignored. `unknown` is told of each that Twilio does not have.

        Raises NotSimulated for a parameter that is not there, unless its value asks for nothing.
        """
        for name, value in given.items():
            if name in self.not_simulated and value not in ("", "false"):
                raise NotSimulated(f"the parameter {name}")
            if name not in self.read | self.not_simulated | self.ignored:
                unknown(name)
        return [name for name, value in given.items() if name in self.ignored and value]


def _words(*texts: str) -> frozenset[str]:
    return frozenset(" ".join(texts).split())


_RECORDING = """RecordingChannels RecordingTrack Trim RecordingStatusCallback RecordingStatusCallbackMethod
    RecordingStatusCallbackEvent"""
_MACHINES = """MachineDetection MachineDetectionTimeout MachineDetectionSpeechThreshold
    MachineDetectionSpeechEndThreshold MachineDetectionSilenceTimeout"""

CALL = Parameters(
    read=_words(
        "To From Url Method Twiml FallbackUrl FallbackMethod Timeout TimeLimit SendDigits Record",
        "StatusCallback StatusCallbackMethod StatusCallbackEvent",
        _RECORDING,
    ),
    not_simulated=_words(
        "ApplicationSid CallToken CallerId AsyncAmd AsyncAmdStatusCallback AsyncAmdStatusCallbackMethod", _MACHINES
    ),
    ignored=_words(
        "Byoc CallReason ClientNotificationUrl Passports RecordingConfigurationId SipAuthPassword SipAuthUsername"
    ),
)
CALL_UPDATE = Parameters(
    read=_words(
        "Url Method Status FallbackUrl FallbackMethod StatusCallback StatusCallbackMethod Twiml TimeLimit",
    )
)
RECORDING = Parameters(read=_words(_RECORDING), ignored=_words("RecordingConfigurationId"))
RECORDING_UPDATE = Parameters(read=_words("Status PauseBehavior"))
CONFERENCE_UPDATE = Parameters(read=_words("Status"), not_simulated=_words("AnnounceUrl AnnounceMethod"))
PARTICIPANT = Parameters(
    read=_words(
        "To From Label Timeout TimeLimit Record Muted StartConferenceOnEnter EndConferenceOnExit WaitUrl WaitMethod",
        "StatusCallback StatusCallbackMethod StatusCallbackEvent Coaching CallSidToCoach ConferenceRecord",
        "ConferenceTrim ConferenceStatusCallback ConferenceStatusCallbackMethod ConferenceStatusCallbackEvent",
        "ConferenceRecordingStatusCallback ConferenceRecordingStatusCallbackMethod",
        "ConferenceRecordingStatusCallbackEvent",
        _RECORDING,
    ),
    not_simulated=_words("AmdStatusCallback AmdStatusCallbackMethod CallToken CallerId", _MACHINES),
    ignored=_words(
        "Beep Byoc CallReason CallerDisplayName ClientNotificationUrl EarlyMedia JitterBufferSize MaxParticipants",
        "Passports RecordingConfigurationId Region SipAuthPassword SipAuthUsername EmergencyAddress",
        "EmergencyCallerLocation EmergencyCallerPosition EmergencyCity EmergencyCountry EmergencyName EmergencyState",
        "EmergencyZipCode",
    ),
)
PARTICIPANT_UPDATE = Parameters(
    read=_words("Muted Hold EndConferenceOnExit Coaching CallSidToCoach"),
    not_simulated=_words("AnnounceUrl AnnounceMethod HoldUrl HoldMethod WaitUrl WaitMethod"),
    ignored=_words("BeepOnExit"),
)
NUMBER_UPDATE = Parameters(
    read=_words(
        "VoiceUrl VoiceMethod VoiceFallbackUrl VoiceFallbackMethod VoiceApplicationSid TrunkSid",
        "StatusCallback StatusCallbackMethod",
    ),
    ignored=_words(
        "AccountSid AddressSid ApiVersion BundleSid EmergencyAddressSid EmergencyStatus FriendlyName IdentitySid",
        "SmsApplicationSid SmsFallbackMethod SmsFallbackUrl SmsMethod SmsUrl VoiceCallerIdLookup VoiceReceiveMode",
    ),
)
