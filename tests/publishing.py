"""The rules of an installation as a process that starts with them publishes them."""

from collections.abc import Sequence

from onrecord.publish import InForce, publish_rules
from onrecord.recorded_prompts import RecordedPrompt
from policies.rules import Rulebook
from storage.database.engine import Database
from storage.moment import Moment


def publish(database: Database, rulebook: Rulebook, text: str, prompts: Sequence[RecordedPrompt] = ()) -> None:
    """Keep law, rulebook and all wordings possible under them, word for word and sound for sound, and append it to the
    log.
    """
    moment = Moment.now()
    rules = InForce.of(rulebook, text, prompts, moment.at)
    database.write(lambda connection: publish_rules(connection, moment, rules))
