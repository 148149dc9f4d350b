"""What a run happens in: a deployment whose traffic with Kafka passes through proxies.

The workers reach every broker through a proxy of its own; gateway, board and the judges do not.
With three brokers a second proxy before each stands between it and its peers.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient

from carewatch.local import demo_config
from carewatch.local.cluster import IN_SYNC, SIZE, LocalCluster, Seat
from carewatch.local.kafka import LocalKafka
from carewatch.local.ports import HOST, free_port
from carewatch.wire import topics
from chaos.proxy import Proxy, Weather
from support.deployment import Deployment

SHORT_TIMEOUTS: Final = {
    "CAREWATCH_WORKER_SESSION_TIMEOUT_MS": "4000",
    "CAREWATCH_WORKER_TRANSACTION_TIMEOUT_MS": "9000",
    "CAREWATCH_WORKER_FLUSH_TIMEOUT_MS": "8000",
}
"""So that a fault is noticed, and over, within seconds, and not taken for one is a busy machine."""

REPLICATED: Final = {
    "CAREWATCH_KAFKA_REPLICATION_FACTOR": str(SIZE),
    "CAREWATCH_KAFKA_MIN_INSYNC_REPLICAS": str(IN_SYNC),
}


def proxy() -> Proxy:
    """A proxy on ports of its own, before a listener that is still to be."""
    return Proxy(port=free_port(), upstream=free_port())


def listeners(seat: Seat, clients: Proxy, peers: Proxy | None) -> Mapping[str, str]:
    """The properties of a node at whose doors these proxies stand."""
    doors = {"PROXIED": clients} | ({} if peers is None else {"PEERS": peers})
    own = f"PLAINTEXT://{HOST}:{seat.port}"
    inside = [f"{name}://{HOST}:{door.upstream}" for name, door in doors.items()]
    outside = [f"{name}://{HOST}:{door.port}" for name, door in doors.items()]
    names = ("PLAINTEXT", "CONTROLLER", *doors)
    return {
        "listeners": ",".join([own, f"CONTROLLER://{HOST}:{seat.controller_port}", *inside]),
        "advertised.listeners": ",".join([own, *outside]),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in names),
        "inter.broker.listener.name": "PLAINTEXT" if peers is None else "PEERS",
    }


@dataclass
class Arena:
    """The deployment, its brokers, and the proxies before each of them, in the same order."""

    deployment: Deployment
    nodes: tuple[LocalKafka, ...]
    clients: tuple[Proxy, ...]
    peers: tuple[Proxy, ...] = ()
    leader_moves: int = 0
    """How many partitions of carewatch's topics have been seen with another leader than before."""

    _leaders: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str]:
        """What a worker must be told in order to go through the proxies."""
        servers = ",".join(f"{HOST}:{door.port}" for door in self.clients)
        return {"CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": servers}

    @property
    def spoiled(self) -> int:
        """How many requests the proxies have spoiled."""
        return sum(door.spoiled for door in (*self.clients, *self.peers))

    def turn(self, weather: Weather | None) -> None:
        """The weather between workers and every broker."""
        for door in self.clients:
            door.turn(weather)

    async def look_for_leaders(self) -> None:
        """Counts whose leader has changed since the last look."""
        found = {place: leader for place, (leader, _) in (await replicas(self.deployment)).items()}
        self.leader_moves += sum(found[place] != was for place, was in self._leaders.items())
        self._leaders = found


async def replicas(deployment: Deployment) -> dict[tuple[str, int], tuple[int, int]]:
    """The leader of each partition of what flows in and what is kept, and how many are in sync."""
    admin = AIOKafkaAdminClient(bootstrap_servers=deployment.bootstrap_servers)
    await admin.start()
    try:
        told = await admin.describe_topics([topics.EVENTS, "care.state.track"])
    finally:
        await admin.close()
    return {
        (one["topic"], part["partition"]): (part["leader"], len(part["isr"]))
        for one in told
        for part in one["partitions"]
    }


@asynccontextmanager
async def arena(
    folder: Path,
    *,
    brokers: int,
    config: Path = demo_config.FOLDER,
    secrets: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Arena]:
    """Everything up and ready, with one broker or three; by default with the demo's accounts.

    `settings` are further variables of every process.
    """
    clients = tuple(proxy() for _ in range(brokers))
    peers = tuple(proxy() for _ in range(brokers)) if brokers > 1 else ()
    kafka, nodes = _single(folder, *clients) if brokers == 1 else _three(folder, clients, peers)
    deployment = Deployment(
        folder,
        config,
        demo_config.random_secrets() if secrets is None else secrets,
        kafka,
        **SHORT_TIMEOUTS,
        **(REPLICATED if brokers > 1 else {}),
        **(settings or {}),
    )
    for door in (*clients, *peers):
        await door.start()
    try:
        await deployment.come_up()
        yield Arena(deployment, nodes, clients, peers)
    finally:
        await deployment.go_down()
        for door in (*clients, *peers):
            await door.stop()


def _single(folder: Path, clients: Proxy) -> tuple[LocalKafka, tuple[LocalKafka, ...]]:
    seat = Seat()
    kafka = LocalKafka(
        folder / "kafka",
        port=seat.port,
        controller_port=seat.controller_port,
        properties=listeners(seat, clients, None),
    )
    return kafka, (kafka,)


def _three(
    folder: Path, clients: tuple[Proxy, ...], peers: tuple[Proxy, ...]
) -> tuple[LocalCluster, tuple[LocalKafka, ...]]:
    seats = [
        replace(seat, properties=listeners(seat, client, peer))
        for seat, client, peer in zip((Seat(), Seat(), Seat()), clients, peers, strict=True)
    ]
    cluster = LocalCluster(folder / "kafka", seats=seats)
    return cluster, cluster.nodes
