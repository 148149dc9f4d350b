"""What was published when (R6): after each record the difference of what is true now and what
stood before. Only points need it: windows close (W4), and gross values keep what was withdrawn."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from carewatch.verify.arrivals import Step, sorted_story
from carewatch.verify.chapters import chapters
from carewatch.verify.contacts import Said, said_of_customers
from carewatch.verify.days import days
from carewatch.verify.instants import instant
from carewatch.verify.lives import Life
from carewatch.verify.measures import BUSINESS, MEASURES
from carewatch.verify.promises import Promises
from carewatch.verify.rulebook import Rulebooks
from carewatch.verify.state import Count
from carewatch.verify.story import Story

Labels = tuple[tuple[str, str], ...]

WRITTEN_BY_PERSONS = (("author", "agent"), ("direction", "outbound"))
"""Messages of this kind are what `reply_volume` counts."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is counted: metric, labels, the instant it belongs to, and how much: a
    duration or number, of ratios n and d."""

    metric: str
    labels: Labels
    at: int
    n: int
    d: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """Entries that were added (+1) or withdrawn (-1) at a clock; `corrects`: of a fact or
    transition, the metric that `corrections` names."""

    sign: int
    entries: tuple[Entry, ...]
    clock: int
    lateness: int
    corrects: str | None
    labels: Labels


@dataclass(frozen=True, slots=True)
class _Result:
    """What stands at a moment, by its whole content; `told` is when it became so."""

    content: str
    told: int = field(compare=False)
    lateness: int
    labels: Labels
    corrects: str | None
    entries: tuple[Entry, ...]
    sign: int = 1


Tick = Callable[[int], int]
"""The first tick after an instant: by then a timer of that instant has been published (R7)."""


class History:
    """Along the arrival of a conversation's events: what was added and withdrawn (`changes`), and
    what was said of its customer (`sayings`), each time at a clock and with how long windows stay
    open."""

    def __init__(self, life: Life, books: Rulebooks, next_tick: Tick) -> None:
        self.changes: list[Change] = []
        self.sayings: list[tuple[int, frozenset[Said], int]] = []
        self._books, self._next_tick, self._day = books, next_tick, days(books)
        self._standing: Counter[_Result] = Counter()
        steps = life.steps
        for number, step in enumerate(steps):
            if number:
                self._until(steps[:number], step.tick)
            self._tell(steps[: number + 1], step.clock, by_event=True)
        if life.next is None:
            self._until(steps, life.story.clock)
        else:
            self._until(steps, life.next.tick)
            self._tell(steps, life.next.clock, by_event=True)

    def _until(self, steps: Sequence[Step], clock: int) -> None:
        """Tells what happens by time alone."""
        if clock > steps[-1].clock:
            self._tell(steps, clock, by_event=False)

    def _tell(self, steps: Sequence[Step], clock: int, *, by_event: bool) -> None:
        story, later = _results(steps, clock, self._books)
        by_timer = partial(_by_timer, story, self._next_tick)
        when = partial(_by_event, clock) if by_event else by_timer
        self.changes += _difference(self._standing, later, when)
        self._standing = later
        said = said_of_customers(story.moments, self._day)
        if not self.sayings or self.sayings[-1][1] != said:
            ended = story.moments[-1] if story.moments else None
            idle = not by_event and ended is not None and ended.event is None
            at = self._next_tick(ended.at) if idle and ended else clock
            self.sayings.append((at, said, _lateness(story, self._books, at)))


def _by_event(clock: int, result: _Result, sign: int) -> int:
    """When a change was published that an event brought: at once."""
    del result, sign
    return clock


def _by_timer(story: Story, next_tick: Tick, result: _Result, sign: int) -> int:
    """When a change was published that a timer brought; only an idle end takes anything back."""
    idle = story.moments[-1]
    return next_tick(idle.at if sign < 0 and idle.event is None else result.told)


def _difference(
    before: Counter[_Result], after: Counter[_Result], clock: Callable[[_Result, int], int]
) -> Iterator[Change]:
    """Withdrawals, then what is new."""
    for sign, results in ((-1, before - after), (1, after - before)):
        for one in results.elements():
            at = clock(one, sign)
            yield Change(sign * one.sign, one.entries, at, one.lateness, one.corrects, one.labels)


def _results(steps: Sequence[Step], clock: int, books: Rulebooks) -> tuple[Story, Counter[_Result]]:
    story = Story(sorted_story([one.event for one in steps]), clock, books)
    lateness = partial(_lateness, story, books)
    found = [_of_fact(one.at, one.content, lateness(one.at)) for one in story.facts]
    records = Promises(story.moments, clock, books).records
    found += [_of_transition(one, lateness(instant(one["at"]))) for one in records]
    found += [_of_count(one, lateness(one.at)) for one in chapters(story, records, books)]
    return story, Counter(found)


def _lateness(story: Story, books: Rulebooks, at: int) -> int:
    """How long after its end a window stays open for a conversation (W4)."""
    labels = story.labels
    return books.at(at).profile(labels.channel, labels.account).window_lateness


def _labels(content: dict[str, Any], *further: tuple[str, str]) -> Labels:
    names = ("tenant", "channel", "queue", "priority")
    return (*((name, content[name]) for name in names), *sorted(further))


def _of_fact(at: int, content: dict[str, Any], lateness: int) -> _Result:
    text = json.dumps(content, sort_keys=True)
    if "transition" in content:
        labels = _labels(content, ("transition", content["transition"]))
        entries = tuple(_of_session(content["transition"], labels, at))
        return _Result(text, at, lateness, _labels(content), "conversations", entries)
    metric, outcome = content["metric"], content.get("outcome")
    labels = _labels(content, *(() if outcome is None else (("outcome", outcome),)))
    one = Entry(metric, labels, at, content["calendar_ms"])
    entries = tuple(_family(one, content["business_ms"], agent=content["agent_key"]))
    return _Result(text, at, lateness, _labels(content), metric, entries)


def _of_session(transition: str, labels: Labels, at: int) -> Iterator[Entry]:
    """What a session fact counts in (5.2): a reopening is no opening (R13)."""
    base = tuple(one for one in labels if one[0] != "transition")
    yield Entry("conversations", labels, at, 1)
    if transition == "opened":
        yield Entry("net_flow", base, at, 1)
        yield Entry("flow_ratio", base, at, 0, 1)
        yield Entry("resolution_rate", base, at, 0, 1)
    elif transition == "resolved":
        yield Entry("resolutions", base, at, 1)
        yield Entry("net_flow", base, at, -1)
        yield Entry("flow_ratio", base, at, 1)
        yield Entry("reopen_rate", base, at, 0, 1)


def _of_transition(content: dict[str, Any], lateness: int) -> _Result:
    """An evaluation at each met and each breach, a breach at each change into breached (5.6)."""
    at = instant(content["at"])
    labels = _labels(content, ("policy", content["policy"]), ("target", content["target"]))
    breach = content["to"] == "breached" and content["from"] != "breached"
    entries: tuple[Entry, ...] = ()
    if content["to"] == "met_late":
        entries += (Entry("sla_overrun", labels, at, content["overrun_ms"]),)
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
    entry = Entry(one.metric, labels, one.at, one.n, one.d)
    entries = tuple(_family(entry, one.business, agent=one.agent, tags=one.tags, topics=one.topics))
    if one.metric == "messages" and one.further == WRITTEN_BY_PERSONS:
        replied = replace(entry, metric="reply_volume", labels=labels[:4])
        entries += tuple(_family(replied, None, agent=one.agent))
    told = one.at if one.told is None else one.told
    text = f"{one.sign} {one.metric} {entries}"
    return _Result(text, told, lateness, labels[:4], None, entries, one.sign)


def _family(
    one: Entry,
    business: int | None,
    *,
    agent: str | None = None,
    tags: frozenset[str] = frozenset(),
    topics: frozenset[str] = frozenset(),
) -> Iterator[Entry]:
    """An entry, its sisters under their labels, and the twins of all in business time."""
    measure = MEASURES[one.metric]
    under = {"agent": [agent] if agent else [], "tag": sorted(tags), "topic": sorted(topics)}
    found = [one]
    for sister in measure.sisters:
        for label in under[sister]:
            named = (*one.labels, (sister, label))
            found.append(replace(one, metric=f"{one.metric}_by_{sister}", labels=named))
    yield from found
    if measure.twin and business is not None:
        for entry in found:
            yield replace(entry, metric=entry.metric + BUSINESS, n=business)
