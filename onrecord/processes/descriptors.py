"""How many files and connections this process may have open at once, which is one number to the system.

A client that holds connections without sending requests must not use them all up: the database needs some, and so does
the next caller's request.
"""

import logging
import resource

log = logging.getLogger(__name__)

_ENOUGH = 4096
_UNLIMITED = 65_536  # where the system names no limit, or one that nobody needs
_OURS = 256  # the database, the log, the libraries that are loaded late


def raise_limit() -> int:
    """Raise the limit as far as the system allows, and log where that is little. Returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    granted = _UNLIMITED if hard == resource.RLIM_INFINITY else min(hard, _UNLIMITED)
    if soft not in (resource.RLIM_INFINITY, granted) and soft < granted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
    if granted < _ENOUGH:
        log.warning(
            "only %d files and connections may be open at once: raise the hard limit to %d or more "
            "(`ulimit -Hn`, LimitNOFILE= of systemd, --ulimit nofile= of Docker)",
            granted,
            _ENOUGH,
        )
    return granted


def connections_max(descriptors: int) -> int:
    """How many connections may be taken at once; further ones wait in the system's queue."""
    return max(descriptors - _OURS, descriptors // 2)
