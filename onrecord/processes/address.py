"""The address of a web server: HOST:PORT, checked before anything is started there."""

import re
import socket
from dataclasses import dataclass
from typing import Any

from storage.errors import Refused


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def free_address(option: str, text: str) -> Address:
    """Raises Refused, naming the option, for a text that is no address, or an address where nobody could listen now."""
    address = _read(option, text)
    try:
        for family, kind, _, _, place in socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM):
            _try_out(family, kind, place)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Refused(f"{option} is {address}, which cannot be listened on ({reason}): name a free address") from None
    return address


def _read(option: str, text: str) -> Address:
    """An IPv6 host stands in brackets."""
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^\s\[\]:/@]+)):([0-9]{1,5})", text)
    if not found or not 0 < int(found[3]) < 65536:
        raise Refused(f"{option} is {text!r}, which is no address: write HOST:PORT, such as 127.0.0.1:8000")
    return Address(found[1] or found[2], int(found[3]))


def _try_out(family: socket.AddressFamily, kind: socket.SocketKind, place: Any) -> None:
    """Without SO_REUSEPORT, which the web server sets: it would start beside another server that set it too, and each
    would get some of the calls.
    """
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(place)
