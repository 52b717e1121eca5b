"""A deadline for the status and the headers of an answer.

A read timeout begins anew with each byte, and the caller gets a response, and can look at the clock, only once the
headers are whole.
"""

import socket
from threading import Event, Timer
from typing import Any

from requests.adapters import HTTPAdapter


class HeadDeadline(HTTPAdapter):
    """Hangs up on a server whose headers take longer than `head_s`."""

    def __init__(self, head_s: float, **pool: Any) -> None:
        self._head_s = head_s
        super().__init__(**pool)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if not hasattr(pool.ConnectionCls, "head_s"):
            pool.ConnectionCls = _in_time(pool.ConnectionCls, self._head_s)
        return pool


def _in_time(connection: Any, seconds: float) -> Any:
    class Response(connection.response_class):  # type: ignore[misc]  # the class of Python's own http
        def __init__(self, connected: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(connected, *args, **kwargs)
            self._connected = connected

        def begin(self) -> None:
            is_late = Event()
            timer = Timer(seconds, hang_up, [self._connected, is_late])
            timer.daemon = True
            timer.start()
            try:
                super().begin()
            finally:
                timer.cancel()
                # Headers that broke off by our doing may have been taken for whole ones.
                if is_late.is_set():
                    raise TimeoutError("the headers took too long")

    class Connection(connection):  # type: ignore[misc]  # either the class for http or that for https
        head_s = seconds
        response_class = Response

    return Connection


def hang_up(connected: socket.socket, is_late: Event) -> None:
    """End a connection from another thread. The thread that reads sees the end of the stream. TLS is passed by, since
    its state belongs to that thread.
    """
    is_late.set()
    try:
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
    except OSError:  # the server was faster
        return
