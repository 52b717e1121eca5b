"""The services of an account that make texts of its calls, and the settings of its other hosts."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from simulator.account import TRUNK_MODES
from simulator.given import check_names

TRANSCRIPTION = "transcription"  # a feature of the account default configuration of recordings
# The refusals of a request: a status, or one of these.
NO_SERVICE, LOST, FAILS = "no_service", "lost", "fails"
OPERATIONS = ("list", "get", "delete")
REFUSED_KINDS = (
    *("transcription", "add_on_result", "transcript", "transcript_media", "batch_transcript", "conversation"),
    *("operation", "conversation_summary", "observation", "profile", "operator_result", "memory_store"),
    *("recording_configuration", "intelligence_service", "configuration", "installed_add_on", "trunk", "number"),
)


@dataclass(frozen=True)
class IntelligenceService:
    """A service of Conversational Intelligence; with `auto_transcribe` it takes every recording of the account."""

    friendly_name: str = "support"
    auto_transcribe: bool = False
    data_logging: bool = False

    @property
    def sid(self) -> str:
        return _sid("GA", self.friendly_name)


@dataclass(frozen=True)
class CaptureRule:
    """A rule of Conversation Orchestrator for voice. `*` matches every address."""

    from_: str = "*"
    to: str = "*"

    def matches(self, from_number: str, to_number: str) -> bool:
        return self.from_ in ("*", from_number) and self.to in ("*", to_number)


@dataclass(frozen=True)
class AddOn:
    """An installed add-on. With an enabled extension of the product `Record Call` it is given every recording."""

    unique_name: str = "transcriber"
    product_name: str = "Record Call"
    enabled: bool = True

    @property
    def sid(self) -> str:
        return _sid("XE", self.unique_name)

    @property
    def takes_recordings(self) -> bool:
        return self.enabled and self.product_name.startswith("Record")


@dataclass(frozen=True)
class Trunk:
    """A SIP trunk. Only its setting is shown here: no calls come through it."""

    friendly_name: str = "office"
    mode: str = "do-not-record"
    trim: str = "do-not-trim"

    @property
    def sid(self) -> str:
        return _sid("TK", self.friendly_name)


@dataclass(frozen=True)
class Services:
    """All settings, off by default.

    `capture_rules` is null without a configuration of the orchestrator. `memory_extraction` and `operator_results`
    make more texts of each conversation. `late_s` after the end of a recording or a call its texts appear;
    `operation_s` after its request a conversation is gone. `refuses` has, by kind and by operation (list, get,
    delete), a status, "no_service", "lost" (a deletion that is done, and answered 500) or "fails" (an operation that is
    accepted, and fails). `encryption` shows in the recording alone: its sound is served as it is. `external_storage` is
    the URL of a bucket that has the sound in Twilio's place.
    """

    intelligence_services: tuple[IntelligenceService, ...] = ()
    capture_rules: tuple[CaptureRule, ...] | None = None
    memory_extraction: bool = False
    operator_results: bool = False
    add_ons: tuple[AddOn, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    media_auth: bool = True
    encryption: bool = False
    external_storage: str = ""
    batch_delete: bool = False
    late_s: float = 0.0
    operation_s: float = 5.0
    refuses: dict[str, dict[str, int | str]] = field(default_factory=dict)

    def changed(self, given: dict[str, Any]) -> "Services":
        """With the given keys replaced. Raises TypeError or ValueError for a setting that does not exist."""
        check_names("the services", given, [each.name for each in fields(self)])
        read = {name: _READERS[name](value) if name in _READERS else value for name, value in given.items()}
        return replace(self, **read)

    def to_json(self) -> dict[str, Any]:
        rules = None if self.capture_rules is None else [{"from": r.from_, "to": r.to} for r in self.capture_rules]
        shown = {each.name: getattr(self, each.name) for each in fields(self)}
        lists = ("intelligence_services", "add_ons", "trunks")
        return shown | {
            **{name: [asdict(row) | {"sid": row.sid} for row in shown[name]] for name in lists},
            "capture_rules": rules,
        }

    def captures(self, from_number: str, to_number: str) -> bool:
        return any(rule.matches(from_number, to_number) for rule in self.capture_rules or ())

    def media_url(self, recording_sid: str) -> str:
        """The URL of a recording's sound in the bucket of the account's owner, or nothing."""
        return f"{self.external_storage.rstrip('/')}/{recording_sid}.wav" if self.external_storage else ""

    def encryption_of(self, recording_sid: str) -> dict[str, str] | None:
        """The details of a recording's encryption, by the names that Twilio's samples have for them."""
        if not self.encryption:
            return None
        key = uuid5(NAMESPACE_URL, recording_sid).bytes
        details = {"type": "rsa-aes", "public_key_sid": _sid("CR", "recordings")}
        return details | {"encrypted_cek": b64encode(key * 16).decode(), "iv": b64encode(key[:12]).decode()}

    def refusal(self, kind: str, operation: str) -> int | str | None:
        return self.refuses.get(kind, {}).get(operation)


def _sid(prefix: str, name: str) -> str:
    return prefix + uuid5(NAMESPACE_URL, f"{prefix}:{name}").hex


def _rows(kind: Callable[..., Any]) -> Callable[[list[dict[str, Any]]], tuple[Any, ...]]:
    return lambda rows: tuple(kind(**{name: value for name, value in row.items() if name != "sid"}) for row in rows)


def _rules(given: list[dict[str, str]] | None) -> tuple[CaptureRule, ...] | None:
    if given is None:
        return None
    return tuple(CaptureRule(**{("from_" if key == "from" else key): value for key, value in r.items()}) for r in given)


def _trunks(rows: list[dict[str, Any]]) -> tuple[Trunk, ...]:
    trunks: tuple[Trunk, ...] = _rows(Trunk)(rows)
    if wrong := {trunk.mode for trunk in trunks} - set(TRUNK_MODES):
        raise ValueError(f"no such mode: {sorted(wrong)}")
    return trunks


def _refuses(given: dict[str, dict[str, int | str]]) -> dict[str, dict[str, int | str]]:
    if wrong := set(given) - set(REFUSED_KINDS):
        raise ValueError(f"no such kind: {sorted(wrong)}")
    for operations in given.values():
        for operation, answer in operations.items():
            is_word = answer in (NO_SERVICE, *((LOST, FAILS) if operation == "delete" else ()))
            if operation not in OPERATIONS or not (isinstance(answer, int) or is_word):
                raise ValueError(f"no such refusal: {operation}: {answer}")
    return given


_READERS: dict[str, Callable[[Any], Any]] = {
    "intelligence_services": _rows(IntelligenceService),
    "capture_rules": _rules,
    "add_ons": _rows(AddOn),
    "trunks": _trunks,
    "refuses": _refuses,
}
