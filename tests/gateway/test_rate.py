"""The rate of an account: never more than was allowed, and no request waits longer than told."""

from hypothesis import given
from hypothesis import strategies as st

from carewatch.gateway.rate import TokenBucket


def test_a_burst_passes_at_once_and_the_rest_as_tokens_come_in() -> None:
    bucket = TokenBucket(per_second=2, burst=3)

    assert [bucket.take(1000) for _ in range(5)] == [0, 0, 0, 500, 500]
    assert [bucket.take(1499), bucket.take(1500), bucket.take(1500)] == [1, 0, 500]


def test_tokens_do_not_heap_up_beyond_the_burst() -> None:
    bucket = TokenBucket(per_second=10, burst=2)
    bucket.take(0)

    assert [bucket.take(3_600_000) for _ in range(3)] == [0, 0, 100]


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(per_second=1, burst=1)

    assert [bucket.take(10_000), bucket.take(1000), bucket.take(10_999), bucket.take(11_000)] == [
        0, 1000, 1, 0,
    ]  # fmt: skip


@given(
    per_second=st.integers(1, 2000),
    burst=st.integers(1, 50),
    steps=st.lists(st.integers(0, 3000), max_size=80),
)
def test_in_any_stretch_no_more_pass_than_the_burst_and_the_rate_allow(
    per_second: int, burst: int, steps: list[int]
) -> None:
    bucket = TokenBucket(per_second, burst)
    now, passed = 0, []
    for step in steps:
        now += step
        wait = bucket.take(now)
        if wait == 0:
            passed.append(now)
        else:
            assert bucket.take(now + wait - 1) > 0
            now += wait
            assert bucket.take(now) == 0
            passed.append(now)

    for first in range(len(passed)):
        for last in range(first, len(passed)):
            allowed = burst * 1000 + (passed[last] - passed[first]) * per_second
            assert (last - first + 1) * 1000 <= allowed
