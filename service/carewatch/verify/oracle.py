"""The whole computation: records of `care.events` in, what must stand in the topics out."""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from carewatch.verify.admission import Control, Dead, Event, Unsaid, admit
from carewatch.verify.arrivals import CHANGES, Arrivals, Step, sorted_story, stamped
from carewatch.verify.customers import Customers, Saying
from carewatch.verify.days import days
from carewatch.verify.gauges import Gauges
from carewatch.verify.history import History, Labels, Tick
from carewatch.verify.instants import BEGINNING, DAY, instant, written
from carewatch.verify.lives import SILENCE, Life, is_forgotten, lives
from carewatch.verify.points import Key as PointKey
from carewatch.verify.points import Points, plain
from carewatch.verify.promises import Promises
from carewatch.verify.rulebook import Rulebook, Rulebooks, read_rulebook
from carewatch.verify.state import Handed
from carewatch.verify.story import MOST_HOPS, Story

Key = tuple[str, str]
"""A conversation: tenant and conversation key."""

REMEMBERED = 7 * DAY
"""How long the id of an event is known (R2), by the log clock of its partition."""

LINKED = "care.customer.linked"
ERASED = "care.customer.erased"
NO_CONVERSATION = (LINKED, ERASED, "care.agent.state_changed")
INHERITED = "care.conversation.turn_inherited"
MERGED = "care.conversation.merged"
SECOND = 1000
OF_THE_CHILD = ("tenant", "channel", "account_ref", "customer_key")


@dataclass(slots=True)
class Source:
    """One partition of `care.events`."""

    log_clock: int = 0
    tick: int = 0
    ticks: list[int] = field(default_factory=list)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)


