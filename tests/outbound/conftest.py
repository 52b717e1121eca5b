"""The fixtures of the phone side, which these tests need as well."""

from tests.callflow.conftest import (
    fresh_installation,
    installation,
    nothing_private_in_logs,
    signed_log,
    twilio,
)

__all__ = ["fresh_installation", "installation", "nothing_private_in_logs", "signed_log", "twilio"]
