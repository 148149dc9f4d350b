"""What a webhook costs the gateway, as a share of what HTTP alone costs.

    python bench/gateway.py [--seconds N] [--connections N] [--rounds N] [--profile FILE]

The real gateway, a process of its own, with signatures, pseudonyms and a real Kafka (acks=all); the
baseline of the same run is an aiohttp server that reads the body and answers 200. One client asks
both, in turns: its requests are signed beforehand and written as bytes, so that it costs next to
nothing. Told are requests per second, the p99 of the answers, and the CPU of the serving process a
request, which a busy machine distorts less. The ratio is the baseline's CPU over the gateway's, and
the gateway's rate over the baseline's.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from carewatch.local.kafka import LocalKafka
from carewatch.local.ports import HOST, free_port

KEY = os.urandom(32)
SECRETS = {
    "BENCH_SECRET": "whsec_" + base64.b64encode(KEY).decode(),
    "BENCH_CUSTOMERS": os.urandom(32).hex(),
    "BENCH_AGENTS": os.urandom(32).hex(),
    "BENCH_DEAD": os.urandom(32).hex(),
}
CONFIG = """\
accounts:
  - {channel: generic, account: bench, tenant: acme, secrets: [env:BENCH_SECRET]}
privacy:
  customer_keys: {acme: env:BENCH_CUSTOMERS}
  agent_keys: {acme: env:BENCH_AGENTS}
  dead_letter_key: env:BENCH_DEAD
tenants: {acme: {}}
"""
SIZES = (1, 50)
WARM_UP = 200


class Measured(NamedTuple):
    """One round of one server."""

    requests: int
    per_s: float
    p99_ms: float
    cpu_us: float


def body(number: int, events: int) -> bytes:
    """A request of so many customers' messages, as CloudEvents."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    batch = [
        {
            "specversion": "1.0",
            "id": f"{number}-{index}",
            "source": "/bench",
            "type": "care.message.created",
            "time": at,
            "data": {
                "conversation_key": f"chat {number}-{index}",
                "customer_key": f"customer-{number % 1000}@example.org",
                "actor": {"kind": "customer", "key": f"customer-{number % 1000}@example.org"},
                "message": {
                    "key": f"message {number}-{index}",
                    "direction": "inbound",
                    "kind": "text",
                    "text": "Where is my parcel? It should have been here on Monday.",
                },
            },
        }
        for index in range(events)
    ]
    return json.dumps(batch if events > 1 else batch[0]).encode()


def requests(first: int, count: int, events: int) -> list[bytes]:
    """Signed requests, as they go over the wire."""
    made = []
    for number in range(first, first + count):
        content = body(number, events)
        name, at = f"msg_{number}", str(int(time.time()))
        digest = hmac.digest(KEY, f"{name}.{at}.".encode() + content, hashlib.sha256)
        head = (
            f"POST /hooks/generic/bench HTTP/1.1\r\nHost: {HOST}\r\n"
            f"Content-Type: application/cloudevents+json\r\nContent-Length: {len(content)}\r\n"
            f"webhook-id: {name}\r\nwebhook-timestamp: {at}\r\n"
            f"webhook-signature: v1,{base64.b64encode(digest).decode()}\r\n\r\n"
        )
        made.append(head.encode() + content)
    return made


async def asked(port: int, todo: Iterator[bytes], until: float, times: list[float]) -> None:
    """One connection: a request, its answer, the next."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        for request in todo:
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"answered {head[:60]!r}")
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
            await reader.readexactly(int(length or b"0"))
            now = time.perf_counter()
            times.append(now - began)
            if now > until:
                return
    finally:
        writer.close()


async def load(port: int, made: list[bytes], connections: int, seconds: float) -> list[float]:
    """The times of all answers, in seconds."""
    todo, times = iter(made), []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(asked(port, todo, until, times) for _ in range(connections)))
    return times


def cpu_s(pid: int) -> float:
    """What a process has used so far, with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(port: int, pid: int, made: list[bytes], options: argparse.Namespace) -> Measured:
    """One round: a warm-up, then as many requests as go into the time."""
    await load(port, made[:WARM_UP], options.connections, 60)
    before, began = cpu_s(pid), time.perf_counter()
    times = await load(port, made[WARM_UP:], options.connections, options.seconds)
    took, used = time.perf_counter() - began, cpu_s(pid) - before
    p99 = statistics.quantiles(times, n=100)[98] * 1000
    return Measured(len(times), len(times) / took, p99, used / len(times) * 1e6)


