"""A new call: its standard of consent is worked out once, and then stands on its row and in the log."""

from datetime import timedelta

from sqlalchemy import Connection

from callflow import events
from callflow.forms import IncomingCall
from callflow.incoming_call import Arrival
from policies.lifecycle import CallState
from storage.moment import Moment
from storage.rows import calls
from storage.rows.calls import OPEN, Call
from storage.rows.terms import Terms

LOOKED_AT_AFTER = timedelta(days=1)  # or after its end, which is sooner


def add(
    connection: Connection,
    moment: Moment,
    heard: IncomingCall,
    arrival: Arrival,
    request_sha256: str,
    *,
    synthetic: bool,
) -> Call:
    """Write the call and its standard into a row and into the log. A dialled address that is no line of ours is
    personal: the row has no line then.

    Twilio does not know a `synthetic` call, which the self-test makes, and is never asked about it.
    """
    ruling, wording = arrival.ruling, arrival.wording
    standard = ruling.standard
    new = Call(
        id=moment.new_id(),
        call_sid=heard.call_sid,
        line=ruling.line if heard.to == ruling.line else "",
        mode=standard.mode,
        silence_is_consent=standard.silence_is_consent,
        prompts_max=standard.prompts_max,
        language=wording.language,
        wording_sha256=wording.sha256,
        rules_sha256=ruling.rules_sha256,
        state=CallState.DISCLOSING,
        outcome=OPEN,
        reason=ruling.why_never,
        prompt=0,
        events=0,
        received_at=moment.at,
        disclosure_length_ms=wording.disclosure_length_ms,
        sweep_at=None if synthetic else moment.at + LOOKED_AT_AFTER,
        law_sha256=ruling.law_sha256,
        on_refusal=ruling.on_refusal,
        remembers_decline=standard.remembers_decline,
        terms=Terms.of(ruling).written(),
        caller_hash=arrival.caller_hash,
        synthetic=synthetic,
    )
    calls.add(connection, new)
    return calls.append_events(connection, moment, new, events.call_received(new, arrival, heard, request_sha256))
