"""The metric points that must stand (section 6): windows, totals and gauges.

Recomputed are the durations of facts, what is counted of sessions, turns, queues, messages and SLA
clocks, and the gauges of waits, backlog and promises: METRICS. Left to others: metrics that need
more than one conversation, and `late_facts`, whose count depends on how many metrics there are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from carewatch.verify.buckets import summary
from carewatch.verify.days import Day
from carewatch.verify.history import Change, Entry, Labels
from carewatch.verify.instants import DAY, HOUR, MINUTE, written
from carewatch.verify.state import Moment
from carewatch.verify.story import Story

SIZES = {"1m": MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "1h": HOUR}
"""Windows aligned to UTC (W1); beside them stands `1d`, the tenant's local day."""

KEPT = {"1m": 26 * HOUR, "5m": 3 * DAY, "15m": 7 * DAY, "1h": 60 * DAY, "1d": 400 * DAY}
"""How long points stand after the end of their window, by the watermark (W12)."""

DURATIONS = (
    *("first_response_time", "first_response_time_any", "first_response_after_handoff"),
    *("reply_time", "next_reply_time", "customer_wait_total", "time_to_assignment"),
    *("reply_time_from_assignment", "queue_wait_time", "resolution_time_first"),
    *("resolution_time_full", "human_resolution_time", "requester_wait_time"),
    *("agent_work_time", "agent_wait_time", "on_hold_time"),
)
COHORTS = ("turns_opened", "turns_answered_24h", "messages_answered")
"""Counts whose day stays open for a horizon: they are recomputed for `total` only."""

COUNTS = (
    *("queue_offered", "queue_abandoned", "short_abandons", "messages", "conversations"),
    *("closed_without_reply", "marked_complete", "sla_evaluations", "sla_breaches"),
    *("excluded_events", "negative_clamped", "clamped_future", "duplicate_events"),
    *("late_events", "dead_events", "corrections"),
)
GAUGES = (
    *("waiting_conversations", "oldest_unanswered", "open_conversations", "queue_length"),
    *("sla_at_risk_conversations", "sla_breached_open_conversations"),
)
METRICS = frozenset(
    {*DURATIONS, *(f"{one}_business" for one in DURATIONS), *COHORTS, *COUNTS, *GAUGES}
)

Key = tuple[str, str, str | None, Labels]
"""Metric, window, start as written, labels."""


@dataclass(slots=True)
class Pane:
    """What one point adds up: every value that was added, and every one taken back."""

    added: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)

    def net(self) -> list[int]:
        """The values that stand."""
        return list((Counter(self.added) - Counter(self.taken)).elements())


class Points:
    """Adds up; `stand` gives the points by key, without revision and pane."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self._panes: dict[Key, Pane] = {}
        self._ends: dict[Key, int] = {}
        self._gauges: dict[Key, dict[str, Any]] = {}

    def add(self, change: Change) -> None:
        """Puts a change into every window that is open for its conversation (W4)."""
        for entry in change.entries:
            for window, start, end in self._windows(entry):
                if window == "total" or change.clock <= end + change.lateness:
                    self._put(entry, window, start, end, change.sign)
        if change.sign < 0 and change.corrects is not None:
            said = dict(change.labels)
            labels = plain(said["tenant"], said["channel"], ("corrected_metric", change.corrects))
            self.count("corrections", labels, change.clock)

    def count(self, metric: str, labels: Labels, at: int) -> None:
        """Something of the pipeline itself, counted once and never taken back."""
        entry = Entry(metric, labels, at, 1)
        for window, start, end in self._windows(entry):
            self._put(entry, window, start, end, 1)

    def _windows(self, entry: Entry) -> Iterator[tuple[str, int, int]]:
        """The windows an entry belongs to: a window holds start <= t < end (W1)."""
        yield "total", 0, 0
        if entry.metric in COHORTS:
            return
        for window, size in SIZES.items():
            start = entry.at - entry.at % size
            yield window, start, start + size
        yield "1d", *self._day(dict(entry.labels)["tenant"], entry.at)

    def _put(self, entry: Entry, window: str, start: int, end: int, sign: int) -> None:
        key = (
            entry.metric,
            window,
            None if window == "total" else written(start),
            tuple(sorted(entry.labels)),
        )
        pane = self._panes.setdefault(key, Pane())
        (pane.added if sign > 0 else pane.taken).append(entry.value)
        self._ends[key] = end

    def gauge(self, metric: str, labels: Labels, at: int | None = None) -> None:
        """One more of a gauge; the least instant of one that names a time."""
        key = (metric, "now", None, tuple(sorted(labels)))
        if at is None:
            held = self._gauges.setdefault(key, {"value": 0})
            held["value"] += 1
        else:
            self._gauges[key] = {"at": min(at, self._gauges.get(key, {"at": at})["at"])}

    def stand(self, watermark: int) -> dict[Key, dict[str, Any]]:
        """The points that stand at a watermark; those past their retention are gone (W12)."""
        found: dict[Key, dict[str, Any]] = {}
        for key, pane in self._panes.items():
            metric, window, _, _ = key
            if window != "total" and watermark >= self._ends[key] + KEPT[window]:
                continue
            total = window == "total"
            net = _fields(metric, pane.net(), exact=False, classic=total)
            if total:
                net["gross"] = _fields(metric, pane.added, exact=True, classic=True)
            found[key] = net | {"end": None if total else written(self._ends[key])}
        for key, held in self._gauges.items():
            said = {"at": written(held["at"])} if "at" in held else held
            found[key] = said | {"end": None}
        return found


def plain(tenant: str, channel: str, *further: tuple[str, str]) -> Labels:
    """Labels of what is counted per tenant and channel only (5.6)."""
    return (
        ("tenant", tenant),
        ("channel", channel),
        ("queue", "none"),
        ("priority", "normal"),
        *further,
    )


def _fields(metric: str, values: list[int], *, exact: bool, classic: bool) -> dict[str, Any]:
    if metric.removesuffix("_business") in DURATIONS:
        return summary(values, exact=exact, classic=classic)
    return {"value": len(values)}


def add_gauges(points: Points, story: Story, records: Iterable[dict[str, Any]]) -> None:
    """What is so now in a conversation: waits, backlog, queues, promises (5.1, 5.2, 5.5, 5.6)."""
    if not story.moments:
        return
    base = _now(story.moments[-1])
    if story.turn is not None and not story.bot_has:
        points.gauge("waiting_conversations", base)
        points.gauge("oldest_unanswered", base, story.turn.start)
    if story.session is not None:
        for state in story.states():
            points.gauge("open_conversations", (*base, ("state", state)))
    if story.stay is not None and not story.stay.suspended:
        queue = (("queue", story.stay.queue), *(one for one in base if one[0] != "queue"))
        points.gauge("queue_length", queue)
    newest: dict[tuple[str, int], dict[str, Any]] = {}
    for one in records:
        newest[one["target"], one["cycle"]] = one
    for one in newest.values():
        labels = (*base, ("policy", one["policy"]), ("target", one["target"]))
        if one["to"] == "at_risk":
            points.gauge("sla_at_risk_conversations", labels)
        elif one["to"] == "breached":
            points.gauge("sla_breached_open_conversations", labels)


def _now(moment: Moment) -> Labels:
    labels = moment.labels
    return (
        ("tenant", labels.tenant),
        ("channel", labels.channel),
        ("queue", labels.queue),
        ("priority", labels.priority),
    )
