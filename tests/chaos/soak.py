"""`python -m chaos.soak`: half the capacity for half an hour, with faults, and nothing may grow.

First as much traffic as goes through in a short time tells what this machine can do. Then half of
that comes for the whole time, while a fault strikes every twenty seconds: the first worker dies,
freezes and restarts, Kafka and the network fail for everybody; the second worker, the gateway and
the board live through it all. Every ten seconds all of them are looked at. Memory, file handles,
asyncio tasks, threads, series and lag of the last quarter must be those of the second one
(`TOLERATED` in samples.py), memory but for what came to the state (`KEPT_BYTES`), and every number
must be right in the end.
"""

import asyncio
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import click
from prometheus_client.parser import text_string_to_metric_families

from carewatch.engine.failpoints import FAILPOINTS
from carewatch.local import demo_config
from carewatch.local.child import Child
from chaos.arena import Arena, arena
from chaos.crew import Crew
from chaos.plan import Fault, plan
from chaos.report import Report
from chaos.run import CATCH_UP_S, settled, strike
from chaos.samples import Growth, Sample, growths, restarted, used_by
from chaos.soak_summary import write_soak_summary

CAPACITY_S: Final = 10
TOO_MUCH: Final = 2000
"""More deliveries a second than anybody's two cores take in."""

SAMPLED_S: Final = 10
STRUCK_S: Final = 20
WORKERS: Final = 2
STEADY: Final = ("gateway", "board", "worker-1")
"""Who is not struck and must be there from the beginning to the end."""

SEED: Final = 30
STRIKING: Final = (
    "kill", "failpoint", "freeze", "restart", "network", "broker_kill", "broker_restart",
)  # fmt: skip
INSIDE: Final = Path(__file__).with_name("inside")


class Told(NamedTuple):
    """What a process uses and keeps (see `Sample`), and how many partitions it holds."""

    used: dict[str, int]
    kept: dict[str, int]
    held: int


@dataclass
class Soak:
    """What a soak found."""

    report: Report
    capacity: int = 0
    rate: int = 0
    samples: list[Sample] = field(default_factory=list)

    @property
    def growths(self) -> list[Growth]:
        return list(growths([one for one in self.samples if one.process in STEADY]))

    @property
    def ended(self) -> list[str]:
        """Who should have lived through it all, and did not."""
        return restarted(self.samples, STEADY)

    @property
    def passed(self) -> bool:
        """Nobody has grown, nobody has ended, and every number is right."""
        grown = [one for one in self.growths if not one.tolerated]
        return self.report.passed and not self.ended and not grown

    def document(self) -> dict[str, object]:
        """The report as JSON; samples of every minute."""
        told = self.report.document()
        del told["plan"]
        return {
            **told,
            "verdict": "passed" if self.passed else "failed",
            "capacity_deliveries_per_second": self.capacity,
            "rate_deliveries_per_second": self.rate,
            "ended": self.ended,
            "growth": [asdict(one) | {"tolerated": one.tolerated} for one in self.growths],
            "samples": [asdict(one) for one in self.samples if one.at_s % 60 < SAMPLED_S],
        }


def feed(place: Arena, name: str, *, rate: int, seconds: int) -> tuple[Child, Path]:
    """Traffic of the simulator's, and where it says what must have been counted."""
    manifest = place.deployment.folder / f"{name}.json"
    traffic = place.deployment.start(
        "simulate",
        *("--gateway", place.deployment.gateway_url, "--manifest", str(manifest)),
        *("--for", str(seconds), "--rate", str(rate), "--seed", str(SEED)),
        *("--policy", demo_config.POLICY, "--first-reply", demo_config.FIRST_REPLY),
        *("--next-reply", demo_config.NEXT_REPLY),
    )
    return traffic, manifest


async def capacity(folder: Path) -> int:
    """How many deliveries a second come out at the other end when more are sent than that."""
    async with arena(folder, brokers=1) as place:
        began = time.monotonic()
        traffic, manifest = feed(place, "capacity", rate=TOO_MUCH, seconds=CAPACITY_S)
        await traffic.succeed()
        told: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
        await place.deployment.passed(told["settled_at_ms"], within_s=CATCH_UP_S)
        took_s = time.monotonic() - began
        return round(answered(traffic) / took_s)


def answered(traffic: Child) -> int:
    """So many requests were answered so far, by the simulator's log."""
    lines = re.findall(r"(\d+) requests of \d+ conversations", traffic.log_tail())
    return int(lines[-1]) if lines else 0


