"""The public face on a real web server, for a test that needs one: `python -m tests.onrecord.served PORT`."""

import os
import sys

from callflow.webhooks import create_app
from onrecord.processes.address import Address
from onrecord.processes.body_gate import BodyGate
from onrecord.processes.serve import die_with_parent, run
from storage.database.engine import Database
from tests.callflow.conftest import Clock, make_webhooks


def body_gate() -> BodyGate:
    return BodyGate(create_app(make_webhooks(Database.open(os.environ["DATABASE_URL"]), Clock())))


if __name__ == "__main__":
    die_with_parent()
    run("tests.onrecord.served:body_gate", Address("127.0.0.1", int(sys.argv[1])), workers=1)
