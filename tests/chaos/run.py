"""One chaos run: traffic through the gateway, faults from a plan, a verdict on everything."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from carewatch.local import demo_config
from chaos.arena import Arena, arena
from chaos.crew import Crew, frozen
from chaos.plan import Fault
from chaos.proxy import APIS, Weather
from chaos.report import Report
from support.deployment import Deployment
from support.verdicts import Ran, look_at

CATCH_UP_S: Final = 300
"""A run that has not settled so long after its last fault has failed: liveness.

Seconds are enough on a machine of its own; with others on its cores, workers are late for their
short sessions, and lose by that what they have just restored.
"""

AFTERWARDS_S: Final = 8
"""Quiet traffic after the last fault."""

RETURN_MS: Final[Mapping[str, int]] = {
    "broker_kill": 6000,
    "broker_restart": 8000,
    "rolling": 10000,
}
"""What a fault takes beyond the time that it lasts: until the broker, or every worker, is back."""

Say = Callable[[str], None]


def traffic_seconds(planned: Sequence[Fault]) -> int:
    """How long there must be traffic, so that every fault finds some."""
    lasting = (one.after_ms + one.lasts_ms + RETURN_MS.get(one.kind, 0) for one in planned)
    return sum(lasting) // 1000 + AFTERWARDS_S


async def chaos(
    folder: Path,
    planned: Sequence[Fault],
    *,
    seed: int,
    workers: int,
    rate: int,
    say: Say,
    brokers: int = 1,
) -> tuple[Report, Ran | None]:
    """Lets the planned faults strike and judges what is left; Ran is None if it never settled.

    `seed` is that of the traffic: `rate` deliveries a second until a moment after the last fault.
    """
    report = Report(seed, workers, brokers)
    began = time.monotonic()
    async with arena(folder, brokers=brokers) as place:
        deployment = place.deployment
        await deployment.first_worker.stop()
        crew = Crew(deployment, workers, place.settings)
        supervisor = asyncio.create_task(crew.supervise())
        manifest_file = folder / "manifest.json"
        seconds = traffic_seconds(planned)
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
                say(f"{fault.number + 1}/{len(planned)} {_title(fault)}")
                if await strike(fault, place, crew):
                    report.faults.append(fault.document())
                else:
                    report.missed += 1
            for number in range(workers):
                crew.join(number)
            await traffic.succeed()
            manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
            ran = await settled(report, deployment, manifest)
            if ran is not None:
                await report.judge(ran, deployment)
            return report, ran
        finally:
            supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await supervisor
            report.deaths = {str(key): crew.deaths[key] for key in sorted(crew.deaths)}
            report.spoiled_requests = place.spoiled
            report.leader_moves = place.leader_moves
            report.seconds = round(time.monotonic() - began)


async def settled(report: Report, deployment: Deployment, manifest: dict[str, Any]) -> Ran | None:
    """What is there when everything has caught up; None, and a difference told, if it does not."""
    settled_from = time.monotonic()
    try:
        ran = await look_at(deployment, manifest, within_s=CATCH_UP_S)
    except (TimeoutError, AssertionError):
        why = [f"not settled within {CATCH_UP_S} s", *await deployment.doing()]
        report.differences["liveness"] = why
        return None
    report.catch_up_s = round(time.monotonic() - settled_from)
    return ran


def _title(fault: Fault) -> str:
    named = (fault.failpoint, fault.spoil, fault.api, f"{fault.lasts_ms} ms")
    return " ".join([fault.kind, *(text for text in named if text not in ("", "0 ms"))])


async def strike(fault: Fault, place: Arena, crew: Crew) -> bool:
    """Whether there was somebody to be struck."""
    match fault.kind:
        case "kill":
            return crew.kill(fault.worker)
        case "failpoint":
            return crew.kill(fault.worker, f"{fault.failpoint}=kill@{fault.nth}")
        case "freeze":
            return await crew.freeze(fault.worker, fault.lasts_ms / 1000)
        case "restart":
            return crew.restart(fault.worker)
        case "rolling":
            return await crew.roll()
        case "join":
            return crew.join(fault.worker)
        case "leave":
            return crew.leave(fault.worker)
        case "network":
            apis = frozenset({APIS[fault.api]} if fault.api else ())
            place.turn(Weather(fault.spoil, fault.lasts_ms // 2, apis))  # type: ignore[arg-type]
            await asyncio.sleep(fault.lasts_ms / 1000)
            place.turn(None)
            return True
        case "broker_kill" | "broker_restart" | "broker_freeze" | "isolate":
            return await _strike_broker(fault, place)


async def _strike_broker(fault: Fault, place: Arena) -> bool:
    """The broker is away, stands still, or is not heard by its peers, for as long as it lasts."""
    node, lasts_s = place.nodes[fault.broker], fault.lasts_ms / 1000
    await place.look_for_leaders()
    match fault.kind:
        case "broker_kill" | "broker_restart":
            await asyncio.to_thread(node.kill if fault.kind == "broker_kill" else node.stop)
            await asyncio.sleep(lasts_s)
            await asyncio.to_thread(node.start, timeout_s=CATCH_UP_S)
        case "broker_freeze":
            await frozen(node.pid, lasts_s)
        case "isolate":
            place.peers[fault.broker].turn(Weather("stall"))
            await asyncio.sleep(lasts_s)
            place.peers[fault.broker].turn(None)
    await place.look_for_leaders()
    return True
