"""Kafka, or the spool until Kafka has them: nothing overtakes, nothing is stranded."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from hypothesis import given
from hypothesis import strategies as st

from carewatch.engine.sealing import Seal
from carewatch.gateway.delivery import Delivery
from carewatch.gateway.producer import Outgoing, Unavailable
from carewatch.gateway.spool import Lane, Spool, SpoolFull
from support.eventually import eventually
from support.properties import examples

SEAL = Seal("dead letter key")
EVENTS, DEAD = "care.events", "care.dead"


def lane_of(topic: str, key: bytes | None) -> Lane:
    """The key's first character is its partition."""
    return Lane(topic, int((key or b"0")[:1]))


@dataclass
class Topic:
    """A topic in memory; `away` are the partitions without a leader."""

    name: str
    away: set[int] = field(default_factory=set)
    records: list[Outgoing] = field(default_factory=list)
    too_large: int = 1_000_000
    was_ready: bool = True
    asked: int = 0

    @property
    def unready(self) -> str | None:
        return f"{self.name} is away" if self.away else None

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if any(len(one.value) > self.too_large for one in records):
            raise MessageSizeTooLargeError
        for one in records:
            if lane_of(self.name, one.key).partition in self.away:
                raise Unavailable("no leader")
            self.records.append(one)

    def names(self, partition: int) -> list[str]:
        """In the order of the partition, each by its first appearance: repeats are dropped."""
        keys = [(one.key or b"").decode() for one in self.records]
        return [key for key in dict.fromkeys(keys) if key.startswith(str(partition))]


class Lab:
    def __init__(self, folder: Path, limit: int = 1_000_000) -> None:
        self.events, self.dead = Topic(EVENTS), Topic(DEAD)
        self.spool = Spool(folder, limit, SEAL, lane_of)
        topics = {EVENTS: self.events, DEAD: self.dead}
        self.delivery = Delivery(topics, lane_of, self.spool, SEAL, (0.001,))

    async def store(self, *names: str, spool: bool = True) -> bool:
        records = [(EVENTS, Outgoing(name.encode(), b"value", 1000)) for name in names]
        return await self.delivery.store(records, spool=spool)

    async def emptied(self) -> None:
        async def empty() -> bool | None:
            return self.spool.empty or None

        await eventually(empty)


@asynccontextmanager
async def running(folder: Path, limit: int = 1_000_000) -> AsyncIterator[Lab]:
    lab = Lab(folder, limit)
    await lab.delivery.start()
    try:
        yield lab
    finally:
        await lab.delivery.stop()


