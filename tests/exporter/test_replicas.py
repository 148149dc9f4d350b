"""Several boards, and boards that start again, show the same series with the same values."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.board import Board
from carewatch.exporter.feed import fold_point
from carewatch.exporter.showing import Showing
from carewatch.exporter.shown import View
from carewatch.exporter.text import Text
from carewatch.processors.base import Output
from carewatch.wire import topics
from support.boards import HOUR, RULEBOOK, sample_outputs
from support.partial_log import T0
from support.properties import examples

LOG = [one for at in (T0, T0 + HOUR) for one in sample_outputs(at) if one.topic == topics.METRICS]
PARTITIONS = sorted({one.partition for one in LOG})


def board_after(log: list[Output]) -> Board:
    board = Board()
    for one in log:
        fold_point(board, one.key, one.value)
    board.fold_rulebook(1, RULEBOOK)
    return board


def page(board: Board, showing: Showing, text: Text) -> bytes:
    """What /metrics says of the board, but for what a process says about itself."""
    families = showing.families(View(snapshot=board.snapshot()))
    return b"".join(text.write(families, openmetrics=False))


ONE = page(board_after(LOG), Showing(), Text())


@given(dice=st.randoms(use_true_random=False))
@examples(30)
def test_replicas_that_read_partitions_in_turns_of_their_own_show_the_same(dice: Random) -> None:
    """Order holds within a partition only."""
    left = {p: [one for one in LOG if one.partition == p] for p in PARTITIONS}
    log: list[Output] = []
    while left:
        partition = dice.choice(sorted(left))
        log.append(left[partition].pop(0))
        left = {p: waiting for p, waiting in left.items() if waiting}

    assert page(board_after(log), Showing(), Text()) == ONE


def test_a_replica_that_reads_a_compacted_topic_shows_the_same() -> None:
    newest = {one.key: one for one in LOG}

    assert page(board_after(list(newest.values())), Showing(), Text()) == ONE


def test_a_replica_that_was_scraped_all_along_shows_the_same_as_one_that_just_started() -> None:
    """What it remembers of earlier pages changes nothing."""
    board, showing, text = Board(), Showing(), Text()
    board.fold_rulebook(1, RULEBOOK)
    for number, one in enumerate(LOG):
        fold_point(board, one.key, one.value)
        if number % 40 == 0:
            page(board, showing, text)

    assert page(board, showing, text) == ONE
