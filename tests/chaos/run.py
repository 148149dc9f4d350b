"""One chaos run: traffic through the gateway, faults from a plan, a verdict on everything."""

import asyncio
import json
import platform
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from carewatch import __version__
from carewatch.engine.failpoints import FAILPOINTS
from carewatch.local import comparison, demo_config
from carewatch.local.kafka import LocalKafka
from carewatch.local.ports import HOST, free_port
from carewatch.wire import topics
from chaos.crew import Crew
from chaos.plan import Fault, plan
from chaos.proxy import APIS, Proxy, Weather
from support.deployment import Deployment
from support.verdicts import Ran, look_at, net, newest, repeated, verified

SHORT_TIMEOUTS: Final = {
    "CAREWATCH_WORKER_SESSION_TIMEOUT_MS": "2000",
    "CAREWATCH_WORKER_TRANSACTION_TIMEOUT_MS": "4000",
    "CAREWATCH_WORKER_FLUSH_TIMEOUT_MS": "3000",
}
"""So that a fault is noticed, and over, within seconds."""

CATCH_UP_S: Final = 120
"""A run that has not settled so long after its last fault has failed: liveness."""

AFTERWARDS_S: Final = 8
"""Quiet traffic after the last fault."""

EXAMPLES: Final = 5

Say = Callable[[str], None]


