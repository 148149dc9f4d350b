"""Business time, the slow and obvious way (C1-C5): days are walked, intervals are laid on them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from carewatch.verify.instants import BEGINNING, DAY, EPOCH, MINUTE, instant

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Span = tuple[int, int]
"""Start and end, milliseconds; the end is outside."""

HORIZON_DAYS = 20_000
"""How far a deadline is looked for before it is taken as never."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The versions of one schedule, oldest first, each with the instant it takes effect."""

    versions: tuple[tuple[int, "_Version"], ...]

    @staticmethod
    def always() -> "Hours":
        """The schedule `24x7`."""
        return Hours(((BEGINNING, _Version(None)),))

    @staticmethod
    def of(documents: Sequence[dict[str, Any]]) -> "Hours":
        """Versions with one name, from their documents; the first holds before it, too (C3)."""
        ordered = sorted(documents, key=lambda one: instant(one["effective_from"]))
        since = [instant(one["effective_from"]) for one in ordered]
        since[0] = BEGINNING
        return Hours(tuple(zip(since, map(_Version, ordered), strict=True)))

    def elapsed(self, start: int, end: int) -> int:
        """Open milliseconds of [start, end)."""
        return sum(till - since for since, till in self._open(start, end))

    def after(self, start: int, wanted: int) -> int | None:
        """The least instant t >= start with elapsed(start, t) >= wanted (S1); None if never."""
        if wanted <= 0:
            return start
        left = wanted
        for since, till in self._open(start, start + HORIZON_DAYS * DAY):
            if till - since >= left:
                return since + left
            left -= till - since
        return None

    def _open(self, start: int, end: int) -> Iterator[Span]:
        """The open spans between two instants, in order."""
        bounds = [since for since, _ in self.versions[1:]] + [end]
        at = start
        for (_, version), bound in zip(self.versions, bounds, strict=True):
            if at < min(bound, end):
                yield from version.open(at, min(bound, end))
                at = min(bound, end)


class _Version:
    """One version: which local times of which dates are open. No document: always."""

    def __init__(self, document: dict[str, Any] | None) -> None:
        self._document = document
        self._zone = zone("UTC" if document is None else document["timezone"])

    def open(self, start: int, end: int) -> Iterator[Span]:
        """The open spans inside [start, end), each UTC day by itself."""
        if self._document is None:
            yield start, end
            return
        for day in range(start // DAY, (end - 1) // DAY + 1):
            for since, till in self._of_day(day):
                if max(since, start) < min(till, end):
                    yield max(since, start), min(till, end)

    @lru_cache(maxsize=4096)  # noqa: B019 - schedules live as long as the run
    def _of_day(self, day: int) -> tuple[Span, ...]:
        """The open spans of a UTC day: where the wall clock reads a time inside an interval."""
        spans: list[Span] = []
        for start, end in self._steady(day * DAY, (day + 1) * DAY):
            offset = self._offset(start)
            first = (start + offset) // DAY - 1
            last = (end + offset) // DAY
            for local in range(first, last + 1):
                for opens, closes in self._intervals(local):
                    since = max(local * DAY + opens - offset, start)
                    till = min(local * DAY + closes - offset, end)
                    if since < till:
                        spans.append((since, till))
        return tuple(sorted(spans))

    def _steady(self, start: int, end: int) -> Iterator[Span]:
        """The parts of [start, end) in which the zone's offset stays the same."""
        at = start
        while at < end:
            offset = self._offset(at)
            if self._offset(end - 1) == offset:
                yield at, end
                return
            low, high = at, end - 1  # the offset is still the same at low, another at high
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if self._offset(middle) == offset else (low, middle)
            yield at, high
            at = high

    def _offset(self, at: int) -> int:
        read = (EPOCH + timedelta(milliseconds=at)).astimezone(self._zone).utcoffset()
        return 0 if read is None else read // timedelta(milliseconds=1)

    def _intervals(self, local: int) -> list[Span]:
        """Opening and closing of a local date, milliseconds since its midnight (C2)."""
        if self._document is None:
            return [(0, DAY)]
        on = date(1970, 1, 1) + timedelta(days=local)
        return [_interval(text) for text in _texts(self._document, on)]


def _texts(document: dict[str, Any], on: date) -> list[str]:
    """The intervals that start on a date: override, holiday, weekly."""
    texts: list[str]
    for one in document.get("overrides", []):
        if one["date"] == on.isoformat():
            texts = one["open"]
            return texts
    for one in document.get("holidays", []):
        if one["day"] in (on.isoformat(), on.strftime("%m-%d")):
            texts = one["open"]
            return texts
    texts = document["weekly"].get(DAYS[on.weekday()], [])
    return texts


def _interval(text: str) -> Span:
    """`22:00-06:00` runs into the next day; `00:00-24:00` is the whole day."""
    start, end = (_clock(part) for part in text.split("-"))
    return start, end if end > start else end + DAY


def _clock(text: str) -> int:
    hours, minutes = text.strip().split(":")
    return (int(hours) * 60 + int(minutes)) * MINUTE


@cache
def zone(name: str) -> ZoneInfo:
    """A zone as the pinned package `tzdata` knows it, whatever the machine has (E22)."""
    place = files("tzdata").joinpath("zoneinfo")
    for part in name.split("/"):
        place = place.joinpath(part)
    with place.open("rb") as content:
        return ZoneInfo.from_file(content, key=name)
