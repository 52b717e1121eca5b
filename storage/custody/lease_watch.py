"""Ends leases that stand no more: whose page reports nothing, or which nobody may hear any longer."""

from dataclasses import dataclass

from policies.sessions import Limits
from storage.custody import leases
from storage.custody.workshop import Workshop

LOOK_EVERY_S = 2.0


@dataclass(frozen=True)
class LeaseWatch:
    workshop: Workshop
    limits: Limits

    def look(self) -> None:
        database, now = self.workshop.database, self.workshop.now()
        with database.read() as connection:
            ids = leases.not_standing(connection, now, self.limits)
        for lease_id in ids:
            database.write(
                lambda connection, lease_id=lease_id: leases.end_where_due(  # type: ignore[misc]  # mypy and defaults
                    connection, self.workshop.moment(), lease_id, self.limits
                )
            )
