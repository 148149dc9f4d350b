"""Timers: whoever is due, once, earliest first, however often it was moved."""

from hypothesis import given
from hypothesis import strategies as st

from carewatch.processors.conversation_rows import row_key
from carewatch.processors.timers import Timers

MOVES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("abcd"), st.none() | st.integers(0, 9000)),
        st.integers(0, 9500),
    ),
    max_size=60,
)


@given(MOVES)
def test_it_agrees_with_a_plain_table(moves: list[tuple[str, int | None] | int]) -> None:
    timers, table, clock = Timers(), dict[tuple[str, str], int](), 0
    for move in moves:
        if isinstance(move, int):
            clock = max(clock, move)
            due = sorted((at, key) for key, at in table.items() if at < clock)
            for _, key in due:
                del table[key]

            assert [key for _, key in due] == timers.take_due(clock)
            for later in (clock + 1, clock + 100, clock + 1000):
                until = min(later, (clock // 1000 + 1) * 1000)
                soonest = min((at for at in table.values() if at < until), default=None)
                assert timers.soonest_before(until) == soonest
        else:
            key, at = ("acme", move[0]), move[1]
            timers.set(row_key(key), at)
            if at is None:
                table.pop(key, None)
            else:
                table[key] = at
