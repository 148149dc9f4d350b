"""The board's fold and its snapshots."""

from carewatch.domain.board import Board
from carewatch.domain.known import CHANNELS, known_values
from carewatch.domain.points import Moment, Point, Tally
from carewatch.domain.rulebook import Document
from carewatch.wire.envelope import Channel
from support.boards import RULEBOOK
from support.partial_log import BASE, T0


def point(value: int, *, revision: int = 1, time: int = T0) -> Point:
    return Point(
        metric="queue_length",
        labels=BASE,
        window="now",
        start=None,
        pane="on_time",
        revision=revision,
        time=time,
        value=Tally(value),
    )


def watermark(partition: int, at: int | None) -> Point:
    return Point(
        metric="watermark",
        labels=(*("none",) * 4, str(partition)),
        window="now",
        start=None,
        pane="on_time",
        revision=1,
        time=T0,
        value=Moment(at),
    )


def test_newest_record_of_a_key_wins_and_a_tombstone_removes_it() -> None:
    board = Board()
    board.fold(b"k", point(1))
    board.fold(b"k", point(2, revision=2))
    assert [one.value for one in board.snapshot().points("now")] == [Tally(2)]

    board.fold(b"k", None)
    board.fold(b"never seen", None)
    assert list(board.snapshot().points("now")) == []


def test_snapshot_does_not_change_when_the_board_does() -> None:
    board = Board()
    board.fold(b"k", point(1))
    before = board.snapshot()
    board.fold(b"k", point(2))
    board.fold(b"l", point(3))

    assert [one.value for one in before.points("now")] == [Tally(1)]
    assert len(list(board.snapshot().points("now"))) == 2


def test_data_is_as_new_as_its_newest_point_and_as_complete_as_its_least_watermark() -> None:
    board = Board()
    assert (board.snapshot().data_at, board.snapshot().watermark) == (None, None)

    board.fold(b"a", point(1, time=T0 + 9))
    board.fold(b"b", point(1, time=T0 + 3))
    board.fold(b"w0", watermark(0, T0 + 7))
    board.fold(b"w1", watermark(1, T0 + 2))
    board.fold(b"w2", watermark(2, None))

    assert (board.snapshot().data_at, board.snapshot().watermark) == (T0 + 9, T0 + 2)


def test_later_rulebook_wins_in_any_order() -> None:
    board = Board()
    board.fold_rulebook(2, RULEBOOK)
    board.fold_rulebook(1, Document())

    assert (board.snapshot().number, board.snapshot().rulebook) == (2, RULEBOOK)


def test_label_values_outside_the_rulebook_are_shown_as_other() -> None:
    known = known_values(RULEBOOK, tenants=("acme", "second"))

    assert known.place("acme", "web", "support") == ("acme", "web", "support")
    assert known.place("acme", "pigeon", "none") == ("acme", "other", "none")
    assert known.place("second", "web", "support") == ("second", "web", "other")
    assert known.place("stranger", "none", "support") == ("other", "none", "other")
    assert known.place("none", "none", "none") == ("none", "none", "none")
    assert [known.value("policy", name) for name in ("standard", "none", "x")] == [
        "standard",
        "none",
        "other",
    ]
    assert known.value("transition", "exploded") == "other"


def test_channels_are_those_of_the_events() -> None:
    assert Channel.__args__ == CHANNELS  # type: ignore[attr-defined]  # a Literal
