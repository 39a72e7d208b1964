"""Open stalled connections: half a header or half a body, then a byte at a time.

Connections that the server closes are opened again. It runs until its standard input is closed, and
then prints how many connections were open at the end and how many were opened in all.
"""

import argparse
import asyncio
import contextlib
import json
import sys

HEAD = b"POST /v1/recognise HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SLOW_HEAD = HEAD + b"X-Slow: "
SLOW_BODY = HEAD + b"Content-Length: 100000\r\n\r\n{"
DRIP_S = 3.0


class Stalled:
    """Stalled connections to one port."""

    def __init__(self, port: int) -> None:
        self.port, self.standing, self.opened = port, 0, 0

    async def one(self, begins: bytes, delay_s: float) -> None:
        """Open a connection, send slowly, and open it again when the server closes it."""
        await asyncio.sleep(delay_s)
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                self.opened, self.standing = self.opened + 1, self.standing + 1
                try:
                    await self._drip(begins, reader, writer)
                finally:
                    self.standing -= 1
                    writer.close()
            await asyncio.sleep(0.1)

    async def _drip(
        self, data: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            writer.write(data)
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRIP_S):
                    await reader.read(1)  # any response, or the end
                    return
            data = b" "


async def run(port: int, each: int, ramp_s: float) -> Stalled:
    """Keep as many slow headers as slow bodies open until standard input ends."""
    stalled = Stalled(port)
    tasks = [
        asyncio.create_task(stalled.one(begins, ramp_s * n / each))
        for n in range(each)
        for begins in (SLOW_HEAD, SLOW_BODY)
    ]
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps({"standing": stalled.standing, "opened": stalled.opened}))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return stalled


def main() -> None:
    """Parse the arguments and stall."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--each", type=int, default=500)
    parser.add_argument("--ramp-s", type=float, default=2.0)
    options = parser.parse_args()
    asyncio.run(run(options.port, options.each, options.ramp_s))


if __name__ == "__main__":
    main()
