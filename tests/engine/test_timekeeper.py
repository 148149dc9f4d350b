"""A clock that jumps or is wrong is found before it writes anything."""

import asyncio
from pathlib import Path

import pytest

from carewatch.clock import SteadyClock, system_clock
from carewatch.domain.errors import Retryable
from carewatch.engine.catalogue import plan_topics
from carewatch.engine.engine import Engine
from carewatch.engine.timekeeper import APART_MS, AppendTime, Timekeeper
from carewatch.engine.topics import apply_topics
from carewatch.local.kafka import LocalKafka
from carewatch.processors import PROCESSORS
from carewatch.settings import KafkaSettings, Settings, WorkerSettings
from carewatch.wire.topics import EVENTS
from support.lab import eventually, read_committed

HOUR_MS = 3_600_000


class Machine:
    """A machine's two clocks, and the broker's."""

    def __init__(self) -> None:
        self.shown_ms = 1_000_000
        self.passed_ms = 77
        self.broker_ms = 1_000_000
        self.away = False

    def steady(self) -> SteadyClock:
        return SteadyClock(lambda: self.shown_ms * 1_000_000, lambda: self.passed_ms * 1_000_000)

    def pass_(self, ms: int) -> None:
        self.shown_ms += ms
        self.passed_ms += ms
        self.broker_ms += ms

    async def __call__(self) -> int:
        if self.away:
            raise Retryable("the broker is away")
        return self.broker_ms

    async def close(self) -> None: ...


def test_a_jump_of_the_machine_s_clock_does_not_reach_a_steady_one() -> None:
    machine = Machine()
    clock = machine.steady()
    machine.pass_(500)
    machine.shown_ms -= HOUR_MS

    assert clock() == 1_000_500
    clock.restart()
    assert clock() == 1_000_500 - HOUR_MS


def test_the_machine_s_own_clock_is_where_a_steady_one_starts() -> None:
    before, now, after = system_clock(), SteadyClock()(), system_clock()

    assert before - 1 <= now <= after + 1


@pytest.mark.parametrize("apart", [-APART_MS, -1, 0, 1, APART_MS])
async def test_a_clock_that_is_nearly_right_is_believed(apart: int) -> None:
    machine = Machine()
    machine.broker_ms -= apart
    told: list[int] = []
    keeper = Timekeeper(machine.steady(), machine, told.append)
    before = keeper.unready

    await keeper.compare()

    assert before == "the clock was not compared with Kafka's yet"
    assert keeper.unready is None
    assert told == [apart]


@pytest.mark.parametrize(
    ("apart", "says"), [(APART_MS + 1, "5.0 s ahead of"), (-HOUR_MS, "3600.0 s behind")]
)
async def test_a_clock_that_is_wrong_is_not_believed_and_says_so(apart: int, says: str) -> None:
    machine = Machine()
    machine.broker_ms -= apart
    keeper = Timekeeper(machine.steady(), machine)

    await keeper.compare()

    assert keeper.unready is not None
    assert f"clock is {says} Kafka's" in keeper.unready
    assert "Remedy" in keeper.unready


async def test_a_clock_that_was_set_right_is_believed_again() -> None:
    machine = Machine()
    machine.shown_ms += HOUR_MS
    keeper = Timekeeper(machine.steady(), machine)
    await keeper.compare()
    wrong = keeper.unready
    machine.shown_ms -= HOUR_MS
    await keeper.compare()
    await keeper.compare()

    assert wrong is not None
    assert keeper.unready is None


async def test_a_broker_that_is_away_leaves_the_last_answer_in_force() -> None:
    machine = Machine()
    keeper = Timekeeper(machine.steady(), machine)
    await keeper.compare()
    machine.away = True

    with pytest.raises(Retryable):
        await keeper.compare()

    assert keeper.unready is None


async def test_a_defect_in_comparing_is_no_reason_to_believe() -> None:
    class Defect(Machine):
        async def __call__(self) -> int:
            raise ZeroDivisionError

    machine = Machine()
    keeper = Timekeeper(machine.steady(), machine)
    await keeper.compare()
    keeper._broker_time = Defect()

    with pytest.raises(ZeroDivisionError):
        await keeper.run()

    assert keeper.unready is not None
    assert "a defect" in keeper.unready


@pytest.mark.broker
async def test_a_worker_with_a_wrong_clock_works_and_does_not_tick(tmp_path: Path) -> None:
    """Until the clock is set right; the broker's append time is the judge."""
    ahead_ns = 0

    def machine() -> int:
        return system_clock() * 1_000_000 + ahead_ns

    with LocalKafka(tmp_path) as kafka:
        kafka_settings = KafkaSettings(
            bootstrap_servers=kafka.bootstrap_servers,
            partitions=1,
            partials_partitions=1,
            metrics_partitions=1,
        )
        await apply_topics(plan_topics({}, kafka_settings), kafka_settings)
        settings = Settings(kafka=kafka_settings, worker=WorkerSettings(metrics_port=0))
        ahead_ns = 60 * 1_000_000_000
        engine = Engine(PROCESSORS, settings, SteadyClock(machine))
        try:
            await engine.start()

            async def refused() -> bool:
                return engine.live("track") == {0} and "60.0 s ahead" in str(engine.not_ready())

            await eventually(refused)
            why = engine.not_ready()
            # Two seconds in which a clock that is believed would have ticked.
            await asyncio.sleep(2)
            unticked = await read_committed(kafka.bootstrap_servers, EVENTS, 0)
            ahead_ns = 0

            async def ticked() -> bool:
                return bool(await read_committed(kafka.bootstrap_servers, EVENTS, 0))

            await eventually(ticked)
            ready = engine.not_ready()
        finally:
            await engine.stop()

    assert "this machine's clock is 60.0 s ahead of Kafka's" in str(why)
    assert unticked == []
    assert ready is None


@pytest.mark.broker
async def test_the_broker_s_time_is_that_of_its_append(broker: KafkaSettings) -> None:
    """Without the topic it says what to do, and creates none."""
    options = {"bootstrap_servers": broker.bootstrap_servers}
    probe = AppendTime(options)
    with pytest.raises(Retryable, match=r"care\.probe does not exist: run `carewatch"):
        await probe()
    wanted = [one for one in plan_topics({}, KafkaSettings()).missing if one.name == "care.probe"]

    assert [one.config["message.timestamp.type"] for one in wanted] == ["LogAppendTime"]
