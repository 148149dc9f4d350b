"""What has come before: exact within the horizon, forgotten behind it, at the same cost for all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.errors import InvalidRecord
from carewatch.processors.seen import BLOCK, HOUR_MS, LOAD, Block, Seen, digest

HORIZON = 7 * 24 * HOUR_MS
NOW = 100 * HORIZON
NEVER = 0


def name(number: int) -> bytes:
    return digest("acme", "c1", "s", str(number))


@given(st.lists(st.integers(0, 300), max_size=600), st.integers(1, 40))
def test_it_agrees_with_a_table_that_knows_when_each_came(ids: list[int], step: int) -> None:
    seen, known = Seen(), dict[int, int]()
    horizon = 5 * HOUR_MS
    for number, id_ in enumerate(ids):
        now = NOW + number * HOUR_MS * step // 100
        since = now - horizon
        fresh = id_ not in known or known[id_] // HOUR_MS < since // HOUR_MS
        if fresh:
            known[id_] = now

        assert fresh != seen.is_repeat(name(id_), now, since)


def test_ids_found_across_two_entries_are_no_repeat() -> None:
    seen = Seen()
    hour = (NOW // HOUR_MS).to_bytes(3, "big")
    first, second = bytes(range(16)), bytes(range(16, 32))
    for id_ in (first, second):
        seen.is_repeat(id_, NOW, NEVER)

    assert not seen.is_repeat((first + hour + second)[8:24], NOW, NEVER)


def test_what_counts_are_the_parts_not_their_text() -> None:
    parts = [("ab", "c", "d"), ("a", "bc", "d"), ("ab", "cd", ""), ("abc", "", "d")]
    names = [("acme", *one) for one in parts] + [("globex", *one) for one in parts]

    assert len(names) == len({digest(*one) for one in names})


def test_an_id_is_remembered_for_the_horizon_and_then_its_rows_go() -> None:
    seen = Seen()
    seen.is_repeat(name(1), NOW, NOW - HORIZON)
    list(seen.take_rows())

    seen.forget(NOW)
    assert seen.is_repeat(name(1), NOW + HORIZON, NOW)

    later = NOW + HOUR_MS
    seen.forget(later)
    assert [(Block(NOW // HOUR_MS, 0), None)] == list(seen.take_rows())
    assert not seen.is_repeat(name(1), later + HORIZON, later)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 3)), max_size=700))
def test_a_new_owner_finds_in_the_rows_what_was_known(ids: list[tuple[int, int]]) -> None:
    seen, table = Seen(), dict[Block, bytes]()
    for number, (id_, hour) in enumerate(ids):
        seen.is_repeat(name(id_), NOW + hour * HOUR_MS, NEVER)
        if number % 50 == 0:
            table |= {block: value for block, value in seen.take_rows() if value is not None}
    table |= {block: value for block, value in seen.take_rows() if value is not None}
    heir = Seen()
    for block in sorted(table, reverse=True):
        heir.restore(block, table[block])
    heir.restored()

    came = {id_ for id_, _ in ids}
    assert all(heir.is_repeat(name(id_), NOW, NEVER) for id_ in came)
    assert not heir.is_repeat(name(501), NOW, NEVER)
    for block, value in heir.take_rows():
        # It goes on in a block that was not full, or in one that is new.
        assert block not in table or value == table[block] + name(501)


def test_a_new_owner_takes_the_newest_arrival_of_an_id_that_came_again() -> None:
    seen = Seen()
    again = NOW + 2 * HOUR_MS
    seen.is_repeat(name(1), NOW, NEVER)
    assert not seen.is_repeat(name(1), again, again)
    rows = [(block, ids) for block, ids in seen.take_rows() if ids is not None]
    for order in (rows, rows[::-1]):
        heir = Seen()
        for block, ids in order:
            heir.restore(block, ids)
        heir.restored()

        assert heir.is_repeat(name(1), again, again)


def test_a_new_owner_of_many_ids_goes_on_as_the_old_one_would() -> None:
    seen = Seen()
    for number in range(5000):
        seen.is_repeat(name(number), NOW, NEVER)
    heir = Seen()
    for block, ids in seen.take_rows():
        heir.restore(block, ids or b"")
    heir.restored()

    assert heir.kept == seen.kept
    assert heir.longest == seen.longest
    for number in range(5000, 9000):
        assert not heir.is_repeat(name(number), NOW, NEVER)
    assert all(heir.is_repeat(name(number), NOW, NEVER) for number in range(9000))


def test_a_row_that_holds_half_an_id_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="ids of 17 bytes"):
        Seen().restore(Block(1, 0), bytes(17))


def test_a_lookup_looks_through_as_few_ids_of_many_as_of_some() -> None:
    seen, longest = Seen(), []
    for number in range(64_000):
        seen.is_repeat(name(number), NOW, NEVER)
        if number in (999, 63_999):
            longest.append(seen.longest)

    assert max(longest) <= 5 * LOAD


def test_an_id_is_written_while_its_block_fills_and_never_again() -> None:
    seen, written = Seen(), 0
    for number in range(20 * BLOCK):
        seen.is_repeat(name(number), NOW, NEVER)
        if number % BLOCK == BLOCK // 2:
            written += sum(len(ids or b"") for _, ids in seen.take_rows())
    written += sum(len(ids or b"") for _, ids in seen.take_rows())

    assert written <= 2 * 16 * 20 * BLOCK


def test_what_has_expired_is_taken_out_of_memory() -> None:
    seen = Seen()
    for number in range(200 * BLOCK):
        now = NOW + number * 1000
        seen.is_repeat(name(number), now, now - HOUR_MS)

    assert seen.kept < 3 * 2 * HOUR_MS // 1000
