"""Three real Kafka nodes on this machine, owned by the process that starts them.

What production has and a single node cannot show: partitions whose leader moves, replicas that
fall out of sync, a quorum. Each node is a broker and a controller. Topics, Kafka's own included,
are born with three replicas, two of which must have a record before it counts.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from carewatch.domain.errors import Refused
from carewatch.local.kafka import LocalKafka, new_cluster_id
from carewatch.local.ports import HOST, free_port
from carewatch.local.ready import known_brokers

SIZE: Final = 3
IN_SYNC: Final = 2
HEAP_MIB: Final = 320

_PROPERTIES: Final[Mapping[str, str]] = {
    "default.replication.factor": str(SIZE),
    "min.insync.replicas": str(IN_SYNC),
    "offsets.topic.replication.factor": str(SIZE),
    "transaction.state.log.replication.factor": str(SIZE),
    "transaction.state.log.min.isr": str(IN_SYNC),
    "share.coordinator.state.topic.replication.factor": str(SIZE),
    "share.coordinator.state.topic.min.isr": str(IN_SYNC),
    # A replica that stands still keeps every write waiting for so long (default: 30 s).
    "replica.lag.time.max.ms": "3000",
    # Leadership goes back to whom it was given first, so that every node leads again soon
    # after it came back (default: 300 s).
    "leader.imbalance.check.interval.seconds": "10",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """What one node is given: its ports, kept over restarts, and properties of its own."""

    port: int = field(default_factory=free_port)
    controller_port: int = field(default_factory=free_port)
    properties: Mapping[str, str] = field(default_factory=dict)


class LocalCluster:
    """Three nodes, each in a folder of its own below `folder`.

    `start()` returns when every node knows all three; `nodes` can be stopped, killed and started
    one by one. As with a single one all methods block, a restart keeps the addresses, and no node
    outlives the owning process.
    """

    def __init__(self, folder: Path, *, seats: Sequence[Seat] | None = None) -> None:
        seats = [Seat() for _ in range(SIZE)] if seats is None else seats
        voters = ",".join(
            f"{number}@{HOST}:{seat.controller_port}" for number, seat in enumerate(seats, 1)
        )
        name = new_cluster_id()
        self.nodes = tuple(
            LocalKafka(
                folder / f"node-{number}",
                port=seat.port,
                controller_port=seat.controller_port,
                properties={
                    **_PROPERTIES,
                    "node.id": str(number),
                    "controller.quorum.voters": voters,
                    **seat.properties,
                },
                cluster_id=name,
                heap_mib=HEAP_MIB,
            )
            for number, seat in enumerate(seats, 1)
        )

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of all nodes, the same over restarts."""
        return ",".join(node.bootstrap_servers for node in self.nodes)

    def start(self, *, timeout_s: float = 120) -> None:
        """Brings up whoever is down. Raises Refused as a single node does, or in the end when
        not all have found each other."""
        deadline = time.monotonic() + timeout_s
        # No node answers before a majority of them runs.
        self._each(lambda node: node.start(timeout_s=timeout_s))
        while not all(_knows_all(node) for node in self.nodes):
            if time.monotonic() > deadline:
                raise Refused(
                    f"The nodes of {self.bootstrap_servers} have not found each other within "
                    f"{timeout_s:g} s; the first one's log says:\n{self.nodes[0].log_tail()}"
                )
            time.sleep(0.1)

    def stop(self) -> None:
        """Stops all in order, by force after some seconds."""
        self._each(LocalKafka.stop)

    def _each(self, act: Callable[[LocalKafka], None]) -> None:
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(act, self.nodes))

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _knows_all(node: LocalKafka) -> bool:
    try:
        return known_brokers(HOST, node.port, timeout_s=2) == SIZE
    except OSError:
        return False