@dataclass
class Report:
    """What was done and what came of it."""

    seed: int
    workers: int
    faults: list[dict[str, object]] = field(default_factory=list)
    deaths: dict[str, int] = field(default_factory=dict)
    spoiled_requests: int = 0
    events: int = 0
    results: int = 0
    aborted_records: int = 0
    seconds: int = 0
    catch_up_s: int = 0
    oracle: dict[str, dict[str, int]] = field(default_factory=dict)
    differences: dict[str, list[str]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Nothing was lost, doubled or wrong, and the pipeline caught up."""
        return not any(self.differences.values())

    def document(self) -> dict[str, object]:
        """The report as JSON."""
        packages = ("aiokafka", "faust-streaming", "mode-streaming", "msgspec")
        return {
            "verdict": "passed" if self.passed else "failed",
            "seed": self.seed,
            "workers": self.workers,
            "faults": len(self.faults),
            "by_kind": dict(sorted(Counter(str(one["kind"]) for one in self.faults).items())),
            "ended_by_status": self.deaths,
            "spoiled_requests": self.spoiled_requests,
            "events": self.events,
            "results": self.results,
            "aborted_records": self.aborted_records,
            "seconds": self.seconds,
            "catch_up_seconds": self.catch_up_s,
            "oracle": self.oracle,
            "differences": self.differences,
            "versions": {
                "carewatch": __version__,
                "python": platform.python_version(),
                **{name: version(name) for name in packages},
            },
            "plan": self.faults,
        }


@asynccontextmanager
async def _arena(folder: Path) -> AsyncIterator[tuple[Deployment, Proxy, dict[str, str]]]:
    """A deployment whose workers reach Kafka through the proxy; gateway and board do not."""
    port, controller, inner, outer = (free_port() for _ in range(4))
    kafka = LocalKafka(
        folder / "kafka",
        port=port,
        controller_port=controller,
        properties={
            "listeners": ",".join(
                [
                    f"PLAINTEXT://{HOST}:{port}",
                    f"CONTROLLER://{HOST}:{controller}",
                    f"PROXIED://{HOST}:{inner}",
                ]
            ),
            "advertised.listeners": f"PLAINTEXT://{HOST}:{port},PROXIED://{HOST}:{outer}",
            "listener.security.protocol.map": (
                "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT"
            ),
            "inter.broker.listener.name": "PLAINTEXT",
        },
    )
    proxy = Proxy(port=outer, upstream=inner)
    deployment = Deployment(
        folder, demo_config.FOLDER, demo_config.random_secrets(), kafka, **SHORT_TIMEOUTS
    )
    await proxy.start()
    try:
        await deployment.come_up()
        yield deployment, proxy, {"CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{outer}"}
    finally:
        await deployment.go_down()
        await proxy.stop()


async def chaos(
    folder: Path, *, faults: int, seed: int, workers: int, rate: int, say: Say
) -> tuple[Report, Ran | None]:
    """Runs the plan of `seed` and judges what is left; Ran is None if it never settled."""
    report = Report(seed, workers)
    planned = list(plan(seed, faults, tuple(FAILPOINTS)))
    seconds = sum(fault.after_ms + fault.lasts_ms for fault in planned) // 1000 + AFTERWARDS_S
    manifest_file = folder / "manifest.json"
    began = time.monotonic()
    async with _arena(folder) as (deployment, proxy, settings):
        await deployment.first_worker.stop()
        crew = Crew(deployment, workers, settings)
        supervisor = asyncio.create_task(crew.supervise())
        traffic = deployment.start(
            "simulate",
            *("--gateway", deployment.gateway_url, "--manifest", str(manifest_file)),
            *("--for", str(seconds), "--rate", str(rate), "--seed", str(seed)),
            *("--policy", demo_config.POLICY, "--first-reply", demo_config.FIRST_REPLY),
            *("--next-reply", demo_config.NEXT_REPLY),
        )
        try:
            for fault in planned:
                await asyncio.sleep(fault.after_ms / 1000)
                say(f"{fault.number + 1}/{faults} {_title(fault)}")
                await _strike(fault, deployment, proxy, crew)
                report.faults.append(fault.document())
            for number in range(workers):
                crew.join(number)
            await traffic.succeed()
            settled_from = time.monotonic()
            manifest: dict[str, Any] = json.loads(manifest_file.read_text(encoding="utf-8"))
            try:
                async with asyncio.timeout(CATCH_UP_S):
                    ran = await look_at(deployment, manifest)
            except (TimeoutError, AssertionError):
                report.differences["liveness"] = [f"not settled within {CATCH_UP_S} s"]
                return report, None
            report.catch_up_s = round(time.monotonic() - settled_from)
            await _judge(report, ran, deployment)
            return report, ran
        finally:
            supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await supervisor
            report.deaths = {str(key): crew.deaths[key] for key in sorted(crew.deaths)}
            report.spoiled_requests = proxy.spoiled
            report.seconds = round(time.monotonic() - began)


def _title(fault: Fault) -> str:
    named = (fault.failpoint, fault.spoil, fault.api, f"{fault.lasts_ms} ms")
    return " ".join([fault.kind, *(text for text in named if text not in ("", "0 ms"))])


async def _strike(fault: Fault, deployment: Deployment, proxy: Proxy, crew: Crew) -> None:
    lasts_s = fault.lasts_ms / 1000
    match fault.kind:
        case "kill":
            crew.kill(fault.worker)
        case "failpoint":
            crew.kill(fault.worker, f"{fault.failpoint}=kill@{fault.nth}")
        case "freeze":
            await crew.freeze(fault.worker, lasts_s)
        case "restart":
            crew.restart(fault.worker)
        case "join":
            crew.join(fault.worker)
        case "leave":
            crew.leave(fault.worker)
        case "broker_kill" | "broker_restart":
            kafka = deployment.kafka
            await asyncio.to_thread(kafka.kill if fault.kind == "broker_kill" else kafka.stop)
            await asyncio.sleep(lasts_s)
            await asyncio.to_thread(kafka.start)
        case "network":
            apis = frozenset({APIS[fault.api]} if fault.api else ())
            proxy.turn(Weather(fault.spoil, fault.lasts_ms // 2, apis))  # type: ignore[arg-type]
            await asyncio.sleep(lasts_s)
            proxy.turn(None)


async def _judge(report: Report, ran: Ran, deployment: Deployment) -> None:
    """Compares with the simulator's arithmetic, with an undisturbed replay, and with the oracle."""
    report.events = len(ran.records[topics.EVENTS])
    results = (topics.FACTS, topics.SLA)
    report.results = sum(len(ran.records[name]) for name in results)
    for name in results:
        everything = await deployment.committed(name, isolation_level="read_uncommitted")
        report.aborted_records += len(everything) - len(ran.records[name])
    lines = comparison.compare(ran.manifest, ran.board)
    report.differences["manifest"] = [str(line) for line in lines if not line.equal][:EXAMPLES]
    for name in results:
        report.differences[f"{name} twice"] = repeated(ran.records[name])[:EXAMPLES]
        report.differences[name] = _different(net(ran.records[name]), net(ran.replayed[name]))
    report.differences[topics.METRICS] = _different(
        newest(ran.records[topics.METRICS]), newest(ran.replayed[topics.METRICS])
    )
    verdict = await verified(deployment)
    report.oracle = {"compared": verdict.compared, "left_out": verdict.left_out}
    report.differences["oracle"] = list(verdict.told[:EXAMPLES])


def _different(found: dict[Any, Any], wanted: dict[Any, Any]) -> list[str]:
    keys = [key for key in [*wanted, *found] if found.get(key) != wanted.get(key)]
    return [str(key) for key in dict.fromkeys(keys)][:EXAMPLES]
