"""A restore in a thread, which leaves off when nobody waits for it any more."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from carewatch.domain.errors import Refused
from carewatch.engine.changelog import Restored
from carewatch.engine.restoring import restored_in_thread


def some_rows() -> Restored:
    return Restored({bytes([number]): b"row" for number in range(100)}, b"marker", 100)


def nobody() -> None:
    """Hears that what was made is nobody's."""
    raise AssertionError("somebody waits for it")


class Halfway:
    """Takes a row, and goes on when it is told to."""

    def __init__(self, ends_by: Exception | None = None) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.taken = 0
        self._ends_by = ends_by

    def __call__(self, restored: Restored) -> int:
        for _ in restored.take_rows():
            self.taken += 1
            self.begun.set()
            self.go_on.wait(30)
        if self._ends_by is not None:
            raise self._ends_by
        return 7


async def given_up(restore: Callable[[Restored], int], begun: threading.Event) -> asyncio.Event:
    """A restore that was cancelled halfway; what is set when it has come to its end."""
    left = asyncio.Event()
    task = asyncio.ensure_future(restored_in_thread(restore, some_rows(), left.set))
    await asyncio.to_thread(begun.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return left


async def test_all_rows_are_taken_once() -> None:
    restored = some_rows()

    found = await restored_in_thread(lambda rows: len(list(rows.take_rows())), restored, nobody)

    assert (found, restored.newest) == (100, {})


async def test_an_error_is_passed_on() -> None:
    def refuse(restored: Restored) -> int:
        raise Refused(f"{restored.read} rows cannot be trusted")

    with pytest.raises(Refused, match="100 rows"):
        await restored_in_thread(refuse, some_rows(), nobody)


@pytest.mark.parametrize("ends_by", [None, Refused("half of the rows cannot be trusted")])
async def test_one_that_is_given_up_soon_ends_and_says_when(ends_by: Exception | None) -> None:
    restore = Halfway(ends_by)
    left = await given_up(restore, restore.begun)
    before = left.is_set()
    restore.go_on.set()
    await asyncio.wait_for(left.wait(), 30)

    assert not before
    assert restore.taken == 1
