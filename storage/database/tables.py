"""The tables, with the constraints that carry the invariants. `storage/migrations` creates exactly these.

Four kinds: what became of each call and recording (rows move along the tables of `policies.lifecycle`), the consent
log (`storage.database.log_tables`), the staff (`storage.database.staff_tables`), and what is kept about the service
itself.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from policies.copies import CopyKind
from policies.incidents import IncidentKind
from policies.pausing import AtLimit, PauseEnd
from policies.withdrawal import WithdrawnBy
from storage.database.column_types import Instant
from storage.database.listening_tables import comment, lease
from storage.database.listing_tables import call_listing, listing_mark, review, taken_by
from storage.database.log_tables import (
    disclosure,
    log_anchor,
    log_checkpoint,
    log_head,
    log_key,
    log_leaf,
    log_node,
    log_origin,
)
from storage.database.metadata import metadata, one_of
from storage.database.staff_tables import (
    saved_filter,
    staff,
    staff_address,
    staff_identity,
    staff_link,
    staff_passkey,
    staff_recovery_code,
    staff_scope,
    staff_session,
    used_once,
)
from storage.database.work_tables import delay, message, notice

__all__ = [
    "audio_object",
    "call",
    "call_listing",
    "comment",
    "delay",
    "disclosure",
    "handoff",
    "incident",
    "law_version",
    "lease",
    "leg",
    "legal_hold",
    "listing_mark",
    "log_anchor",
    "log_checkpoint",
    "log_head",
    "log_key",
    "log_leaf",
    "log_node",
    "log_origin",
    "message",
    "metadata",
    "notice",
    "pause",
    "permit",
    "prompt_audio",
    "provider_account",
    "provider_copy",
    "recording",
    "recording_key",
    "remembered_decline",
    "reply",
    "review",
    "rulebook_version",
    "rules_adopted",
    "saved_filter",
    "staff",
    "staff_address",
    "staff_identity",
    "staff_link",
    "staff_passkey",
    "staff_recovery_code",
    "staff_scope",
    "staff_session",
    "stranger",
    "taken_by",
    "used_once",
    "watermark",
    "withdrawal",
    "wording_version",
    "worker",
]

CALL_STATES = ("disclosing", "choosing", "recording", "suppressed", "ending", "ended")
OUTCOMES = (
    "open",
    "consented",
    "consented_by_staying",
    "declined",
    "silent",
    "unclear",
    "hung_up_in_disclosure",
    "hung_up_in_choice",
    "disclosure_cut_short",
    "disclosure_failed",
    "not_asked",
    "withdrawn",
)
PERMITTING_OUTCOMES = ("consented", "consented_by_staying")
LEG_KINDS = ("dialled", "conference")
COPY_STATES = ("found", "gone")
RECORDING_STATES = ("started", "completed", "stored", "kept", "absent", "quarantined", "condemned", "destroyed")

# A phone call to one of our lines. The caller's number is not here: it is a disclosure of the log, and can be erased,
# as can the hash that only the key file's holder can tie to a number.
call = Table(
    "call",
    metadata,
    Column("id", String(32), primary_key=True),  # random; the only name that URLs and the log use
    Column("call_sid", String(34), nullable=False, unique=True),
    Column("line", String(20), nullable=False),  # empty where what was dialled is none of our lines
    Column("mode", String(16), nullable=False),
    Column("silence_is_consent", Integer, nullable=False),
    Column("prompts_max", Integer, nullable=False),
    Column("language", String(16), nullable=False),
    Column("wording_sha256", String(64), nullable=False),
    Column("rules_sha256", String(64), nullable=False),
    Column("law_sha256", String(64), nullable=False, server_default=""),  # the law pack that decided
    Column("on_refusal", String(48), nullable=False, server_default=""),
    Column("remembers_decline", Integer, nullable=False, server_default="0"),
    Column("terms", Text, nullable=False, server_default=""),  # JSON: what a permit of this call will say
    Column("caller_hash", String(64)),  # keyed hash of the caller's number, to find a person's calls by
    Column("state", String(16), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("prompt", Integer, nullable=False, server_default="0"),  # the last playing of the question, from 1
    Column("events", Integer, nullable=False, server_default="0"),  # how many of the log's events are this call's
    Column("received_at", Instant, nullable=False),
    Column("disclosure_length_ms", Integer, nullable=False),
    Column("served_at", Instant),  # when the disclosure was served
    Column("decided_at", Instant),
    Column("ended_at", Instant),
    Column("sweep_at", Instant),  # when the call is next looked at, by its rows alone; empty: no more
    Column("corroborate_at", Instant),  # when the provider is next asked what it saw of this call; empty: no more
    Column("synthetic", Integer, nullable=False, server_default="0"),  # the self-test's, unknown to the provider
    Column("erased_at", Instant),  # when what is personal about it was erased
    Column("round", Integer, nullable=False, server_default="1"),  # how often it was sent to the line's beginning
    Column("asked_before", Integer, nullable=False, server_default="0"),  # playings of the question in earlier rounds
    Column("agreed_round", Integer, nullable=False, server_default="0"),  # the round of the latest consent; 0: none
    one_of("state", CALL_STATES),
    one_of("outcome", OUTCOMES),
    CheckConstraint("state NOT IN ('suppressed', 'ending', 'ended') OR outcome <> 'open'", name="decided"),
    CheckConstraint("state <> 'recording' OR outcome IN ('consented', 'consented_by_staying')", name="consented"),
    CheckConstraint("outcome IN ('open') OR decided_at IS NOT NULL", name="decided_when"),
    Index("ix_call_sweep_at", "sweep_at"),
    Index("ix_call_corroborate_at", "corroborate_at"),
    Index("ix_call_caller_hash", "caller_hash"),
)

# The only thing that allows a recording. Written once, by the decision that settled the call.
permit = Table(
    "permit",
    metadata,
    Column("call_id", ForeignKey("call.id"), primary_key=True),
    Column("outcome", String(32), nullable=False),
    Column("purposes", Text, nullable=False),  # JSON object: each purpose, and until when it may be used for it
    Column("retention", String(64), nullable=False),
    Column("retain_until", Instant, nullable=False),
    Column("decided_at", Instant, nullable=False),
    one_of("outcome", PERMITTING_OUTCOMES),
)

# The bytes that answered a request of the provider's, so that a repeat gets the same ones. `attempt` counts the
# different requests that came to one step.
reply = Table(
    "reply",
    metadata,
    Column("call_id", ForeignKey("call.id"), primary_key=True),
    Column("step", String(32), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("request_sha256", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("answered_at", Instant, nullable=False),
)

# A recording at the provider or here. `permit` is set on the only recording of the call that the permit covers: the
# recording that our document ordered, as far as can be determined.
recording = Table(
    "recording",
    metadata,
    Column("id", String(32), primary_key=True),  # random; names the objects in the audio store
    Column("recording_sid", String(34), nullable=False, unique=True),
    Column("call_id", ForeignKey("call.id"), nullable=False),
    Column("permit", ForeignKey("permit.call_id"), unique=True),  # one permit, one recording
    Column("state", String(16), nullable=False),
    Column("source", String(64), nullable=False),
    Column("duration_s", Integer),
    Column("channels", Integer),
    Column("track", String(16)),
    Column("started_at", Instant),  # by the provider's clock
    Column("reported_at", Instant),  # when it was first told of at the address that only our document names
    Column("under_sid", String(34)),  # the leg or conference that the provider has it under; empty: the caller's leg
    Column("noticed_at", Instant, nullable=False),
    Column("moved_at", Instant, nullable=False),  # when the state last changed
    Column("object_key", Text),
    Column("retain_until", Instant),
    Column("destroyed_at", Instant),
    one_of("state", RECORDING_STATES),
    CheckConstraint("permit IS NULL OR permit = call_id", name="own_permit"),
    CheckConstraint(
        "state IN ('absent', 'quarantined', 'condemned', 'destroyed') OR permit IS NOT NULL", name="permitted"
    ),
    CheckConstraint(
        "state NOT IN ('stored', 'kept') OR (object_key IS NOT NULL AND retain_until IS NOT NULL)", name="stored_where"
    ),
    CheckConstraint("state <> 'destroyed' OR destroyed_at IS NOT NULL", name="destroyed_when"),
    Index("ix_recording_unmoved", "state", "moved_at"),
    Index("ix_recording_call", "call_id"),
)

# The objects that a kept recording consists of: the master and what was derived from it.
audio_object = Table(
    "audio_object",
    metadata,
    Column("recording_id", ForeignKey("recording.id"), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("version_id", Text),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),  # of the sealed bytes, as they lie in the store
    Column("plain_sha256", String(64), nullable=False),
)

# Deleting this row makes every copy and backup of the audio unreadable.
recording_key = Table(
    "recording_key",
    metadata,
    Column("recording_id", ForeignKey("recording.id"), primary_key=True),
    Column("wrapped_key", LargeBinary, nullable=False),
)

# Something a person must look at. `about` keeps one incident from being raised twice.
incident = Table(
    "incident",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(48), nullable=False),
    Column("about", String(64), nullable=False),
    Column("call_id", ForeignKey("call.id")),
    Column("detail", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", Text),
    Column("closed_because", Text),
    UniqueConstraint("kind", "about"),
    one_of("kind", tuple(IncidentKind)),
)

# Legal holds, which forbid any deletion: a row says who, when and why, and stays when the hold is released.
legal_hold = Table(
    "legal_hold",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_id", ForeignKey("call.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("placed_at", Instant, nullable=False),
    Column("released_by", Text),
    Column("released_at", Instant),
    CheckConstraint("(released_by IS NULL) = (released_at IS NULL)", name="released_by_whom"),
    Index("ix_legal_hold_call", "call_id"),
)

# The provider's account of a call that is over, byte for byte as it was fetched; the log holds its salted hash. It is
# erased with the call.
provider_account = Table(
    "provider_account",
    metadata,
    Column("call_id", ForeignKey("call.id"), primary_key=True),
    Column("body", LargeBinary, nullable=False),  # JSON
    Column("fetched_at", Instant, nullable=False),
    Column("recording_asked_at", Instant),  # by the provider's clock, when it asked for the document that orders it
)

# Callers who said no and are not asked again for a while: by the keyed hash of their number, one row each.
remembered_decline = Table(
    "remembered_decline",
    metadata,
    Column("number_hash", String(64), primary_key=True),
    Column("call_id", ForeignKey("call.id"), nullable=False),  # on which they last said it
    Column("declined_at", Instant, nullable=False),
    Column("forget_at", Instant, nullable=False),
    Index("ix_remembered_decline_forget_at", "forget_at"),
)

# Every rulebook, law pack and wording that was ever in force, word for word; and every prompt, sound for sound.
rulebook_version = Table(
    "rulebook_version",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("text", Text, nullable=False),
    Column("adopted_at", Instant, nullable=False),
)
# Each time that a rulebook came in force: the last of these rows is the one that every process follows.
rules_adopted = Table(
    "rules_adopted",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", ForeignKey("rulebook_version.sha256"), nullable=False),
    Column("adopted_at", Instant, nullable=False),
    Column("adopted_by", Text, nullable=False),
)
law_version = Table(
    "law_version",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("version", String(32), nullable=False),
    Column("text", Text, nullable=False),
    Column("adopted_at", Instant, nullable=False),
)
wording_version = Table(
    "wording_version",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("text", Text, nullable=False),  # JSON
    Column("adopted_at", Instant, nullable=False),
)

prompt_audio = Table(
    "prompt_audio",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("length_ms", Integer, nullable=False),
    Column("adopted_at", Instant, nullable=False),
)

# The other legs of a call, and the conferences that it was in, by the provider's sids. They are erased with the call.
leg = Table(
    "leg",
    metadata,
    Column("sid", String(34), primary_key=True),
    Column("call_id", ForeignKey("call.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("noticed_at", Instant, nullable=False),
    one_of("kind", LEG_KINDS),
    Index("ix_leg_call", "call_id"),
)

# The agent's leg of a call whose caller can withdraw by key in the conversation: such callers and agents meet in a
# conference. They are erased with the call.
handoff = Table(
    "handoff",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("leg_sid", String(34), nullable=False, unique=True),
    Column("call_id", ForeignKey("call.id"), nullable=False),
    Column("round", Integer, nullable=False),  # of the call: each has a conference of its own
    Column("noticed_at", Instant, nullable=False),
    Column("asked_at", Instant),  # from then on the provider may be asked to send the leg into the conference
    Column("joined_at", Instant),  # when the provider fetched the document that leads the leg there
    Column("met_at", Instant),  # when the caller was sent into the conference; empty while the caller is elsewhere
    Column("stays", Integer, nullable=False),  # how often the caller was sent there
    Column("left_at", Instant),  # when the leg was known to be there no longer
    Index("ix_handoff_call", "call_id"),
)

# Recordings of the account that belong to none of our lines: they are left alone, and counted.
stranger = Table(
    "stranger",
    metadata,
    Column("recording_sid", String(34), primary_key=True),
    Column("noticed_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),  # when it was last listed; it is forgotten some time after that
)

# A consent that was withdrawn: by whom, when, and whether the recording up to then is kept.
withdrawal = Table(
    "withdrawal",
    metadata,
    Column("call_id", ForeignKey("call.id"), primary_key=True),
    Column("withdrawn_at", Instant, nullable=False),
    Column("withdrawn_by", String(16), nullable=False),
    Column("actor", Text, nullable=False),  # of the staff; empty where the caller pressed the key
    Column("keeps", Integer, nullable=False),
    Column("asked_at", Instant, nullable=False),  # later than `withdrawn_at` where what was kept is to go after all
    Column("carried_out_at", Instant),  # when nothing of the call was seen to run or to remain
    one_of("withdrawn_by", tuple(WithdrawnBy)),
    Index("ix_withdrawal_open", "carried_out_at"),
)

# A pause of a call's recording, such as for a card number: asked for, begun at the provider, ended. The recording is
# None until there is one to pause.
pause = Table(
    "pause",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_id", ForeignKey("call.id"), nullable=False),
    Column("recording_id", ForeignKey("recording.id")),
    Column("asked_at", Instant, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("limit_at", Instant, nullable=False),
    Column("at_limit", String(8), nullable=False),
    Column("begun_at", Instant),  # when the provider had paused it, by our clock
    Column("resume_asked_at", Instant),
    Column("resume_asked_by", Text),
    Column("ended_at", Instant),
    Column("how", String(16), nullable=False, server_default=""),
    one_of("at_limit", tuple(AtLimit)),
    one_of("how", ("", *PauseEnd)),
    CheckConstraint("(ended_at IS NULL) = (how = '')", name="ended_how"),
    Index("ix_pause_open", "ended_at"),
    Index("ix_pause_call", "call_id"),
)

# A text or another copy that the provider made of a call beside its recordings, and that must go.
provider_copy = Table(
    "provider_copy",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("name", Text, nullable=False),  # the provider's; it is erased with the call
    Column("call_id", ForeignKey("call.id"), nullable=False),
    Column("recording_id", ForeignKey("recording.id")),
    Column("state", String(8), nullable=False),
    Column("noticed_at", Instant, nullable=False),
    Column("gone_at", Instant),
    one_of("kind", tuple(CopyKind)),
    one_of("state", COPY_STATES),
    CheckConstraint("(state = 'gone') = (gone_at IS NOT NULL)", name="gone_when"),
    UniqueConstraint("kind", "name"),
    Index("ix_provider_copy_call", "call_id"),
    Index("ix_provider_copy_state", "state"),
)

# A worker process that is alive says so here; the jobs of a silent worker are taken over.
worker = Table(
    "worker",
    metadata,
    Column("executor_id", String(64), primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("beat_at", Instant, nullable=False),
)

# Up to when each of the provider's lists has been compared, so that the next comparison goes on from there.
watermark = Table(
    "watermark",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("at", Instant, nullable=False),
)
