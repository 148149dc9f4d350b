"""A small consumer group: who works on which partition, and the advisory offsets.

Harsher than Kafka's: a rebalance waits for nobody, so that the former owner goes on with its work
until its next heartbeat. Safety must not depend on the group, and here it cannot.
"""

from dataclasses import dataclass, field

from carewatch.engine.ports import NotOwner
from support.fake_clients import Host
from support.fake_log import FakeLog


@dataclass(slots=True)
class Coordinator:
    """The broker's side of one group."""

    log: FakeLog
    partitions: int
    session_ms: int = 1_500
    generation: int = 0
    seen_at: dict[str, int] = field(default_factory=dict)
    owners: dict[int, str] = field(default_factory=dict)
    offsets: dict[int, int] = field(default_factory=dict)

    def beat(self, member: str) -> tuple[int, tuple[int, ...]]:
        """A heartbeat; a new member joins by it. Returns (generation, its partitions)."""
        joined = member not in self.seen_at
        self.seen_at[member] = self.log.world.now()
        if self._expire() or joined:
            self.rebalance()
        return self.generation, tuple(p for p, owner in self.owners.items() if owner == member)

    def leave(self, member: str) -> None:
        """A clean goodbye."""
        if self.seen_at.pop(member, None) is not None:
            self.rebalance()

    def commit(self, member: str, partition: int, offset: int) -> None:
        """Keeps an offset; raises NotOwner for anyone but the partition's owner."""
        self._expire()
        if self.owners.get(partition) != member:
            self.log.seen["probe refused"] += 1
            raise NotOwner(f"{member} does not own partition {partition}")
        self.offsets[partition] = offset

    def rebalance(self) -> None:
        """Deals the partitions out again, at random."""
        self.generation += 1
        members = sorted(self.seen_at)
        self.owners = {}
        if members:
            shift = self.log.world.random.randrange(len(members))
            self.owners = {
                partition: members[(partition + shift) % len(members)]
                for partition in range(self.partitions)
            }
        self.log.seen["rebalanced"] += 1

    def _expire(self) -> bool:
        now = self.log.world.now()
        gone = [name for name, seen in self.seen_at.items() if now - seen > self.session_ms]
        for name in gone:
            del self.seen_at[name]
            self.log.seen["session expired"] += 1
        if gone:
            self.rebalance()
        return bool(gone)


class FakeGroup:
    """The port `Group`: one process's membership, and its position in every owned partition."""

    def __init__(self, host: Host, coordinator: Coordinator) -> None:
        self.host = host
        self.coordinator = coordinator
        self.member = host.process.name
        self.positions: dict[int, int] = {}
        self._tokens: dict[int, int] = {}
        self._count = 0
        self._generation = -1
        self._line = host.line()

    async def beat(self) -> bool:
        """One heartbeat; takes over the assignment that the answer brings. True if it is new."""
        generation, owned = await self._line.post(lambda: self.coordinator.beat(self.member))
        if generation == self._generation:
            return False
        self._generation = generation
        self._tokens = {}
        self.positions = {}
        for partition in owned:
            self._raise(partition)
        return True

    @property
    def owned(self) -> tuple[int, ...]:
        """The partitions this process believes to own."""
        return tuple(self._tokens)

    def token(self, partition: int) -> int | None:
        """Changes at every assignment, revocation and seek."""
        return self._tokens.get(partition)

    async def committed(self, partition: int) -> int | None:
        """The group's offset."""
        return await self._line.post(lambda: self.coordinator.offsets.get(partition))

    async def tell(self, partition: int, offset: int) -> None:
        """The advisory commit: refused unless the group agrees."""
        await self._line.post(lambda: self.coordinator.commit(self.member, partition, offset))

    async def prove(self, partition: int, offset: int) -> None:
        """Commits an offset as a probe; NotOwner if the group does not agree."""
        await self.tell(partition, offset)

    def seek(self, partition: int, offset: int) -> None:
        """Moves the position; what was fetched before is out of date from now on."""
        self._raise(partition)
        self.positions[partition] = offset

    def _raise(self, partition: int) -> None:
        self._count += 1
        self._tokens[partition] = self._count
