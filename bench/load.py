"""Generate load in a separate process: keep-alive connections, in a closed loop or at a rate.

It prints one JSON line. It parses only as much HTTP as needed, so that it costs little compared to
the server that it measures.
"""

import argparse
import asyncio
import itertools
import json
import time
from pathlib import Path

BOUNDARY = b"bench-boundary"


def build_request(host: str, picture: bytes) -> bytes:
    """Return the request that uploads one picture."""
    body = (
        b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + picture + b"\r\n--" + BOUNDARY + b"--\r\n"
    )  # fmt: skip
    head = (
        f"POST /v1/recognise HTTP/1.1\r\nHost: {host}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bool, bool]:
    """Return the status, and whether Retry-After was sent and the connection stays open."""
    writer.write(request)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in head:
        await reader.readuntil(b"0\r\n\r\n")
    else:
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
    closes = b"connection: close" in head
    return int(head.split(b" ", 2)[1]), b"retry-after:" in head, not closes


class Load:
    """Counts of requests and responses, and the response times."""

    def __init__(self, port: int, pictures: list[bytes]) -> None:
        self.port = port
        self.requests = itertools.cycle([build_request(f"127.0.0.1:{port}", p) for p in pictures])
        self.seen: list[tuple[float, float, int, bool]] = []  # begun, took, status, Retry-After

    async def worker(self, until: float, ticks: "asyncio.Queue[float] | None") -> None:
        """Send requests over one connection, each when the last is done or at its tick."""
        reader = writer = None
        while time.perf_counter() < until:
            if ticks is None:
                begun = time.perf_counter()
            else:
                try:
                    async with asyncio.timeout(max(0.0, until - time.perf_counter())):
                        begun = await ticks.get()
                except TimeoutError:
                    break
            try:
                if writer is None or reader is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                status, retry, stays = await exchange(reader, writer, next(self.requests))
            except (OSError, asyncio.IncompleteReadError, IndexError, ValueError):
                status, retry, stays = 0, False, False
            self.seen.append((begun, time.perf_counter() - begun, status, retry))
            if not stays and writer is not None:
                writer.close()
                reader = writer = None
        if writer is not None:
            writer.close()

    async def run(self, seconds: float, connections: int, rate: float) -> None:
        """Send for some seconds at a rate; 0 sends each request after the response before."""
        until = time.perf_counter() + seconds
        ticks: asyncio.Queue[float] | None = asyncio.Queue() if rate else None
        workers = [asyncio.create_task(self.worker(until, ticks)) for _ in range(connections)]
        if ticks is not None:
            begun = time.perf_counter()
            for n in itertools.count():
                due = begun + n / rate
                if due >= until:
                    break
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                ticks.put_nowait(due)  # late starts count: the clock runs from when it was due
        await asyncio.gather(*workers)

    def report(self, seconds: float) -> dict[str, object]:
        """Return counts and quantiles, with times in milliseconds."""
        good = sorted(t for _, t, s, _ in self.seen if s == 200)
        busy = sorted(t for _, t, s, _ in self.seen if s in (429, 503))
        first = min((begun for begun, *_ in self.seen), default=0.0)
        by_second = [0] * (int(seconds) + 1)
        for begun, took, status, _ in self.seen:
            second = int(begun + took - first)
            if status == 200 and second < len(by_second):
                by_second[second] += 1
        statuses: dict[str, int] = {}
        for _, _, status, _ in self.seen:
            statuses[str(status)] = statuses.get(str(status), 0) + 1
        return {
            "seconds": seconds,
            "good": len(good),
            "rate": len(good) / seconds,
            "p50_ms": quantile(good, 0.5),
            "p99_ms": quantile(good, 0.99),
            "most_ms": quantile(good, 1.0),
            "good_by_second": by_second,
            "busy_p99_ms": quantile(busy, 0.99),
            "busy_without_retry_after": sum(s in (429, 503) and not r for _, _, s, r in self.seen),
            "statuses": statuses,
        }


def quantile(times: list[float], q: float) -> float | None:
    """Return a quantile of sorted seconds, in milliseconds."""
    return round(1000 * times[min(len(times) - 1, int(q * len(times)))], 2) if times else None


def main() -> None:
    """Parse the arguments, send, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pictures", type=Path, required=True, help="folder of JPEG files")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rate", type=float, default=0.0)
    options = parser.parse_args()
    load = Load(options.port, [p.read_bytes() for p in sorted(options.pictures.glob("*.jpg"))])
    asyncio.run(load.run(options.seconds, options.connections, options.rate))
    print(json.dumps(load.report(options.seconds)))


if __name__ == "__main__":
    main()
