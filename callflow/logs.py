"""Logs: one line each on standard error, without colours, without the chatter of libraries."""

import logging
import sys


def say_logs_plainly(level: int = logging.INFO) -> None:
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True
    )
    for chatty in ("alembic", "boto3", "botocore", "dbos", "granian", "twilio", "urllib3", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
