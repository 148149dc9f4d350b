"""One place at one moment: everything that the views make their tiles of."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from carewatch.domain.board import Snapshot
from carewatch.domain.metrics import BY_ID
from carewatch.domain.policy import Promise
from carewatch.domain.rulebook import Target
from carewatch.wall.asked import Place
from carewatch.wall.figures import Figures, Question, Windows
from carewatch.wall.measures import NEEDED, Counted, Measure, Rank, Ranked, ranked
from carewatch.wall.promised import (
    Promises,
    State,
    against,
    clocked,
    limits_of,
    worst,
)
from carewatch.wall.tile import Cell, Tile, Unit, time_goal
from carewatch.wall.trends import MINUTE_MS, Gauge, Lines, Memory, Trend

LAST_HOUR = "last_1h"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A snapshot as one place sees it at `now`.

    `watermark` is up to when every result is complete: the age of what is shown. It is None before
    the first.
    """

    snapshot: Snapshot
    now: int
    place: Place
    watermark: int | None
    everybody: tuple[tuple[str, str], ...]
    """Tenant and channel of all of whom anything was ever heard, in order."""
    windows: Windows
    lines: Lines
    memory: Memory
    promises: Promises

    @property
    def present(self) -> Figures:
        """What is the case now."""
        return self.windows.of(self.place, "now")

    @property
    def hour(self) -> Figures:
        """The last sixty whole minutes."""
        return self.windows.of(self.place, LAST_HOUR)

    @property
    def hour_until(self) -> int | None:
        """The end of these."""
        return None if self.watermark is None else self.watermark - self.watermark % MINUTE_MS

    @property
    def today(self) -> Figures:
        """The local days that the newest result lies in."""
        return self.windows.today(self.place, self._heard)

    def days(self, days: int) -> Figures:
        """The last local days, today included."""
        return self.windows.days(self.place, self._heard, days)

    @property
    def _heard(self) -> int:
        return self.now if self.snapshot.data_at is None else self.snapshot.data_at

    def at(self, channel: str) -> "Scene":
        """The same moment on one channel."""
        return replace(self, place=replace(self.place, channel=channel))

    def channels(self) -> list[str]:
        """The channels of the place on which anything was heard, in order of their names."""
        return sorted({channel for _, channel in self.places()})

    def tenants(self) -> list[str]:
        """The tenants of the place: those of the rulebook, or the one that was asked for."""
        tenant = self.place.tenant
        return self.promises.tenants() if tenant is None else [tenant]

    def places(self) -> list[tuple[str, str]]:
        """Tenant and channel of everybody in the place of whom anything was heard."""
        place = self.place
        return [
            (tenant, channel) for tenant, channel in self.everybody if place.holds(tenant, channel)
        ]

    def promised(self, target: Target) -> Iterator[tuple[Place, Promise]]:
        """What is promised, for each tenant and channel that was heard of."""
        for tenant, channel in self.places():
            promise = self.promises.of(self.now, tenant, channel, target)
            if promise is not None:
                yield Place(tenant=tenant, channel=channel), promise

    def counted(self, id_: str, label: str, question: Question) -> Tile:
        """A tile of how many in the last hour."""
        return self._tally(id_, label, question, self.hour, until=self.hour_until, note="last hour")

    def counted_today(self, id_: str, label: str, question: Question) -> Tile:
        """A tile of how many in the tenants' day."""
        return self._tally(id_, label, question, self.today, until=self.watermark, note="today")

    def _tally(
        self,
        id_: str,
        label: str,
        question: Question,
        figures: Figures,
        *,
        until: int | None,
        note: str,
    ) -> Tile:
        """A count of some windows; what is only known by days has no trend."""
        known = self.watermark is not None
        by_minutes = "1m" in BY_ID[question.metric].windows
        return Tile(
            id=id_,
            label=label,
            unit="count",
            value=figures.count(question) if known else None,
            state="plain" if known else "none",
            as_of=until,
            note=note,
            trend=self.minutes(Counted(question)) if by_minutes else None,
        )

    def minutes(self, measure: Measure) -> Trend | None:
        """The last hour of a count."""
        at = self.watermark
        return None if at is None else self.lines.counted(self.place, measure, at)

    def steps(self, measure: Measure) -> Trend | None:
        """The last hour of a rank or share."""
        at = self.watermark
        return None if at is None else self.lines.smoothed(self.place, measure, at)

    def remembered(self, gauge: Gauge) -> Trend:
        """The last hour of a present state."""
        return self.memory.line(gauge, self.place, self.now)

    def standing(self, id_: str, label: str, gauge: Gauge, state: State | None = None) -> Tile:
        """A tile of how many there are now; without a state, more than none is plain."""
        known = bool(self.places())
        value = self.present.count(gauge.question) if known else None
        return Tile(
            id=id_,
            label=label,
            unit="count",
            value=value,
            state="none" if not known else state or "plain",
            as_of=self.watermark,
            trend=self.remembered(gauge),
        )

    def ranked(self, id_: str, label: str, question: Question, rank: Rank, target: Target) -> Tile:
        """A tile of a percentile of the last hour, judged on each channel by its own promise."""
        spread = self.hour.spread(question)
        value = ranked(spread, rank)
        return Tile(
            id=id_,
            label=label,
            unit="ms",
            value=value,
            state="none" if value is None else self.judged(question, rank, target),
            as_of=self.hour_until,
            goal=time_goal(limits_of(promise for _, promise in self.promised(target))),
            few=(spread.count, NEEDED[rank]) if value is None and spread.count else None,
            samples=spread.count,
            trend=self.steps(Ranked(question, rank)),
        )

    def judged(self, question: Question, rank: Rank, target: Target) -> State:
        """The worst of the channels whose percentile has enough samples."""
        states = []
        for place, promise in self.promised(target):
            figures = self.windows.of(place, LAST_HOUR)
            asked = question._replace(metric=clocked(question.metric, promise))
            ms = ranked(figures.spread(asked), rank)
            if ms is not None:
                states.append(against(promise, ms))
        return worst(states)

    def ranked_cell(self, question: Question, rank: Rank, target: Target) -> Cell:
        """The same in a row of a table."""
        spread = self.hour.spread(question)
        value = ranked(spread, rank)
        state = "none" if value is None else self.judged(question, rank, target)
        return Cell(
            unit="ms",
            value=value,
            state=state if spread.count else "plain",
            few=spread.count if value is None and spread.count else None,
        )

    def waited(self, since: int | None) -> int | None:
        """For how long somebody has waited now."""
        return None if since is None else max(0, self.now - since)


def cell(unit: Unit, value: int | str | None, state: State = "plain") -> Cell:
    """A plain cell."""
    return Cell(unit=unit, value=value, state=state)
