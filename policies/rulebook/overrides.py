"""Reads the rulebook's `[[override]]` tables: a scope, the settings for it, and on whose word."""

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import Any

from policies.jurisdiction.overrides import Override
from policies.jurisdiction.pack import Law
from policies.rulebook import values
from policies.rulebook.mistakes import Findings
from policies.rulebook.toml_positions import Path

_SCOPE = {
    "line": values.e164,
    "jurisdiction": values.place_or_union,
    "purpose": values.purpose,
    "from": values.day,
    "until": values.day,
    "because": values.sentence,
}
_OF_LAW = {
    "regime": values.regime,
    "notice_in_recording": values.flag,
    "no_recording_on_hold": values.flag,
    "no_systematic_recording": values.flag,
    "purpose_allowed": values.flag,
    "must_record": values.flag,
    "on_refusal": values.refusal,
    "keep_at_least": values.duration,
    "keep_at_most": values.duration,
}
_OF_LINE = {
    "consent": values.consent,
    "silence_is_consent": values.flag,
    "prompts_max": values.prompts,
    "retention": values.rule_name,
}
_READ: Mapping[str, Any] = {**_SCOPE, **_OF_LAW, **_OF_LINE}
_FIELD = {"from": "since"}


def overrides(value: object, findings: Findings, under: Law | None) -> tuple[Override, ...]:
    """Read the overrides. `value` stands under the key `override`; None means that there are none."""
    if value is None:
        return ()
    if not isinstance(value, list):
        findings.report(("override",), "not a list of overrides", "a table [[override]] for each")
        return ()
    return tuple(_override(table, ("override", index), findings, under) for index, table in enumerate(value))


def _override(value: object, path: Path, findings: Findings, under: Law | None) -> Override:
    table = findings.table(value, path, required=(), optional=list(_READ))
    read: dict[str, Any] = {}
    for key in table:
        reading = partial(values.place_or_union, under=under) if key == "jurisdiction" else _READ[key]
        found = findings.read(table, path, key, reading, None)
        if found is not None:
            read[_FIELD.get(key, key)] = found
    made = Override(number=int(path[-1]) + 1, **read)
    if not table.keys() - _SCOPE.keys() and isinstance(value, dict):
        findings.report(path, "it overrides nothing", f"one of {', '.join([*_OF_LAW, *_OF_LINE])}")
    if made.since and made.until and made.until <= made.since:
        findings.report((*path, "until"), "not after the day it begins", "a later day than from")
    if made.on_refusal and not made.must_record:
        findings.report((*path, "on_refusal"), "means nothing without must_record", "must_record = true beside it")
    if made.must_record is not None and made.purpose:
        findings.report((*path, "must_record"), "a call is recorded for all purposes or not", "it without purpose")
    if made.purpose_allowed is not None and not (made.purpose_allowed and made.purpose):
        expected = 'true, beside purpose = "…"; consent = "never" takes one out'
        findings.report((*path, "purpose_allowed"), "allows no purpose", expected)
    if made.prompts_max is not None and made.purpose:
        findings.report((*path, "prompts_max"), "a call has one question for all purposes", "it without purpose")
    return made


assert {_FIELD.get(key, key) for key in _READ} == {field.name for field in fields(Override)} - {"number"}