class Oracle:
    """Takes records in the order of their partition; then says what follows from them.

    `derive`: hand-overs between conversations are worked out here, and recorded ones skipped, as a
    replay does; else those that stand in the log are taken as they are.
    """

    def __init__(self, *, derive: bool) -> None:
        self._derive = derive
        self.sources: dict[int, Source] = {}
        self.conversations: dict[Key, Arrivals] = {}
        self.partition_of: dict[Key, int] = {}
        self.rulebooks: list[Rulebook] = []
        self.late: list[tuple[str, Event]] = []
        self.dead: list[tuple[tuple[int, int], str]] = []
        self.places: set[tuple[int, int]] = set()
        self.known: set[tuple[str, str]] = set()
        self.dead_at: list[int] = []
        self.every_second = False
        self.duplicates: list[Event] = []
        self.others: list[Event] = []
        self.links: list[tuple[str, str, str, int]] = []
        self.erased_in: set[str] = set()
        """Tenants of which a customer was erased."""
        self._lives: dict[Key, list[Life]] = {}
        self._inherited: dict[Key, list[Step]] = {}
        self._number = 0
        self._books = Rulebooks([])

    def enforce(self, document: dict[str, Any], number: int = 1, since: int = BEGINNING) -> None:
        """Puts a rulebook in force; a number not above the newest is ignored."""
        if all(number > one.number for one in self.rulebooks):
            self.rulebooks.append(read_rulebook(number, since, document))

    def take(
        self,
        partition: int,
        value: bytes | None,
        *,
        offset: int = -1,
        key: bytes | Unsaid | None = "unsaid",
    ) -> None:
        """The next record of a partition; files say no keys."""
        self.places.add((partition, offset))
        self._lives = {}
        source = self.sources.setdefault(partition, Source())
        try:
            read = admit(value, key)
        except Dead as reason:
            self.dead.append(((partition, offset), str(reason)))
            self.dead_at.append(source.log_clock)
            return
        source.log_clock = max(source.log_clock, read.recorded)
        if isinstance(read, Control):
            self._control(partition, read)
            return
        if read.type == INHERITED and self._derive:
            return
        name = (read.source, read.id)
        self.known.add(name)
        seen = source.seen.get(name)
        if seen is not None and source.log_clock - seen <= REMEMBERED:
            self.duplicates.append(read)
            return
        source.seen[name] = source.log_clock
        if read.type == LINKED:
            self._link(read)
        if read.type == ERASED:
            self.erased_in.add(read.data["tenant"])
        if read.type in NO_CONVERSATION:
            self.others.append(read)
            return
        self.partition_of.setdefault(read.conversation, partition)
        arrivals = self.conversations.setdefault(read.conversation, Arrivals())
        since = self._known_since(read) if read.type in CHANGES else None
        self._number += 1
        refused = arrivals.take(read, source.tick, self._number, since=since)
        self._lives = {}
        if refused is not None:
            self.late.append((refused, read))

    def _link(self, read: Event) -> None:
        """Other keys turn out to be those of a customer (E23)."""
        tenant, customer = read.data["tenant"], read.data.get("customer_key")
        for other in read.data.get("external_refs") or ():
            if customer is not None and other["kind"] == "customer":
                self.links.append((tenant, customer, other["key"], stamped(read)))

    def tick(self, partition: int, at: int) -> None:
        """The clock of a partition reaches an instant, as by a `care.tick`."""
        source = self.sources.setdefault(partition, Source())
        if at > source.tick:
            self._lives = {}
            source.tick = at
            source.ticks.append(at)
            source.log_clock = max(source.log_clock, at)

    def _control(self, partition: int, record: Control) -> None:
        if record.type == "care.tick":
            self.tick(partition, record.recorded)
        elif record.type == "care.rulebook.published":
            said = record.data
            self.enforce(said["document"], said["number"], instant(said["effective_at"]))

    def stories(self) -> dict[Key, list[Story]]:
        """The stories of all conversations of which something was accepted, of each one for every
        time that it began; the last at the newest tick of its partition, all records taken."""
        return {key: [one.story for one in told] for key, told in self._told().items()}

    def _told(self) -> dict[Key, list[Life]]:
        if not self._lives:
            self._books, self._inherited = Rulebooks(self.rulebooks), {}
            self._tell()
        return self._lives

    def _known_since(self, event: Event) -> int | None:
        """The number from which on events of the conversation are known to one that comes now."""
        own = self.conversations[event.conversation].steps
        latest = max(stamped(one) for one in (event, *(step.event for step in own)))
        if not own or max(latest, own[-1].clock) - own[0].event.recorded <= SILENCE:
            return None  # mostly: nobody need tell whether it began anew
        last = self._told()[event.conversation][-1].steps
        gone = is_forgotten(last, stamped(event), self._books)
        return self._number + 1 if gone else last[0].number

    def _tell(self) -> None:
        """Tells every conversation; what merges hand over may change the story of a parent, and
        what that hands over in turn, for at most MOST_HOPS rounds."""
        changed = {key for key, one in self.conversations.items() if one.steps}
        by_child: dict[Key, list[tuple[Key, Step]]] = {}
        for _ in range(MOST_HOPS + 1):
            for key in sorted(changed):
                self._lives[key] = lives(self.steps(key), self.clock(key), self._books)
            if not self._derive or not changed:
                return
            by_child |= {key: list(self._hands_over(key)) for key in sorted(changed)}
            before, self._inherited = self._inherited, {}
            for key in sorted(by_child):
                for parent, step in by_child[key]:
                    self._inherited.setdefault(parent, []).append(step)
            names = {*before, *self._inherited}
            changed = {one for one in names if before.get(one) != self._inherited.get(one)}

    def steps(self, key: Key) -> list[Step]:
        """The accepted events of a conversation, hand-overs included, in order of arrival.

        Each with the conversation's own clock, which knows nothing of the child's (R7).
        """
        own = self.conversations[key].steps if key in self.conversations else []
        steps = sorted([*own, *self._inherited.get(key, [])], key=lambda one: one.number)
        clocks = accumulate((max(one.tick, one.event.recorded) for one in steps), max)
        return [replace(one, clock=clock) for one, clock in zip(steps, clocks, strict=True)]

    def clock(self, key: Key) -> int:
        """The clock of a conversation, all records taken (R7)."""
        return max([self._tick_of(key), *(one.clock for one in self.steps(key)[-1:])])

    def _tick_of(self, key: Key) -> int:
        """The newest tick of the partition of a conversation."""
        return self.sources[self.partition_of.get(key, min(self.sources))].tick

    def _hands_over(self, key: Key) -> Iterator[tuple[Key, Step]]:
        """What a merged child hands over to which parent, each time that it changes (E14)."""
        for life in self._lives[key]:
            yield from self._hands_over_in(key, life.steps)

    def _hands_over_in(self, key: Key, steps: list[Step]) -> Iterator[tuple[Key, Step]]:
        merged = [number for number, one in enumerate(steps, 1) if one.event.type == MERGED]
        held: dict[str, Handed] = {}
        revisions: Counter[str] = Counter()
        for number in range(merged[0], len(steps) + 1) if merged else ():
            step = steps[number - 1]
            events = sorted_story([one.event for one in steps[:number]])
            now = {one.event.id: one for one in Story(events, step.clock, self._books).handed}
            for id_ in sorted({*held, *now}):
                if held.get(id_) == now.get(id_):
                    continue
                revisions[id_] += 1
                one, gone = (now[id_], False) if id_ in now else (held[id_], True)
                event = _hand_over(key[1], one, revisions[id_], gone=gone)
                yield (key[0], one.into), Step(event, step.tick, step.clock, step.number)
            held = now

    def facts(self, key: Key) -> list[dict[str, Any]]:
        """The net facts of a conversation: `data` without sign, corrects and cause."""
        return [one.content for life in self._told()[key] for one in life.story.facts]

    def transitions(self, key: Key) -> list[dict[str, Any]]:
        """The net SLA transitions of a conversation, as `facts`."""
        return [one for life in self._told()[key] for one in self._promised(life.story)]

    def _promised(self, story: Story) -> list[dict[str, Any]]:
        return Promises(story.moments, story.clock, self._books).records

    def points(self) -> dict[PointKey, dict[str, Any]]:
        """The metric points that must stand, without revision and pane."""
        told = self._told()
        day, lateness = days(self._books), self._books.most_lateness()
        points, gauges, customers = Points(day, lateness), Gauges(), Customers(day)
        for link in self.links:
            customers.link(*link)
        sayings: list[Saying] = []
        for key, many in told.items():
            for number, life in enumerate(many):
                story = life.story
                history = History(life, self._books, self._ticks(key))
                for change in history.changes:
                    points.add(change)
                name = "/".join((*key, str(number)))
                sayings += [(at, name, said, late) for at, said, late in history.sayings]
                gauges.add(story, self._promised(story), self._tick_of(key))
        for change in customers.changes(sayings):
            points.add(change)
        self._pipeline(points)
        return points.stand(min(one.log_clock for one in self.sources.values())) | gauges.stand()

    def _pipeline(self, points: Points) -> None:
        """Counts of what happened to records, at their arrival (5.6)."""
        for _, event in self.late:
            points.count("late_events", _of(event), event.recorded)
        for event in self.duplicates:
            points.count("duplicate_events", _of(event), event.recorded)
        for at in self.dead_at:
            points.count("dead_events", plain("none", "none"), at)
        for arrivals in self.conversations.values():
            for event in arrivals.late_changes:
                points.count("late_changes", _of(event), event.recorded)
            self._clamped(points, [*arrivals.events, *arrivals.without_effect])
        self._clamped(points, self.others)

    def _clamped(self, points: Points, events: Iterable[Event]) -> None:
        for event in events:
            if stamped(event) != event.time or event.data.get("time_original"):
                points.count("clamped_future", _of(event), stamped(event))

    def _ticks(self, key: Key) -> Tick:
        """The first tick after an instant, of the partition of a conversation."""
        if self.every_second:
            return lambda at: at - at % SECOND + SECOND
        ticks = sorted(self.sources[self.partition_of.get(key, min(self.sources))].ticks)

        def after(at: int) -> int:
            number = bisect_right(ticks, at)
            return ticks[number] if number < len(ticks) else at

        return after


