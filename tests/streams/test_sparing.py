"""What is left of a library that repeats itself."""

import logging
from collections.abc import Iterator

import pytest

from carewatch.streams.sparing import AGAIN_SECONDS, Sparing, spare

LIBRARY = "library_of_this_test"


@pytest.fixture
def loggers() -> Iterator[list[logging.Logger]]:
    made = [logging.getLogger(name) for name in (LIBRARY, f"{LIBRARY}.client", f"{LIBRARY}2")]
    yield made
    for logger in made:
        logger.filters.clear()


def record(text: str, at: float, *args: object) -> logging.LogRecord:
    made = logging.LogRecord(LIBRARY, logging.ERROR, __file__, 1, text, args, None)
    made.created = at
    return made


def test_the_same_is_said_again_after_ten_seconds_whatever_its_figures() -> None:
    sparing = Sparing()
    said = [
        sparing.filter(record("cannot reach %s", at, f"node {at}"))
        for at in (0.0, 0.1, AGAIN_SECONDS - 0.1, AGAIN_SECONDS, AGAIN_SECONDS + 0.1)
    ]

    assert said == [True, False, False, True, False]
    assert sparing.filter(record("something else", 0.1))


def test_all_loggers_of_the_library_are_spared_and_no_other(
    loggers: list[logging.Logger], caplog: pytest.LogCaptureFixture
) -> None:
    spare(LIBRARY)
    for logger in loggers:
        for _ in range(3):
            logger.error("cannot reach %s", logger.name)
            logger.info("connected")

    assert [one.getMessage() for one in caplog.records] == [
        f"cannot reach {LIBRARY}",
        *[f"cannot reach {LIBRARY}2"] * 3,
    ]
