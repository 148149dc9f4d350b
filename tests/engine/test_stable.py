"""For how long open transactions hold readers back; what a real Kafka tells of it:
tests/contract/test_aiokafka.py."""

from carewatch.engine.stable import StableOffsets

TOPIC = "care.partials"


def held(*looks: tuple[int, int, int]) -> list[int]:
    """What is said at each look: the stable offset, the end, and when (ms)."""
    offsets = StableOffsets()
    return [
        offsets.held_ms(TOPIC, 0, stable=stable, end=end, now=now) for stable, end, now in looks
    ]


def test_a_transaction_that_stays_open_is_told_since_it_was_first_seen() -> None:
    assert held((10, 12, 1_000), (10, 12, 2_000), (10, 90, 31_000)) == [0, 1_000, 30_000]


def test_transactions_that_come_and_go_are_not_one_that_stays() -> None:
    """Under load there is nearly always one open, but the offset moves on."""
    assert held((10, 12, 1_000), (20, 25, 2_000), (30, 31, 3_000)) == [0, 0, 0]


def test_what_was_ended_is_over_and_the_next_one_begins_anew() -> None:
    assert held((10, 12, 0), (12, 12, 5_000), (12, 15, 6_000), (12, 15, 8_000)) == [0, 0, 0, 2_000]


def test_partitions_are_apart_and_forgotten_apart() -> None:
    offsets = StableOffsets()
    for partition in (0, 1):
        offsets.held_ms(TOPIC, partition, stable=1, end=2, now=0)
    offsets.forget(TOPIC, 0)

    assert [offsets.held_ms(TOPIC, p, stable=1, end=2, now=7) for p in (0, 1)] == [0, 7]
