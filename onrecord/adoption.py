"""Takes checked rules in force: kept, published and adopted in one transaction, and logged in it."""

from sqlalchemy import Connection

from onrecord.installation import CheckedRules, Installation
from onrecord.publish import InForce, publish_rules
from storage.database.engine import Database
from storage.moment import Moment
from storage.rows import adoptions
from storage.rows.adoptions import Adopted, Adoption


def take_in_force(database: Database, checked: CheckedRules, *, actor: str, starts: bool = False) -> Adopted:
    """From the commit on every process rules new calls by them. `starts`: a process starts with them."""
    moment = Moment.now()
    rules = _rows_of(checked, moment)

    def adopt(connection: Connection) -> Adopted:
        publish_rules(connection, moment, rules, starts=starts)
        return adoptions.adopt(connection, moment, checked.rulebook.sha256, actor=actor)

    return database.write(adopt)


def start_work(installation: Installation, *, actor: str) -> None:
    """Log the start of a worker under the rules in force. Where none ever were, those of the installation's file are
    adopted.
    """
    database, checked, moment = installation.database, installation.checked, Moment.now()
    with database.read() as connection:
        is_first = adoptions.in_force(connection) is None
    if is_first:
        take_in_force(database, checked, actor=actor, starts=True)
        return
    rules = _rows_of(checked, moment)
    database.write(lambda connection: publish_rules(connection, moment, rules))


def in_words(adopted: Adopted) -> str:
    """For the person who asked for it."""
    now, before = adopted.now, adopted.before
    if not adopted.is_new:
        return f"{since(now)} already: nothing changed"
    earlier = f"; before it was {before.sha256[:12]}" if before else ""
    return f"{since(now)}{earlier}. New calls are under it, and calls that had begun go on under theirs"


def since(adoption: Adoption) -> str:
    return f"the rulebook {adoption.sha256[:12]} is in force since {adoption.adopted_at:%Y-%m-%d %H:%M:%S} UTC"


def _rows_of(checked: CheckedRules, moment: Moment) -> InForce:
    return InForce.of(checked.rulebook, checked.text, checked.prompts, moment.at)
