"""What a storm of kills left in one installation, and whether that has shown anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from onrecord.demo.promises import Breach


@dataclass(frozen=True)
class Aftermath:
    """`answered` are the calls that reached the service; `took_s` is how long after the last call all was at rest."""

    kind: str
    calls: int
    answered: int
    kept: int
    killed: Mapping[str, int]
    breaches: Sequence[Breach]
    events: int = 0
    took_s: float = 0.0

    def objections(self) -> list[str]:
        """The promises that broke; and why a storm without any has proven nothing, if it has not."""
        found = [str(breach) for breach in self.breaches]
        if not sum(self.killed.values()):
            found.append("nothing was killed")
        if 2 * self.answered < self.calls or not self.calls:
            found.append(f"only {self.answered} of {self.calls} calls reached the service")
        if not self.kept:
            found.append("no recording was kept")
        return found

    def __str__(self) -> str:
        return (
            f"{self.answered} of {self.calls} calls answered, {self.kept} recordings kept, "
            f"{sum(self.killed.values())} kills {dict(self.killed)}, {len(self.breaches)} breaches; "
            f"{self.events} events, at rest {self.took_s:.0f} s after the last call"
        )
