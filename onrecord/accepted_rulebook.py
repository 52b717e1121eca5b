"""The rulebook that `onrecord serve` accepted, handed to its web servers in their environment.

A web server that dies is started again at once. It must start, and under the rules that were accepted and published,
even if the operator's file has changed since.
"""

import base64
import zlib
from collections.abc import Mapping

from storage.errors import Refused

VARIABLE = "ONRECORD_RULES_IN_FORCE"
# What Linux takes for one variable, and a little less.
BYTES_MAX = 120_000


def handed_over(text: str) -> dict[str, str]:
    """The variable that holds the text. Raises Refused for a text that is too long to be handed over."""
    packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    if len(packed) > BYTES_MAX:
        raise Refused(f"ONRECORD_RULEBOOK: it is too long ({len(packed)} bytes when packed): at most {BYTES_MAX}")
    return {VARIABLE: packed}


def taken_over(environ: Mapping[str, str]) -> str | None:
    """The text that was handed over; None where this process was not started by `onrecord serve`."""
    packed = environ.get(VARIABLE)
    return zlib.decompress(base64.b64decode(packed)).decode() if packed else None
