"""Gauges: who stands in them now, by what time, and when one is forgotten."""

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from carewatch.domain.aggregates import (
    CLASSIC,
    CLASSIC_BOUNDS_MS,
    Accumulator,
    Ages,
    Deadline,
    Deadlines,
    Gauge,
    Instant,
)
from carewatch.domain.contributions import Held
from carewatch.domain.gauges import FORGOTTEN_MS, Gauges
from carewatch.domain.metrics import BY_ID
from carewatch.domain.pane import Labels, PaneKey
from carewatch.domain.windows import Panes

LABELS = ("acme", "web", "none", "normal")
DUE = (*LABELS, "standard", "first_reply", "15m")
NOON = 1_767_614_400_000
SECOND = 1000


class Lane:
    """The gauges of one source partition, its ticks, and what it would tell."""

    def __init__(self, now: int = NOON) -> None:
        self.panes = Panes()
        self.gauges = Gauges(self.panes)
        self.gauges.advance(now)

    def tick(self, now: int, *, named: bool = True, renamed: bool = False) -> list[str]:
        """The metrics that this tick publishes; with a dash those it forgets."""
        self.gauges.advance(now)
        self.gauges.settle()
        told = []
        for pane in self.panes.take_changed():
            self.gauges.published(pane)
            told.append(pane.key.metric)
        forgotten = self.gauges.take_forgotten(lambda _: named, renamed=renamed)
        return told + [f"-{pane.key.metric}" for pane in forgotten]

    def shown(self, metric: str, labels: Labels = LABELS) -> Accumulator | None:
        pane = self.panes.get(PaneKey(metric, labels, "now", None))
        return None if pane is None else pane.body


def test_a_gauge_moves_and_stays_at_zero() -> None:
    lane = Lane()
    for by in (1, -1):
        lane.gauges.move("c1", [Held("queue_length", LABELS)], by)

    assert lane.shown("queue_length") == Gauge(0)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_the_least_instant_is_that_of_whoever_still_waits(starts: list[int]) -> None:
    lane, waiting = Lane(), list[int]()
    for start in starts:
        by = -1 if start in waiting else 1
        if by > 0:
            waiting.append(start)
        else:
            waiting.remove(start)
        lane.gauges.move("c1", [Held("oldest_unanswered", LABELS, start)], by)

        assert lane.shown("oldest_unanswered") == Instant(min(waiting, default=None))


def test_a_clock_counts_as_due_from_its_instant_on() -> None:
    lane = Lane()
    lane.gauges.move("c1", [Held("sla_due_within", DUE, NOON + 1500)], 1)

    assert lane.gauges.next_at() == NOON + 2000
    assert lane.tick(NOON + SECOND) == ["sla_due_within"]  # it stands at 0 from now on
    assert lane.shown("sla_due_within", DUE) == Gauge(0)
    assert lane.tick(NOON + 2 * SECOND) == ["sla_due_within"]
    assert lane.shown("sla_due_within", DUE) == Gauge(1)
    lane.gauges.move("c1", [Held("sla_due_within", DUE, NOON + 1500)], -1)
    assert lane.shown("sla_due_within", DUE) == Gauge(0)


def test_who_leaves_before_its_instant_never_counts() -> None:
    lane = Lane()
    for by in (1, -1):
        lane.gauges.move("c1", [Held("sla_due_within", DUE, NOON + 1500)], by)

    lane.tick(NOON + SECOND)
    assert lane.tick(NOON + 5 * SECOND) == []
    assert lane.shown("sla_due_within", DUE) == Gauge(0)


def test_a_tick_between_two_seconds_takes_what_is_not_later() -> None:
    lane = Lane()
    for at in (NOON + 1200, NOON + 1800):
        lane.gauges.move("c1", [Held("sla_due_within", DUE, at)], 1)

    lane.tick(NOON + 1500)
    assert lane.shown("sla_due_within", DUE) == Gauge(1)
    lane.tick(NOON + 1800)
    assert lane.shown("sla_due_within", DUE) == Gauge(2)


