"""Accumulators merge exactly, and percentiles keep the error they state."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.aggregates import (
    Count,
    Distribution,
    Instant,
    Ratio,
    Total,
    bucket_bounds,
    bucket_index,
    bucket_middle,
    summed,
)

DURATIONS = st.integers(0, 90 * 86_400_000)
CHANGES = st.lists(st.tuples(DURATIONS, st.just(1)), max_size=40)


def total(values: list[tuple[int, int]]) -> Total:
    out = Total()
    for value, sign in values:
        out.add(value, sign)
    return out


@given(DURATIONS)
def test_a_bucket_holds_its_values_within_two_percent(value: int) -> None:
    index = bucket_index(value)
    low, high = bucket_bounds(index)

    assert low <= value <= high
    assert abs(bucket_middle(index) - value) * 50 <= value


@given(st.integers(0, 5000))
def test_buckets_leave_no_gap_and_do_not_overlap(index: int) -> None:
    assert bucket_bounds(index)[1] + 1 == bucket_bounds(index + 1)[0]


@given(CHANGES, CHANGES)
def test_adding_apart_and_merging_is_adding_together(
    left: list[tuple[int, int]], right: list[tuple[int, int]]
) -> None:
    merged = total(left)
    merged.merge(total(right))

    assert total(left + right) == merged


@given(CHANGES, CHANGES)
def test_it_does_not_matter_who_merges_whom(
    left: list[tuple[int, int]], right: list[tuple[int, int]]
) -> None:
    one, other = total(left), total(right)
    one.merge(total(right))
    other.merge(total(left))

    assert one == other


@given(st.lists(DURATIONS, min_size=1, max_size=40), st.data())
def test_what_is_taken_back_leaves_the_net_and_stays_in_the_gross(
    values: list[int], data: st.DataObject
) -> None:
    taken = data.draw(st.lists(st.sampled_from(values), max_size=len(values), unique=True))
    changes = [(value, 1) for value in values] + [(value, -1) for value in taken]
    rest = list(values)
    for value in taken:
        rest.remove(value)

    result = total(changes)

    expected = Distribution()
    for value in rest:
        expected.add(value, 1)
    assert expected == result.net
    assert (len(values), sum(values)) == (result.gross.count, result.gross.sum)
    assert (min(values), max(values)) == (result.gross_min, result.gross_max)
    assert (len(rest), len(values)) == (sum(result.net_classic), sum(result.gross_classic))


def test_a_count_never_decreases_in_the_gross() -> None:
    count = Count()
    for amount in (1, 1, -1, 1):
        count.add(amount)

    assert Count(value=2, gross=3) == count


def test_the_least_instant_wins_and_none_is_no_instant() -> None:
    least = Instant()
    for at in (None, 7, 9, None, 5):
        least.merge(Instant(at))

    assert Instant(5) == least


@given(CHANGES, CHANGES)
def test_what_was_merged_can_be_taken_away_again(
    mine: list[tuple[int, int]], theirs: list[tuple[int, int]]
) -> None:
    kept, whole, other = total(mine).net, total(mine).net, total(theirs).net
    whole.merge(other)
    whole.merge(other, -1)

    assert whole == kept


def test_counts_and_ratios_that_were_merged_can_be_taken_away_again() -> None:
    count, ratio = Count(3, 4), Ratio(1, 2, 3, 4)
    count.merge(Count(5, 6))
    count.merge(Count(5, 6), -1)
    ratio.merge(Ratio(5, 6, 7, 8))
    ratio.merge(Ratio(5, 6, 7, 8), -1)

    assert (count, ratio) == (Count(3, 4), Ratio(1, 2, 3, 4))


def test_a_bucket_that_says_nothing_is_merged_as_nothing() -> None:
    """Nobody writes such a thing, but what is read may be damaged."""
    total = Distribution(1, 5, {5: 1})
    total.merge(Distribution(0, 0, {7: 0}))

    assert total == Distribution(1, 5, {5: 1})


def test_several_at_once_leave_the_same_bytes_also_where_a_bucket_stands_below_nothing() -> None:
    """What was counted late may be taken back in time: the windows between never had it."""
    before, batch = [(7, 7, -1), (9, 9, 1)], [(7, 7, 1), (7, 7, 1), (8, 8, 1)]
    for kind in (Distribution, Total):
        one_by_one, at_once = kind(), kind()
        for put in (*before, *batch):
            one_by_one.put_all([put])
        at_once.put_all(before)
        at_once.put_all(batch, summed(batch))

        assert msgspec.msgpack.encode(one_by_one) == msgspec.msgpack.encode(at_once)


def test_what_takes_something_back_has_no_sum_that_could_be_merged() -> None:
    assert summed([(7, 7, 1), (7, 7, 1), (9, 9, 1)]) == Distribution(3, 23, {7: 2, 9: 1})
    assert summed([(7, 7, 1), (7, 7, -1)]) is None
