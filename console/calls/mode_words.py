"""The kinds of consent that a line asks for, in words."""

from collections.abc import Mapping

from policies.consent import Mode

MODES: Mapping[str, str] = {
    Mode.NOTICE: "told, and agreed by staying on",
    Mode.OPT_OUT: "asked; a key says no",
    Mode.OPT_IN: "asked; only a key says yes",
    Mode.NEVER: "never recorded",
    Mode.MUST_RECORD: "asked; without a yes the call ends",
}