async def answer(request: web.Request) -> web.Response:
    """The baseline: the body is read, nothing is done with it."""
    await request.read()
    return web.Response()


def serve(port: int) -> None:
    """The baseline's server, until it is told to stop."""
    app = web.Application()
    app.router.add_post("/hooks/{channel}/{account}", answer)
    web.run_app(app, host=HOST, port=port, access_log=None, print=None)


@contextmanager
def baseline() -> Iterator[tuple[int, int]]:
    """Port and process id of the baseline, for as long as the block lasts."""
    port = free_port()
    process = subprocess.Popen([sys.executable, __file__, "--serve", str(port)])
    try:
        wait_for(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def gateway(folder: Path, profile: Path | None) -> Iterator[tuple[int, int]]:
    """Port and process id of a gateway with a Kafka of its own."""
    (folder / "config").mkdir()
    (folder / "config" / "carewatch.yaml").write_text(CONFIG)
    port, metrics = free_port(), free_port()
    program = ["-m", "carewatch"] if profile is None else profiled(profile)
    with LocalKafka(folder / "kafka") as kafka:
        environ = {
            **os.environ,
            **SECRETS,
            "CAREWATCH_CONFIG": str(folder / "config"),
            "CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "CAREWATCH_GATEWAY_PORT": str(port),
            "CAREWATCH_GATEWAY_METRICS_PORT": str(metrics),
            # On a busy machine, too, what is measured is the way through Kafka.
            "CAREWATCH_GATEWAY_SPOOL_LIMIT_BYTES": "0",
            "CAREWATCH_GATEWAY_PRODUCE_TIMEOUT_MS": "30000",
        }
        command = [sys.executable, "-m", "carewatch", "topics", "apply"]
        subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
        process = subprocess.Popen(
            [sys.executable, *program, "gateway"], env=environ, stdout=subprocess.DEVNULL
        )
        try:
            wait_for(port, "/readyz")
            yield port, process.pid
        finally:
            process.terminate()
            process.wait()


def profiled(result: Path) -> list[str]:
    return ["-m", "cProfile", "-o", str(result), "-m", "carewatch"]


def wait_for(port: int, path: str = "/") -> None:
    """Until something answers there; for `/readyz` until it says 200."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=5)
        except urllib.error.HTTPError as error:
            if path == "/":
                error.close()
                return
            error.close()
        except OSError:
            pass
        else:
            return
        time.sleep(0.1)
    raise SystemExit(f"nothing answers at port {port}")


def told(name: str, rounds: list[Measured]) -> str:
    per_s, p99, cpu = (statistics.median(one[at] for one in rounds) for at in (1, 2, 3))
    return (
        f"  {name:<9}{per_s:>9.0f} requests/s   p99 {p99:>7.1f} ms   CPU {cpu:>7.0f} us a request"
    )


async def compare(servers: dict[str, tuple[int, int]], options: argparse.Namespace) -> None:
    """Both in turns, so that a busy moment of the machine strikes both."""
    first = 0
    for events in options.events or SIZES:
        rounds: dict[str, list[Measured]] = {name: [] for name in servers}
        for _ in range(options.rounds):
            for name, (port, pid) in servers.items():
                most = int(options.seconds * (8000 if events == 1 else 1000)) + WARM_UP
                made = requests(first, most, events)
                first += most
                rounds[name].append(await measure(port, pid, made, options))
        print(f"{events} event{'s' * (events > 1)} a request, {options.connections} connections:")
        for name, found in rounds.items():
            print(told(name, found))
        http, ours = (rounds[name] for name in ("aiohttp", "gateway"))
        by_rate = statistics.median(b.per_s / a.per_s for a, b in zip(http, ours, strict=True))
        by_cpu = statistics.median(a.cpu_us / b.cpu_us for a, b in zip(http, ours, strict=True))
        print(f"  ratio    {by_rate:>9.2f} by rate, {by_cpu:.2f} by CPU", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4, help="of each round")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--events", type=int, action="append", help="a request, instead of 1 and 50"
    )
    parser.add_argument("--profile", type=Path, help="write cProfile's data of the gateway there")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve)
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        baseline() as http,
        gateway(Path(folder), options.profile) as ours,
    ):
        asyncio.run(compare({"aiohttp": http, "gateway": ours}, options))


if __name__ == "__main__":
    main()
