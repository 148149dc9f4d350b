"""What has come before: exact within the horizon, forgotten behind it."""

from hypothesis import given
from hypothesis import strategies as st

from carewatch.processors.seen import HORIZON_MS, HOUR_MS, Seen, digest

ONE = ("acme", "c1")
NOW = 100 * HORIZON_MS


@given(st.lists(st.integers(0, 30), max_size=80))
def test_it_agrees_with_a_set(ids: list[int]) -> None:
    seen, known = Seen(), set[int]()
    for number, id_ in enumerate(ids):
        repeat = seen.is_repeat(ONE, digest(("s", str(id_))), NOW + number * HOUR_MS // 7)

        assert (id_ in known) == repeat
        known.add(id_)


def test_ids_found_across_two_others_are_no_repeat() -> None:
    seen = Seen()
    first, second = bytes(range(16)), bytes(range(16, 32))
    for id_ in (first, second):
        seen.is_repeat(ONE, id_, NOW)

    assert not seen.is_repeat(ONE, (first + second)[8:24], NOW)


def test_the_pair_counts_not_its_text() -> None:
    assert digest(("ab", "c")) != digest(("a", "bc"))


def test_an_id_is_remembered_for_seven_days_and_then_its_row_goes() -> None:
    seen = Seen()
    id_ = digest(("s", "1"))
    seen.is_repeat(ONE, id_, NOW)

    seen.forget(NOW + HORIZON_MS)
    assert seen.is_repeat(ONE, id_, NOW + HORIZON_MS)

    seen.forget(NOW + HORIZON_MS + HOUR_MS + 1)
    assert {(ONE, NOW // HOUR_MS)} == seen.dropped
    assert not seen.is_repeat(ONE, id_, NOW + HORIZON_MS + HOUR_MS + 1)
