"""The fixtures of the phone side and of a worker's premises, which these tests need as well."""

from tests.callflow.conftest import installation, nothing_private_in_logs
from tests.faults.conftest import peer, premises

__all__ = ["installation", "nothing_private_in_logs", "peer", "premises"]
