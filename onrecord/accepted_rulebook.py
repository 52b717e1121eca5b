"""The rulebook that `onrecord serve` accepted, handed to its faces in their environment.

A face is started again whenever it dies, at whatever time that is. It must come up under the rules that were
accepted and published, and come up at all, whatever the operator's file says by then.
"""

import base64
import zlib
from collections.abc import Mapping

from storage.errors import Refused

VARIABLE = "ONRECORD_RULES_IN_FORCE"
# What Linux takes for one variable, and a little less.
BYTES_MAX = 120_000


def handed_over(text: str) -> dict[str, str]:
    """The variable that holds the text. Raises Refused for one that is too long to be handed over."""
    packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    if len(packed) > BYTES_MAX:
        raise Refused(f"ONRECORD_RULEBOOK: it is too long ({len(packed)} bytes when packed): at most {BYTES_MAX}")
    return {VARIABLE: packed}


def taken_over(environ: Mapping[str, str]) -> str | None:
    """The text that was handed over; None where this process is nobody's face."""
    packed = environ.get(VARIABLE)
    return zlib.decompress(base64.b64decode(packed)).decode() if packed else None
