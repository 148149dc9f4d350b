"""What the customer stage counts: panes of days, which track has cut."""

from collections.abc import Iterator
from typing import Final

from carewatch.domain.customers import Place
from carewatch.domain.days import Day
from carewatch.domain.metrics import BY_ID
from carewatch.processors.base import Output
from carewatch.processors.stage_panes import StagePanes, to_merge

STAGE: Final = "customer"


class CustomerPanes(StagePanes):
    """The panes of one partition of `care.customer`; track says which day a count is about."""

    def __init__(self, partition: int) -> None:
        super().__init__(STAGE, partition)
        self._day = Day(0, 0)
        self._panes.days = self

    @property
    def has_changed(self) -> bool:
        """Whether the next tick publishes something."""
        return self._panes.has_changed

    def day(self, tenant: str, at: int) -> Day:  # noqa: ARG002 - as Panes asks for it
        """The day of the count that is just being added."""
        return self._day

    def add(self, place: Place, times: int, open_from: int) -> None:
        """Adds to a count, or takes back what is below nothing."""
        self._day = place.day
        amount = 0 if place.part == "d" else abs(times)
        of = abs(times) if place.part == "d" else 0
        sign = 1 if times > 0 else -1
        at = place.day.start
        self._panes.add(BY_ID[place.metric], place.labels, at, amount, sign, open_from, of)

    def publish(self, position: int, targets: int) -> Iterator[Output]:
        """What changed since the last tick, in a fixed order."""
        for pane in self._panes.take_changed():
            yield to_merge(self.partial(pane, position), targets)

    def restored(self, closed_before: int) -> None:
        """All rows are in."""
        self._panes.closed_before = closed_before
