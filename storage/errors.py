"""Three families of errors: Refused, Unavailable, Broken. A caller's behaviour is a value, never an error.

A message starts with what failed and carries our id; it never carries a phone number.
"""


class Refused(Exception):
    """Bad input, or a rule forbids it: the same attempt will fail again."""


class Unusable(Refused):
    """The provider's file can't be kept as audio, and will be the same tomorrow."""


class NotMigrated(Refused):
    """The database lacks tables that this version of the program needs."""


class Unavailable(Exception):
    """Something we depend on does not answer or has no room: try again later."""


class Broken(Exception):
    """Our bug, or evidence that was tampered with: stop and tell a person."""


class Held(Refused):
    """A legal hold, or a retention lock that has not run out, forbids it."""


class Conflict(Refused):
    """The key already holds other bytes, and stored bytes are never overwritten."""


class NotEnforced(Broken):
    """The store accepted a put, but the checksum or lock read back is not the one asked for."""


class Missing(Refused):
    """Nothing is kept under that key and version."""