async def test_with_kafka_nothing_touches_the_disk(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        assert await lab.store("1a", "2a") is False
        assert (lab.events.names(1), lab.spool.written) == (["1a"], 0)


async def test_without_kafka_the_disk_has_it_and_kafka_gets_it_later(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.events.away = {1}
        assert await lab.store("1a") is True
        assert lab.events.records == []
        lab.events.away = set()
        await lab.emptied()
        assert await lab.store("1b") is False

        assert lab.events.names(1) == ["1a", "1b"]


async def test_what_an_earlier_process_left_is_fed_with_the_ids_it_had(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.events.away = {1}
        await lab.store("1a", "1b")
    async with running(tmp_path) as lab:
        await lab.emptied()

        assert lab.events.names(1) == ["1a", "1b"]


async def test_a_partition_without_a_leader_holds_up_nobody_else(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.events.away = {1, 2}
        await lab.store("1a", "2a")
        lab.events.away = {1}

        async def second_flows() -> bool | None:
            return not lab.spool.holds(Lane(EVENTS, 2)) or None

        await eventually(second_flows)
        assert await lab.store("2b") is False
        assert await lab.store("1b") is True

        assert lab.events.names(2) == ["2a", "2b"]
        assert lab.spool.lanes == [Lane(EVENTS, 1)]


async def test_what_waits_is_not_overtaken(tmp_path: Path) -> None:
    """Kafka is back, but the lane is not empty yet: a new event queues behind."""
    async with running(tmp_path) as lab:
        lab.events.away = {1}
        for name in ("1a", "1b"):
            await lab.store(name)
        asked = lab.events.asked
        lab.events.away = set()
        assert await lab.store("1c") is True
        assert lab.events.asked >= asked
        await lab.emptied()

        assert lab.events.names(1) == ["1a", "1b", "1c"]


async def test_an_account_without_a_spool_is_told_to_come_back(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.events.away = {1}
        with pytest.raises(Unavailable):
            await lab.store("1a", spool=False)
        await lab.store("1b")
        lab.events.away = set()

        assert await lab.store("1a", spool=False) is False


async def test_a_full_spool_promises_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, limit=300) as lab:
        lab.events.away = {1}
        with pytest.raises(SpoolFull):
            await asyncio.gather(*(lab.store(f"1{number}") for number in range(20)))
        ready, told = lab.delivery.readiness(61_000)

        assert ready is True
        assert told[0] == "care.events is away"
        assert told[-1].endswith("records wait in the spool, the oldest for 60 s")


async def test_a_gateway_that_can_store_nowhere_is_not_ready(tmp_path: Path) -> None:
    async with running(tmp_path, limit=300) as lab:
        lab.events.away = {1}
        await lab.store("1a")
        lab.spool.limit_bytes = lab.spool.size

        assert lab.delivery.readiness(1000)[0] is False
        lab.events.away = set()
        assert lab.delivery.readiness(1000)[0] is True


async def test_a_gateway_that_never_saw_its_topics_is_not_ready(tmp_path: Path) -> None:
    """What is configured may be wrong: another count of partitions, a topic that is not there."""
    async with running(tmp_path) as lab:
        lab.events.was_ready = False
        lab.events.away = {1}

        assert lab.delivery.readiness(1000) == (False, ["care.events is away"])


async def test_what_kafka_will_never_take_is_a_dead_letter_and_holds_up_nobody(
    tmp_path: Path,
) -> None:
    """The topic's limit was lowered while it waited."""
    async with running(tmp_path) as lab:
        lab.events.away = {1}
        await lab.store("1a")
        await lab.delivery.store([(EVENTS, Outgoing(b"1big", b"x" * 100, 1000))], spool=True)
        await lab.store("1b")
        lab.events.too_large = 50
        lab.events.away = set()
        await lab.emptied()

        assert lab.events.names(1) == ["1a", "1b"]
        [letter] = lab.dead.records
        told = {name: value.decode() for name, value in letter.headers}
        assert SEAL.open(letter.value) == b"x" * 100
        assert (told["kind"], told["reason"], told["stage"]) == ("record", "too_large", "gateway")
        assert (told["original_topic"], told["original_partition"]) == (EVENTS, "1")


async def test_a_bug_while_feeding_strands_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as lab:
        lab.events.away = {1}
        await lab.store("1a")
        records, lab.events.records = lab.events.records, None  # type: ignore[assignment]
        lab.events.away = set()

        async def told() -> bool | None:
            return "bug at feeding partition 1 of care.events" in caplog.text or None

        await eventually(told)
        lab.events.records = records
        await lab.emptied()

        assert lab.events.names(1) == ["1a"]
    assert "value" not in caplog.text


async def test_words_that_waited_until_they_were_switched_off_are_forgotten(tmp_path: Path) -> None:
    """Their tenant no longer wants them anywhere; an event behind them is not held up."""
    async with running(tmp_path) as lab:
        await lab.spool.append([("care.text", Outgoing(b"1m", b"words", 1000))])
    async with running(tmp_path) as lab:
        await lab.emptied()

        assert await lab.store("1a") is False
    assert list_of(tmp_path) == []


def list_of(folder: Path) -> list[Path]:
    return list(folder.glob("*.spool"))


def only_file(folder: Path) -> Path:
    (file,) = list_of(folder)
    return file


async def test_a_disk_that_cannot_be_read_for_a_while_strands_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as lab:
        lab.events.away = {1}
        await lab.store("1a")
        file = only_file(tmp_path)
        away = file.rename(tmp_path / "away")
        lab.events.away = set()

        async def told() -> bool | None:
            return "FileNotFoundError" in caplog.text or None

        await eventually(told)
        away.rename(file)
        await lab.emptied()

        assert lab.events.names(1) == ["1a"]


STEP = st.one_of(
    st.tuples(st.just("event"), st.integers(1, 2)),
    st.tuples(st.just("away"), st.sets(st.integers(1, 2))),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("pass"), st.integers(1, 5)),
)


@examples(60)
@given(steps=st.lists(STEP, max_size=25))
async def test_whatever_happens_each_partition_has_everything_in_order(
    steps: list[tuple[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Outages of single partitions, restarts, time: what was promised is there, in its order."""
    folder = tmp_path_factory.mktemp("spool")
    lab = Lab(folder)
    await lab.delivery.start()
    promised: dict[int, list[str]] = {1: [], 2: []}
    try:
        for number, (kind, what) in enumerate(steps):
            if kind == "event":
                assert isinstance(what, int)
                name = f"{what}-{number:02}"
                await lab.store(name)
                promised[what].append(name)
            elif kind == "away":
                assert isinstance(what, set)
                lab.events.away = what
            elif kind == "restart":
                await lab.delivery.stop()
                before, lab = lab, Lab(folder)
                lab.events.records, lab.events.away = before.events.records, before.events.away
                await lab.delivery.start()
            else:
                assert isinstance(what, int)
                for _ in range(what):
                    await asyncio.sleep(0.001)
        lab.events.away = set()
        await lab.emptied()
    finally:
        await lab.delivery.stop()

    assert promised == {1: lab.events.names(1), 2: lab.events.names(2)}
