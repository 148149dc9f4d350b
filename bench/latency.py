"""How long a webhook takes to a metric point, and a deadline to its breach, at several rates.

    PYTHONPATH=tests python bench/latency.py [--rates 100,1000] [--for SECONDS]

Gateway, worker and Kafka run on this machine, beside the simulated traffic that loads them. Five
times a second a probe is posted: a customer enters a queue of the probe's own. Its time runs from
before the post to the moment at which a consumer with read_committed has the first point of that
queue from `care.metrics`. A breach's time runs from `due_at` to its record in `care.sla`, where a
tick has brought it about: one that follows from a message which came late can only be told then.
"""

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from carewatch.domain.times import format_time, parse_time
from carewatch.local import demo_config
from carewatch.simulate.request import standard_webhooks_headers
from carewatch.wire import topics
from support.deployment import Deployment, deployed

PROBES_PER_S = 5
WARM_UP_S = 8
PATIENCE_S = 60


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Watch:
    """What arrives, and when."""

    def __init__(self, servers: str) -> None:
        self.probes: dict[str, int] = {}
        self.breaches: list[int] = []
        self.told_late = 0
        self._ticks: set[bytes] = set()
        self._news = asyncio.Condition()
        self._consumer = AIOKafkaConsumer(
            topics.METRICS, topics.SLA, topics.EVENTS, bootstrap_servers=servers,
            isolation_level="read_committed", auto_offset_reset="latest", fetch_max_wait_ms=20,
        )  # fmt: skip

    async def run(self) -> None:
        await self._consumer.start()
        try:
            while True:
                batches = await self._consumer.getmany(timeout_ms=100)
                now = wall_ms()
                for place, records in batches.items():
                    for record in records:
                        if place.topic == topics.EVENTS:
                            if record.key is None:
                                self._ticks.add(b"%d:%d" % (place.partition, record.offset))
                        else:
                            self._take(place.topic, record, now)
                async with self._news:
                    self._news.notify_all()
        finally:
            await self._consumer.stop()

    async def has(self, queues: Mapping[str, int], within_s: int) -> None:
        """Returns when every probe has arrived, or the time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s), self._news:
                await self._news.wait_for(lambda: queues.keys() <= self.probes.keys())

    def _take(self, topic: str, record: ConsumerRecord[bytes, bytes], now: int) -> None:
        value = record.value or b""
        if topic == topics.METRICS:
            queue = (record.key or b"").split(b"|")[2].decode()
            if queue.startswith("probe-"):
                self.probes.setdefault(queue, now)
        elif b'"due"' in value:
            data = json.loads(value)["data"]
            if data["to"] == "breached" and data["sign"] > 0:
                if dict(record.headers)["position"] in self._ticks:
                    self.breaches.append(now - parse_time(data["at"]))
                else:
                    self.told_late += 1


async def probe(deployment: Deployment, secret: str, seconds: int, name: str) -> dict[str, int]:
    """Posts probes; when each was posted, by its queue."""
    posted: dict[str, int] = {}
    async with aiohttp.ClientSession() as session:
        for number in range(seconds * PROBES_PER_S):
            queue, now = f"probe-{name}-{number}", wall_ms()
            body = json.dumps(
                {
                    "type": "care.queue.entered",
                    "timestamp": format_time(now),
                    "data": {
                        "channel": "web", "conversation_key": queue, "customer_key": queue,
                        "actor": {"kind": "customer", "key": queue}, "queue": {"name": queue},
                    },
                }
            ).encode()  # fmt: skip
            headers = standard_webhooks_headers(secret, f"msg_{queue}", now // 1000, body)
            posted[queue] = now
            async with session.post(
                f"{deployment.gateway_url}/hooks/generic/web-1", data=body, headers=headers
            ) as answer:
                if answer.status >= 300:
                    del posted[queue]
            await asyncio.sleep(max(0.0, (now + 1000 // PROBES_PER_S - wall_ms()) / 1000))
    return posted


def percentiles(name: str, found: list[int], missing: int = 0) -> str:
    if not found:
        return f"{name}: none arrived"
    ordered = sorted(found)
    at = {p: ordered[min(len(ordered) - 1, len(ordered) * p // 100)] for p in (50, 99)}
    lost = f", {missing} not within {PATIENCE_S} s" if missing else ""
    return f"{name}: p50 {at[50]} ms, p99 {at[99]} ms of {len(ordered)}{lost}"


async def measure(rate: int, seconds: int) -> None:
    secrets = demo_config.random_secrets()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with deployed(Path(folder), demo_config.FOLDER, secrets) as deployment:
            watch = Watch(deployment.bootstrap_servers)
            watching = asyncio.create_task(watch.run())
            traffic = deployment.start(
                "simulate", "--gateway", deployment.gateway_url, "--rate", str(rate),
                "--for", str(seconds + WARM_UP_S), "--policy", demo_config.POLICY,
            )  # fmt: skip
            await asyncio.sleep(WARM_UP_S)
            secret = secrets["CARE_DEMO_GENERIC_SECRET"]
            posted = await probe(deployment, secret, seconds, str(rate))
            await watch.has(posted, PATIENCE_S)
            watching.cancel()
            traffic.kill()
            took = [
                watch.probes[queue] - at for queue, at in posted.items() if queue in watch.probes
            ]
            print(f"{rate:>6,} deliveries a second")
            print(
                "        " + percentiles("webhook to metric point", took, len(posted) - len(took))
            )
            print("        " + percentiles("deadline to breach", watch.breaches))
            print(f"        {watch.told_late} breaches were told by late messages", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", default="100,1000")
    parser.add_argument("--for", dest="seconds", type=int, default=20)
    options = parser.parse_args()
    for rate in options.rates.split(","):
        asyncio.run(measure(int(rate), options.seconds))


if __name__ == "__main__":
    main()
