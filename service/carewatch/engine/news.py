"""The worker's log about what goes on for long: one line now and then, never one a record."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from carewatch.engine.observer import Flushed, Observer
from carewatch.wire.topics import LATE

logger = logging.getLogger(__name__)

RESTORE_SECONDS: Final = 5.0
"""Between two lines about the restore of one partition; a shorter one says nothing."""

LATE_SECONDS: Final = 60.0
"""Between two lines about late events of one stage."""


class News(Observer):
    """Says how far a restore is, and that events come too late to count.

    `now` is seconds of a clock that only goes forward.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._restoring: dict[tuple[str, int], float] = {}
        self._late: Counter[str] = Counter()
        self._late_said: dict[str, float] = {}

    def restoring(self, stage: str, partition: int, *, read: int, left: int) -> None:
        now = self._now()
        said = self._restoring.setdefault((stage, partition), now)
        if now - said < RESTORE_SECONDS:
            return
        self._restoring[stage, partition] = now
        logger.info(
            "restoring care.state.%s partition %s: %s rows read, about %s left",
            stage,
            partition,
            read,
            left,
        )

    def opened(self, stage: str, partition: int, *, rows: int, seconds: float) -> None:
        self._restoring.pop((stage, partition), None)

    def flushed(self, stage: str, partition: int, flushed: Flushed) -> None:
        late = flushed.outputs.get(LATE, 0)
        if not late:
            return
        self._late[stage] += late
        now = self._now()
        said = self._late_said.get(stage)
        if said is not None and now - said < LATE_SECONDS:
            return
        self._late_said[stage] = now
        logger.warning(
            "%s: %s events came too late to count; they are in %s with the reason, and in "
            "care_late_events_total",
            stage,
            self._late.pop(stage),
            LATE,
        )