def test_an_age_is_in_the_bucket_whose_bound_it_has_not_passed() -> None:
    lane = Lane()
    lane.gauges.move("c1", [Held("open_wait_age", LABELS, NOON - 4999)], 1)

    assert lane.shown("open_wait_age") == Ages(1, [0, 1, *[0] * (CLASSIC - 2)])
    lane.gauges.advance(NOON + 1)  # 5 s old exactly
    assert lane.shown("open_wait_age") == Ages(1, [0, 1, *[0] * (CLASSIC - 2)])
    lane.gauges.advance(NOON + 2)
    assert lane.shown("open_wait_age") == Ages(1, [0, 0, 1, *[0] * (CLASSIC - 3)])


moves = st.lists(
    st.tuples(
        st.integers(0, 30),  # who
        st.integers(-3_000_000, 2000),  # since, from the present
        st.integers(0, 700_000),  # until the next one
    ),
    max_size=40,
)


@given(moves=moves, cut=st.integers(0, 40))
def test_ages_are_those_of_a_look_at_everybody_and_survive_a_restore(
    moves: list[tuple[int, int, int]], cut: int
) -> None:
    lane, now = Lane(), NOON
    members: dict[int, int] = {}
    for number, (who, since, step) in enumerate(moves):
        if who in members:
            lane.gauges.move("c", [Held("open_wait_age", LABELS, members.pop(who))], -1)
        else:
            members[who] = now + since
            lane.gauges.move("c", [Held("open_wait_age", LABELS, now + since)], 1)
        if number == cut:
            heir = Lane(0)
            for pane in lane.panes:
                metric = BY_ID[pane.key.metric]
                heir.panes.restore(metric, pane.key, pane.body, pane.end, changed=pane.changed)
            heir.gauges.restored(now)
            for at in members.values():
                heir.gauges.rejoin("open_wait_age", LABELS, (), ["c"], [at])
            heir.gauges.rejoined()
            lane = heir
        now += step
        lane.tick(now)

        classic = [0] * CLASSIC
        for at in members.values():
            classic[bisect_left(CLASSIC_BOUNDS_MS, now - at)] += 1
        assert lane.shown("open_wait_age") == Ages(len(members), classic)


def deadline(at: int, conversation: str) -> Held:
    return Held("next_due", LABELS, at, ("standard", conversation))


@given(st.lists(st.tuples(st.integers(0, 400_000), st.booleans()), max_size=90))
def test_the_soonest_deadlines_are_the_first_of_all_in_order(
    steps: list[tuple[int, bool]],
) -> None:
    lane, known = Lane(), list[int]()
    for at, leaves in steps:
        if leaves and known:
            gone = known.pop(at % len(known))
            lane.gauges.move("c", [deadline(NOON + gone, "t")], -1)
        else:
            known.append(at)
            lane.gauges.move("c", [deadline(NOON + at, "t")], 1)
    lane.tick(NOON + SECOND)

    expected = [Deadline(NOON + at, "c", "standard", "t") for at in sorted(known)][:50]
    assert lane.shown("next_due") in (Deadlines(expected), None)
    assert bool(expected) <= (lane.shown("next_due") is not None)


def test_a_last_deadline_that_left_before_a_restart_is_not_shown_after_it() -> None:
    """It left the gauge, and no tick had come yet that would have said so."""
    lane = Lane()
    lane.gauges.move("c", [deadline(NOON + 5, "c1")], 1)
    lane.tick(NOON + SECOND)
    lane.gauges.move("c", [deadline(NOON + 5, "c1")], -1)
    heir = Lane(0)
    for pane in lane.panes:
        metric = BY_ID[pane.key.metric]
        heir.panes.restore(metric, pane.key, pane.body, pane.end, changed=pane.changed)
    heir.gauges.restored(NOON + SECOND)
    heir.gauges.rejoined()

    assert heir.shown("next_due") == Deadlines([Deadline(NOON + 5, "c", "standard", "c1")])
    assert heir.tick(NOON + 2 * SECOND) == ["next_due"]
    assert heir.shown("next_due") == Deadlines([])


