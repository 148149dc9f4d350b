"""What is looked at later, some of it at a time."""

from carewatch.processors.later import SHARE, Later

SPAN = 1000


def test_nothing_is_taken_before_its_span_is_over() -> None:
    later = Later(SPAN)
    later.put(b"a", 1500)

    assert later.take(1999, 10) == []
    assert later.take(2000, 10) == [b"a"]
    assert later.take(9999, 10) == []


def test_what_has_no_time_is_taken_at_once() -> None:
    later = Later(SPAN)
    later.put(b"a")

    assert later.take(0, 10) == [b"a"]


def test_some_are_taken_at_a_time_the_earliest_first() -> None:
    later = Later(SPAN)
    for at in (3500, 1500, 2500):
        later.put(str(at).encode(), at)

    assert [later.take(9999, 2), later.take(9999, 2)] == [[b"1500", b"2500"], [b"3500"]]


def test_more_are_taken_where_many_wait() -> None:
    later = Later(SPAN)
    for number in range(3 * SHARE):
        later.put(str(number).encode())

    assert len(later.take(0, 1)) == 4
