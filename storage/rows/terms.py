"""The terms of a call's permit, fixed when the call arrives: later changes of the rules do not reach them."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Self

from policies.purposes import Granted
from policies.ruling import Ruling
from storage.errors import Broken


@dataclass(frozen=True, slots=True)
class Terms:
    """`conflicts` are conflicts of rules that compliance must decide; `law` is the version of the law pack."""

    law: str
    purposes: tuple[Granted, ...]
    retention: str
    retain_until: datetime | None
    conflicts: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The purposes that consent covers."""
        return tuple(granted.purpose for granted in self.purposes)

    @classmethod
    def of(cls, ruling: Ruling) -> Self:
        keeping = ruling.keeping
        return cls(
            law=ruling.law_version,
            purposes=keeping.granted,
            retention=keeping.retention,
            retain_until=keeping.retain_until,
            conflicts=tuple(map(str, keeping.conflicts)),
        )

    @classmethod
    def read(cls, text: str) -> "Terms":
        """Empty for a call from before terms stood on its row. Raises Broken for a text that `written` never wrote."""
        return _read(text) if text else cls("", (), "", None)

    def written(self) -> str:
        fields = {
            "law": self.law,
            "purposes": {granted.purpose: granted.until.isoformat() for granted in self.purposes},
            "retention": self.retention,
            "retain_until": self.retain_until.isoformat() if self.retain_until else None,
            "conflicts": self.conflicts,
        }
        return json.dumps(fields, separators=(",", ":"))


# One request reads the terms of its call several times.
@lru_cache(maxsize=256)
def _read(text: str) -> Terms:
    try:
        fields = json.loads(text)
        return Terms(
            law=fields["law"],
            purposes=tuple(Granted(name, datetime.fromisoformat(at)) for name, at in fields["purposes"].items()),
            retention=fields["retention"],
            retain_until=datetime.fromisoformat(fields["retain_until"]) if fields["retain_until"] else None,
            conflicts=tuple(fields["conflicts"]),
        )
    except (ValueError, KeyError) as error:
        raise Broken("call: its row does not say what a permit would") from error
