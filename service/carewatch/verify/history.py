"""What was published when (R6): after each record the difference of what is true now and what
stood before. Only points need it: windows close (W4), and gross values keep what was withdrawn."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from carewatch.verify.arrivals import Step, sorted_story
from carewatch.verify.instants import instant
from carewatch.verify.promises import Promises
from carewatch.verify.rulebook import Rulebooks
from carewatch.verify.state import Count
from carewatch.verify.story import Story

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is counted: metric, labels, the instant it belongs to, a duration or 1."""

    metric: str
    labels: Labels
    at: int
    value: int


@dataclass(frozen=True, slots=True)
class Change:
    """An entry that was added (+1) or withdrawn (-1) at a clock; `record`: that of a fact or
    transition, of the metric that `corrections` names."""

    sign: int
    entries: tuple[Entry, ...]
    clock: int
    lateness: int
    corrects: str | None
    labels: Labels


@dataclass(frozen=True, slots=True)
class _Result:
    """What stands at a moment, by its whole content."""

    content: str
    at: int
    lateness: int
    labels: Labels
    corrects: str | None
    entries: tuple[Entry, ...]


Tick = Callable[[int], int]
"""The first tick after an instant: by then a timer of that instant has been published (R7)."""


def changes(
    steps: Sequence[Step], clock: int, books: Rulebooks, next_tick: Tick
) -> Iterator[Change]:
    """Everything that was added and withdrawn along the arrival of a conversation's events."""
    standing: Counter[_Result] = Counter()
    for number, step in enumerate(steps):
        if number and step.tick > steps[number - 1].clock:
            story, later = _results(steps[:number], step.tick, books)
            yield from _difference(standing, later, partial(_by_timer, story, next_tick))
            standing = later
        _, later = _results(steps[: number + 1], step.clock, books)
        yield from _difference(standing, later, partial(_by_event, step.clock))
        standing = later
    if steps and clock > steps[-1].clock:
        story, later = _results(steps, clock, books)
        yield from _difference(standing, later, partial(_by_timer, story, next_tick))


def _by_event(clock: int, result: _Result, sign: int) -> int:
    """When a change was published that an event brought: at once."""
    del result, sign
    return clock


def _by_timer(story: Story, next_tick: Tick, result: _Result, sign: int) -> int:
    """When a change was published that a timer brought; only an idle end takes anything back."""
    idle = story.moments[-1]
    return next_tick(idle.at if sign < 0 and idle.event is None else result.at)


def _difference(
    before: Counter[_Result], after: Counter[_Result], clock: Callable[[_Result, int], int]
) -> Iterator[Change]:
    """Withdrawals, then what is new."""
    for sign, results in ((-1, before - after), (1, after - before)):
        for one in results.elements():
            at = clock(one, sign)
            yield Change(sign, one.entries, at, one.lateness, one.corrects, one.labels)


def _results(steps: Sequence[Step], clock: int, books: Rulebooks) -> tuple[Story, Counter[_Result]]:
    story = Story(sorted_story([one.event for one in steps]), clock, books)
    labels = story.labels

    def lateness(at: int) -> int:
        return books.at(at).profile(labels.channel, labels.account).window_lateness

    found = [_of_fact(one.at, one.content, lateness(one.at)) for one in story.facts]
    records = Promises(story.moments, clock, books).records
    found += [_of_transition(one, lateness(instant(one["at"]))) for one in records]
    found += [_of_count(one, lateness(one.at)) for one in story.counts]
    return story, Counter(found)


def _labels(content: dict[str, Any], *further: tuple[str, str]) -> Labels:
    names = ("tenant", "channel", "queue", "priority")
    return (*((name, content[name]) for name in names), *sorted(further))


def _of_fact(at: int, content: dict[str, Any], lateness: int) -> _Result:
    text = json.dumps(content, sort_keys=True)
    if "transition" in content:
        labels = _labels(content, ("transition", content["transition"]))
        entries: tuple[Entry, ...] = (Entry("conversations", labels, at, 1),)
        return _Result(text, at, lateness, _labels(content), "conversations", entries)
    metric, outcome = content["metric"], content.get("outcome")
    labels = _labels(content, *(() if outcome is None else (("outcome", outcome),)))
    entries = (Entry(metric, labels, at, content["calendar_ms"]),)
    if content["business_ms"] is not None:
        entries += (Entry(f"{metric}_business", labels, at, content["business_ms"]),)
    return _Result(text, at, lateness, _labels(content), metric, entries)


def _of_transition(content: dict[str, Any], lateness: int) -> _Result:
    """An evaluation at each met and each breach, a breach at each change into breached (5.6)."""
    at = instant(content["at"])
    labels = _labels(content, ("policy", content["policy"]), ("target", content["target"]))
    breach = content["to"] == "breached" and content["from"] != "breached"
    entries: tuple[Entry, ...] = ()
    if breach or content["to"] == "met":
        entries += (Entry("sla_evaluations", labels, at, 1),)
    if breach:
        entries += (Entry("sla_breaches", labels, at, 1),)
    text = json.dumps(content, sort_keys=True)
    return _Result(text, at, lateness, _labels(content), "sla_transitions", entries)


def _of_count(one: Count, lateness: int) -> _Result:
    said = one.labels
    labels: Labels = (
        ("tenant", said.tenant),
        ("channel", said.channel),
        ("queue", "none" if one.plain else said.queue),
        ("priority", "normal" if one.plain else said.priority),
        *one.further,
    )
    entry = Entry(one.metric, labels, one.at, 1)
    return _Result(f"{one.metric} {labels} {one.at}", one.at, lateness, labels[:4], None, (entry,))