def faults(minutes: int) -> Iterator[Fault]:
    """A fault every twenty seconds; of the workers only the first is struck."""
    found = (one for one in plan(SEED, 100_000, tuple(FAILPOINTS)) if one.kind in STRIKING)
    for number, fault in zip(range(minutes * 60 // STRUCK_S), found, strict=False):
        yield replace(fault, number=number, worker=0)


async def strike_often(
    report: Report, place: Arena, crew: Crew, traffic: Child, minutes: int
) -> None:
    """Every fault at its time, for as long as there is traffic."""
    began = time.monotonic()
    for fault in faults(minutes):
        await asyncio.sleep(max(0.0, began + STRUCK_S * (fault.number + 1) - time.monotonic()))
        if traffic.status is not None:
            return
        if await strike(fault, place, crew):
            report.faults.append(fault.document())
        else:
            report.missed += 1


async def watch(soak: Soak, place: Arena, crew: Crew) -> None:
    """Looks at everybody, again and again, until it is cancelled."""
    began = time.monotonic()
    while True:
        at_s = round(time.monotonic() - began)
        for name, pid, url in processes(place, crew):
            used, kept, held = await exposed(url)
            used |= used_by(pid, place.deployment.folder)
            soak.samples.append(Sample(at_s, name, used, kept, held, pid))
        await asyncio.sleep(SAMPLED_S)


def processes(place: Arena, crew: Crew) -> Iterable[tuple[str, int, str]]:
    """The name, process id and metrics address of whoever runs now."""
    deployment = place.deployment
    children = [
        ("gateway", deployment.gateway, deployment.gateway_metrics_url),
        ("board", deployment.first_board, deployment.board_url),
        *((f"worker-{number}", one.child, one.url) for number, one in crew.working()),
    ]
    for name, child, url in children:
        pid = child.program_pid
        if pid is not None:
            yield name, pid, url


async def exposed(url: str) -> Told:
    """What a process tells on its page of metrics; nothing while it cannot."""
    timeout = aiohttp.ClientTimeout(total=5)
    with suppress(aiohttp.ClientError, TimeoutError):
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{url}/metrics") as answer,
        ):
            if answer.status == 200:
                return counted(await answer.text())
    return Told({}, {}, 0)


def counted(page: str) -> Told:
    """How many series a page has, and what a worker or a board says of itself on it."""
    used, kept, held = Counter[str](), Counter[str](), 0
    for family in text_string_to_metric_families(page):
        for one in family.samples:
            used["series"] += 1
            match one.name:
                case "care_consumer_lag_records":
                    used["lag_records"] += round(one.value)
                case "care_state_entries":
                    kept[one.labels["kind"]] += round(one.value)
                case "care_board_points":
                    kept["board_points"] += round(one.value)
                case "care_partition_assigned_timestamp_seconds":
                    held += 1
    return Told(dict(used), dict(kept), held)


async def soak(folder: Path, minutes: int, rate: int | None) -> Soak:
    """The whole of it; kept in `folder`, which exists."""
    done = Soak(Report(SEED, WORKERS))
    if rate is None:
        done.capacity = await capacity(folder / "capacity")
        rate = max(1, done.capacity // 2)
    done.rate = rate
    click.echo(f"{rate} deliveries a second for {minutes} min", err=True)
    began = time.monotonic()
    inside = os.pathsep.join(filter(None, (str(INSIDE), os.environ.get("PYTHONPATH"))))
    telling = {"PYTHONPATH": inside, "CHAOS_TASKS": str(folder)}
    async with arena(folder, brokers=1, settings=telling) as place:
        await place.deployment.first_worker.stop()
        crew = Crew(place.deployment, WORKERS, place.settings)
        supervisor = asyncio.create_task(crew.supervise())
        try:
            traffic, manifest = feed(place, "soak", rate=rate, seconds=minutes * 60)
            watching = asyncio.create_task(watch(done, place, crew))
            await strike_often(done.report, place, crew, traffic, minutes)
            await traffic.ended()
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            if traffic.status == 0:
                told = json.loads(manifest.read_text(encoding="utf-8"))
                ran = await settled(done.report, place.deployment, told)
                if ran is not None:
                    await done.report.judge(ran, place.deployment)
            else:
                done.report.differences["traffic"] = [traffic.obituary()]
        finally:
            supervisor.cancel()
            await asyncio.gather(supervisor, return_exceptions=True)
            done.report.deaths = {str(key): crew.deaths[key] for key in sorted(crew.deaths)}
            done.report.spoiled_requests = place.spoiled
            done.report.seconds = round(time.monotonic() - began)
    return done


@click.command()
@click.option("--minutes", type=click.IntRange(2), default=30, show_default=True)
@click.option("--rate", type=click.IntRange(1), default=None,
              help="Deliveries a second; without it half of what is measured first.")  # fmt: skip
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), default=None,
              help="Write the report to this file, and its summary beside it (.md).")  # fmt: skip
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), default=None,
              help="Keep Kafka's data and all logs in this folder.")  # fmt: skip
def main(*, minutes: int, rate: int | None, report: Path | None, keep: Path | None) -> None:
    """Run at half the capacity, with faults; exit 1 if anything grows or any number is wrong."""
    with tempfile.TemporaryDirectory(prefix="soak-") as temporary:
        folder = keep or Path(temporary)
        (folder / "capacity").mkdir(parents=True, exist_ok=True)
        done = asyncio.run(soak(folder, minutes, rate))
    document = done.document()
    if report is not None:
        report.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        write_soak_summary(report, document)
    click.echo(f"{minutes} min at {done.rate} deliveries a second: {document['verdict']}")
    for one in done.growths:
        click.echo(f"  {one}{'' if one.tolerated else ': GROWN'}")
    for name in done.ended:
        click.echo(f"  {name} has ended in between")
    for name, found in done.report.differences.items():
        for line in found:
            click.echo(f"  {name}: {line}")
    sys.exit(0 if done.passed else 1)


if __name__ == "__main__":
    main()