def test_deadlines_are_published_when_the_first_ones_change() -> None:
    lane = Lane()
    for number in range(60):
        lane.gauges.move("c", [deadline(NOON + number, str(number))], 1)
    first = lane.tick(NOON + SECOND)
    lane.gauges.move("c", [deadline(NOON + 10**6, "later")], 1)

    assert first == ["next_due"]
    assert lane.gauges.next_at() == NOON + SECOND + 1
    assert lane.tick(NOON + 2 * SECOND) == []


def test_a_gauge_at_nothing_for_a_day_is_forgotten_unless_the_rulebook_names_it() -> None:
    lane, over = Lane(), NOON + SECOND + FORGOTTEN_MS
    for by in (1, -1):
        lane.gauges.move("c1", [Held("queue_length", LABELS)], by)
    lane.tick(NOON + SECOND)

    assert lane.gauges.next_at() == over
    assert lane.tick(over - SECOND, named=False) == []
    assert lane.tick(over, named=False) == ["-queue_length"]
    assert lane.shown("queue_length") is None
    assert lane.panes.take_dropped() == [PaneKey("queue_length", LABELS, "now", None)]


def test_a_gauge_that_the_rulebook_ceases_to_name_is_forgotten_then() -> None:
    lane, over = Lane(), NOON + SECOND + FORGOTTEN_MS
    for by in (1, -1):
        lane.gauges.move("c1", [Held("queue_length", LABELS)], by)
    lane.tick(NOON + SECOND)

    assert lane.tick(over) == []
    assert lane.gauges.any_standing
    assert lane.tick(over + SECOND, named=False) == []
    assert lane.tick(over + 2 * SECOND, named=False, renamed=True) == ["-queue_length"]


def test_a_gauge_that_somebody_enters_within_the_day_is_kept() -> None:
    lane = Lane()
    for by in (1, -1):
        lane.gauges.move("c1", [Held("queue_length", LABELS)], by)
    lane.tick(NOON + SECOND)
    lane.gauges.move("c2", [Held("queue_length", LABELS)], 1)
    lane.tick(NOON + 2 * SECOND)

    assert lane.tick(NOON + 2 * FORGOTTEN_MS, named=False) == []
    assert lane.shown("queue_length") == Gauge(1)


def test_whoever_is_expected_in_a_forgotten_gauge_comes_all_the_same() -> None:
    lane, at = Lane(), NOON + 3 * FORGOTTEN_MS
    lane.gauges.move("c1", [Held("sla_due_within", DUE, at)], 1)
    for by in (1, -1):
        lane.gauges.move("c2", [Held("sla_due_within", DUE, NOON)], by)
    lane.tick(NOON + SECOND)
    lane.tick(NOON + 2 * FORGOTTEN_MS, named=False)
    gone = lane.shown("sla_due_within", DUE)
    lane.tick(at, named=False)

    assert gone is None
    assert lane.shown("sla_due_within", DUE) == Gauge(1)


def test_whoever_was_expected_in_a_forgotten_gauge_and_left_brings_nothing_back() -> None:
    lane, at = Lane(), NOON + 3 * FORGOTTEN_MS
    lane.gauges.move("c1", [Held("sla_due_within", DUE, at)], 1)
    lane.tick(NOON + SECOND)
    lane.tick(NOON + 2 * FORGOTTEN_MS, named=False)
    lane.gauges.move("c1", [Held("sla_due_within", DUE, at)], -1)

    assert lane.tick(at, named=False) == []
    assert lane.shown("sla_due_within", DUE) is None
