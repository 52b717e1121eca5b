"""A Postgres server as if it stood on another machine: whatever is sent, either way, arrives a fixed time later."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, make_url

_PIECE = 64 * 1024
_Piece = tuple[float, bytes]


@contextmanager
def away(url: str, one_way_ms: float) -> Iterator[str]:
    """The URL under which the server is that far away."""
    loop, there = asyncio.new_event_loop(), make_url(url)
    relay = asyncio.run_coroutine_threadsafe
    thread = threading.Thread(target=loop.run_forever, name="distance", daemon=True)
    thread.start()
    try:
        port = relay(_listen(_socket_of(there), one_way_ms / 1000), loop).result()
        yield (
            there.difference_update_query(["host", "port"])
            .set(host="127.0.0.1", port=port)
            .render_as_string(hide_password=False)
        )
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _socket_of(url: URL) -> Path:
    folder = url.host or url.query["host"]
    return Path(str(folder)) / f".s.PGSQL.{url.port or 5432}"


async def _listen(upstream: Path, one_way_s: float) -> int:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(str(upstream))
        await asyncio.gather(_carry(reader, server_writer, one_way_s), _carry(server_reader, writer, one_way_s))

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    return int(server.sockets[0].getsockname()[1])


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, one_way_s: float) -> None:
    loop, on_the_way = asyncio.get_running_loop(), asyncio.Queue[_Piece]()
    arriving = loop.create_task(_arrive(on_the_way, writer))
    while piece := await reader.read(_PIECE):
        on_the_way.put_nowait((loop.time() + one_way_s, piece))
    on_the_way.put_nowait((loop.time() + one_way_s, b""))
    await arriving


async def _arrive(on_the_way: asyncio.Queue[_Piece], writer: asyncio.StreamWriter) -> None:
    while True:
        due, piece = await on_the_way.get()
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        if not piece:
            writer.close()
            return
        writer.write(piece)
