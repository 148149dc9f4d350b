"""Which promise holds: first match by order, newest version in force, no fall-through."""

from collections.abc import Sequence

import msgspec
import pytest

from carewatch.domain.calendar import ALWAYS
from carewatch.domain.hours import WEEKDAYS
from carewatch.domain.matching import Subject
from carewatch.domain.policy import Book, Books, Warn
from carewatch.domain.rulebook import (
    Condition,
    Document,
    Match,
    Policy,
    QueueRules,
    Schedule,
    TargetRule,
    Tenant,
    Threshold,
)
from carewatch.domain.times import parse_time

NOON = parse_time("2026-01-05T12:00:00.000Z")


def policy(
    name: str,
    *,
    order: int = 10,
    version: int = 1,
    since: str = "2020-01-01T00:00:00Z",
    match: Match | None = None,
    at_risk: Sequence[Threshold] = (),
    limits: dict[str, str] | None = None,
) -> Policy:
    return Policy(
        policy=name,
        version=version,
        effective_from=since,
        order=order,
        match=match or Match(),
        targets={"first_reply": msgspec.convert(limits or {"all": "10m"}, TargetRule)},
        at_risk=list(at_risk),
    )


def book(*policies: Policy, number: int = 1, at: int = 0) -> Book:
    return Book(number, "", at, Document(policies=list(policies)))


def subject(*, tags: tuple[str, ...] = (), priority: str = "normal", queue: str = "vip") -> Subject:
    return Subject("acme", "web", "web-1", queue, "none", priority, tags, "customer")


def promised(book_: Book, who: Subject, at: int = NOON) -> str | None:
    promise = book_.promise(at, "first_reply", who)
    return None if promise is None else f"{promise.policy} {promise.version} {promise.limit_ms}"


def test_the_first_match_by_order_wins() -> None:
    rules = book(policy("late", order=20), policy("early", order=5, limits={"all": "1m"}))

    assert promised(rules, subject()) == "early 1 60000"


def test_a_priority_without_entry_has_no_promise_and_nobody_steps_in() -> None:
    rules = book(
        policy("urgent only", order=1, limits={"urgent": "1m"}), policy("everybody", order=2)
    )

    assert promised(rules, subject()) is None
    assert promised(rules, subject(priority="urgent")) == "urgent only 1 60000"


def test_the_newest_version_in_force_holds() -> None:
    rules = book(
        policy("p", version=1),
        policy("p", version=2, since="2026-01-05T12:00:00Z", limits={"all": "2m"}),
        policy("p", version=3, since="2026-02-01T00:00:00Z", limits={"all": "3m"}),
    )

    assert promised(rules, subject(), NOON - 1) == "p 1 600000"
    assert promised(rules, subject(), NOON) == "p 2 120000"
    assert (NOON, parse_time("2026-02-01T00:00:00.000Z")) == rules.changes[1:]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Condition(field="queue", eq="vip"), True),
        (Condition(field="queue", in_=["a", "vip"]), True),
        (Condition(field="queue", not_in=["vip"]), False),
        (Condition(field="tag", eq="gold"), True),
        (Condition(field="tag", in_=["silver", "red"]), True),
        (Condition(field="tag", not_in=["blue"]), True),
        (Condition(field="channel", eq="whatsapp"), False),
        (Condition(field="account_ref", eq="web-1"), True),
        (Condition(field="tenant", eq="globex"), False),
        (Condition(field="priority", eq="normal"), True),
        (Condition(field="team", eq="none"), True),
        (Condition(field="initiated_by", eq="customer"), True),
        (Condition(field="language", eq="de"), False),
    ],
)
def test_a_condition(condition: Condition, *, holds: bool) -> None:
    rules = book(policy("p", match=Match(all=[condition])))

    assert holds == (promised(rules, subject(tags=("gold", "red"))) is not None)


def test_any_needs_one_and_all_needs_each() -> None:
    true, false = Condition(field="queue", eq="vip"), Condition(field="queue", eq="x")

    matches = [Match(any=[true, false]), Match(any=[false]), Match(all=[true, false])]

    held = [promised(book(policy("p", match=match)), subject()) is not None for match in matches]
    assert held == [True, False, False]


def test_warnings_come_in_order_and_never_at_the_start_or_the_deadline() -> None:
    thresholds = [
        Threshold(before="1m"),
        Threshold(at="80%"),
        Threshold(at="50%"),
        Threshold(at="100%"),
        Threshold(before="10m"),
        Threshold(before="20m"),
    ]

    promise = book(policy("p", at_risk=thresholds)).promise(NOON, "first_reply", subject())

    assert promise is not None
    expected = (
        Warn(after_ms=300_000, name="50%"),
        Warn(after_ms=480_000, name="80%"),
        Warn(after_ms=540_000, name="before 1m"),
    )
    assert expected == promise.warns


def test_a_percentage_is_rounded_up_to_the_millisecond() -> None:
    promise = book(policy("p", limits={"all": "1s"}, at_risk=[Threshold(at="33%")])).promise(
        NOON, "first_reply", subject()
    )

    assert promise is not None
    assert [warn.after_ms for warn in promise.warns] == [330]


def test_the_rulebook_in_force_is_the_last_that_took_effect() -> None:
    books = Books([book(policy("new"), number=2, at=NOON), book(policy("old"), number=1)])

    names = [books.at(at).number for at in (-1, 0, NOON - 1, NOON)]

    assert names == [0, 1, 1, 2]
    assert books.next_change(NOON - 1) == NOON
    assert books.next_change(NOON) is None


def test_a_number_that_is_not_above_the_newest_is_ignored() -> None:
    books = Books([book(policy("p"), number=2)])

    assert books is books.with_book(book(policy("q"), number=2, at=5))
    assert len(books.with_book(book(policy("q"), number=3, at=5))) == 2


def test_facts_count_by_the_schedule_of_the_queue_else_by_that_of_the_tenant() -> None:
    queues = {"vip": QueueRules(schedule="nights"), "none": QueueRules()}
    rules = Book(
        1,
        "",
        0,
        Document(
            tenants={"acme": Tenant(schedule="days", queues=queues), "bare": Tenant()},
            schedules=[hours("days", "08:00-20:00"), hours("nights", "20:00-08:00")],
        ),
    )
    days, nights = rules.calendar("days"), rules.calendar("nights")

    assert rules.business("acme", "vip") is nights
    assert rules.business("acme", "none") is days
    assert rules.business("acme", "unheard-of") is days
    assert rules.business("bare", "vip") is None
    assert rules.business("unheard-of", "vip") is None


def test_a_queue_that_is_always_open_counts_every_hour() -> None:
    queues = {"vip": QueueRules(schedule="24x7")}
    tenant = Tenant(schedule="days", queues=queues)
    document = Document(tenants={"acme": tenant}, schedules=[hours("days", "08:00-20:00")])

    assert Book(1, "", 0, document).business("acme", "vip") is ALWAYS


def hours(name: str, of_every_day: str) -> Schedule:
    return Schedule(
        schedule=name,
        version=1,
        effective_from="2020-01-01T00:00:00Z",
        timezone="UTC",
        weekly={day: [of_every_day] for day in WEEKDAYS},
    )
