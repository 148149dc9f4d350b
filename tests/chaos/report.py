"""What a run has to say for itself, and how its numbers are judged."""

import asyncio
import platform
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from carewatch import __version__
from carewatch.local import comparison
from carewatch.wire import topics
from support.deployment import Deployment
from support.verdicts import Ran, metric_points, net_results, repeated, verified

EXAMPLES: Final = 5


def running_commit() -> str:
    """Which code ran: its commit, with a plus if files differed; nothing outside a checkout."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip()


@dataclass
class Report:
    """What was done and what came of it. A fault that found nobody to strike is in `missed`."""

    seed: int
    workers: int
    brokers: int = 1
    commit: str = field(default_factory=running_commit)
    faults: list[dict[str, object]] = field(default_factory=list)
    missed: int = 0
    deaths: dict[str, int] = field(default_factory=dict)
    spoiled_requests: int = 0
    leader_moves: int = 0
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
            "commit": self.commit,
            "seed": self.seed,
            "workers": self.workers,
            "brokers": self.brokers,
            "faults": len(self.faults),
            "missed": self.missed,
            "by_kind": dict(sorted(Counter(str(one["kind"]) for one in self.faults).items())),
            "ended_by_status": self.deaths,
            "spoiled_requests": self.spoiled_requests,
            "leader_moves": self.leader_moves,
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

    async def judge(self, ran: Ran, deployment: Deployment) -> None:
        """Compares with the simulator's arithmetic, an undisturbed replay, and the oracle."""
        self.events = len(ran.records[topics.EVENTS])
        results = (topics.FACTS, topics.SLA)
        self.results = sum(len(ran.records[name]) for name in results)
        # Not of compacted topics, where the cleaner takes records away between the two readings.
        for name in (*results, topics.CUSTOMER, topics.PARTIALS):
            self.aborted_records += await deployment.aborted(name)
        # Not in this thread: the proxies live in its loop, and whoever works on must be served.
        comparing = asyncio.to_thread(self._compare, ran)
        _, verdict = await asyncio.gather(comparing, verified(deployment))
        self.oracle = {"compared": verdict.compared, "left_out": verdict.left_out}
        self.differences["oracle"] = list(verdict.told[:EXAMPLES])

    def _compare(self, ran: Ran) -> None:
        lines = comparison.compare(ran.manifest, ran.board, spooled=True)
        wrong = [str(line) for line in lines if not line.equal]
        self.differences["manifest"] = wrong[:EXAMPLES]
        for name in (topics.FACTS, topics.SLA):
            self.differences[f"{name} twice"] = repeated(ran.records[name])[:EXAMPLES]
            self.differences[name] = _different(*net_results(ran, name))
        self.differences[topics.METRICS] = _different(*metric_points(ran))


def _different(found: dict[Any, Any], wanted: dict[Any, Any]) -> list[str]:
    keys = [key for key in [*wanted, *found] if found.get(key) != wanted.get(key)]
    return [str(key) for key in dict.fromkeys(keys)][:EXAMPLES]