def _of(event: Event) -> Labels:
    return plain(event.data["tenant"], event.data["channel"])


def _hand_over(child: str, handed: Handed, revision: int, *, gone: bool) -> Event:
    """The event by which a child's turn reaches its parent."""
    merge = handed.event
    data = {name: merge.data.get(name) for name in OF_THE_CHILD if name in merge.data}
    data |= {
        "adapter": "track",
        "conversation_key": handed.into,
        "actor": {"kind": "system"},
        "inherited": {
            "from_conversation": child,
            "started_at": None if gone else written(handed.start),
            "revision": revision,
            "hops": handed.hops,
        },
    }
    id_ = f"{child} {merge.id} {revision}"
    source = f"/care/{data['tenant']}/track"
    return Event(id_, source, INHERITED, merge.time, merge.recorded, handed.into, data)


def take_file(
    oracle: Oracle,
    lines: Iterable[bytes],
    *,
    document: dict[str, Any],
    until: int | None,
    seen: Callable[[], None] = lambda: None,
) -> None:
    """Takes the events of a file as `carewatch replay` does (contract 2).

    The tick of second T precedes the first record stamped T or later, a last one comes at `until`,
    else at the last record's second. The document is in force from the beginning of time unless
    the file publishes rulebooks itself. `seen` is called after each line.
    """
    kept = [line for line in lines if line.strip()]
    kinds = {_said(line).get("type") for line in kept}
    if "care.rulebook.published" not in kinds:
        oracle.enforce(document)
    ticking = "care.tick" not in kinds
    oracle.every_second = ticking
    source = oracle.sources.setdefault(0, Source())
    for line in kept:
        recorded = _recorded(_said(line))
        if ticking and recorded is not None:
            oracle.tick(0, recorded - recorded % SECOND)
        oracle.take(0, line)
        seen()
    if ticking or until is not None:
        oracle.tick(0, until if until is not None else source.log_clock // SECOND * SECOND)


def _said(line: bytes) -> dict[str, Any]:
    """The line as an object; empty if it is none (then it is dead and says no time either)."""
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _recorded(said: dict[str, Any]) -> int | None:
    """When a line was recorded, whether or not the rest of it can be understood."""
    try:
        return instant(said["recordedtime"])
    except (KeyError, TypeError, ValueError):
        return None
