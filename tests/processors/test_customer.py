"""The customer stage: who came back, who did not, and what it does with clocks, links and rows."""

from typing import Any

import pytest
from msgspec.structs import replace

from carewatch.domain.customers import CONTACTS_KEPT, FORGOTTEN_AFTER_MS
from carewatch.domain.errors import Refused
from carewatch.processors.base import PartitionContext, Record, Row
from carewatch.processors.customer import CustomerStage
from carewatch.processors.merge import Merge
from carewatch.wire import customers, partials, topics
from carewatch.wire.rows import seal
from support.contacts import (
    DAY,
    HOUR,
    START,
    Counted,
    Stages,
    clock,
    counted,
    erased,
    linked,
    told,
)
from support.partial_log import as_records, clock_record, points_of

COUNTS = {topics.CUSTOMER: 1, topics.PARTIALS: 2}
Where = tuple[str, int, tuple[str, ...]]


def after(*records: customers.Record) -> Counted:
    """What is counted when these have come, and a day has passed."""
    return counted(Stages().tell([*records, clock(20 * DAY)]))


def web(metric: str, day: int = 0, *labels: str) -> Where:
    return metric, day, ("web", *labels)


def session(
    at: int, conversation: str, *, lasts: int | None = None, opened: Any = "opened", **more: Any
) -> list[customers.Record]:
    """A session of u1 on the web; resolved after a time, if at all."""
    marks, by = more.pop("marks", ()), more.pop("by", ())
    about = more.pop("topics", ())
    records: list[customers.Record] = [
        told(opened, at, conversation=conversation, marks=by, **more)
    ]
    if lasts is not None:
        end = at + lasts
        records.append(
            told("resolved", end, conversation=conversation, topics=about, marks=marks, **more)
        )
    return records


def test_a_customer_is_counted_once_a_day_and_channel_for_writing_and_for_being_helped() -> None:
    found = after(
        told("wrote", 0, conversation="c1"),
        told("wrote", HOUR, conversation="c2"),
        told("wrote", HOUR, conversation="c3", channel="voice"),
        told("wrote", DAY, conversation="c1"),
        told("wrote", HOUR, conversation="c9", customer="u2"),
        told("resolved", HOUR, conversation="c1"),
        told("resolved", 2 * HOUR, conversation="c2"),
    )

    assert found[web("unique_customers")] == (2,)
    assert found["unique_customers", 0, ("voice",)] == (1,)
    assert found[web("unique_customers", 1)] == (1,)
    assert found[web("resolved_customers")] == (1,)


def test_two_tenants_may_use_the_same_key() -> None:
    records = [told("wrote", 0), told("wrote", 0, tenant="globex")]

    assert after(*records)[web("unique_customers")] == (2,)


@pytest.mark.parametrize(("apart", "n"), [(7 * DAY, 1), (7 * DAY + 1, 0)])
def test_a_session_repeats_one_that_opened_up_to_seven_days_before(apart: int, n: int) -> None:
    found = after(*session(0, "c1", channel="voice"), *session(apart, "c2"))

    assert found["repeat_contact_rate", 0, ("voice",)] == (0, 1)
    assert found[web("repeat_contact_rate", 7)] == (n, 1)


def test_what_an_agent_began_is_no_contact_of_the_customer() -> None:
    found = after(
        *session(0, "c1", by=("by_agent",), lasts=HOUR),
        *session(2 * HOUR, "c2", lasts=HOUR),
        *session(5 * HOUR, "c3", by=("by_agent",)),
    )

    assert found[web("repeat_contact_rate")] == (0, 1)
    assert found[web("fcr")] == (1, 1)


def test_by_topic_a_session_counts_when_it_has_ended() -> None:
    found = after(
        *session(0, "c1"), *session(HOUR, "c2", lasts=HOUR, topics=("billing", "delivery"))
    )

    assert found[web("repeat_contact_rate_by_topic", 0, "billing")] == (1, 1)
    assert found[web("repeat_contact_rate_by_topic", 0, "delivery")] == (1, 1)
    assert found[web("repeat_contact_rate")] == (1, 2)


@pytest.mark.parametrize(
    ("later", "n"),
    [
        ([], 1),
        (session(2 * DAY, "c2"), 0),
        (session(2 * DAY, "c2", lasts=HOUR, topics=("billing",)), 0),
        (session(2 * DAY, "c2", lasts=HOUR, topics=("delivery",)), 1),
        (session(7 * DAY, "c2"), 0),
        (session(7 * DAY + 1, "c2"), 1),
        (session(2 * HOUR, "c1", opened="reopened", lasts=1, session=2, topics=("other",)), 0),
        ([told("reopened", 2 * HOUR, session=2, marks=("by_agent",))], 0),
        ([told("opened", 2 * HOUR, session=2, marks=("by_agent",))], 1),
        (session(2 * DAY, "c2", customer="u2"), 1),
    ],
)
def test_once_was_enough_unless_the_customer_comes_back_about_it_within_seven_days(
    later: list[customers.Record], n: int
) -> None:
    found = after(*session(0, "c1", lasts=HOUR, topics=("billing",), channel="voice"), *later)

    assert found["fcr", 0, ("voice",)] == (n, 1)


def test_once_was_not_enough_where_it_went_to_another_team_and_a_late_resolution_is_none() -> None:
    found = after(
        *session(0, "c1", lasts=HOUR, marks=("transferred",)),
        *session(DAY, "c2", lasts=7 * DAY + 1, customer="u2"),
    )

    assert found[web("fcr")] == (0, 1)
    assert web("fcr", 1) not in found


BOT = [told("opened", 0), told("bot", 1)]
KEPT = told("resolved", HOUR, marks=("contained",))


@pytest.mark.parametrize(
    ("rest", "n"),
    [
        ([], 0),
        ([KEPT], 1),
        ([told("resolved", HOUR)], 0),
        ([KEPT, told("rated", 2 * HOUR)], 1),
        ([KEPT, told("rated", 2 * HOUR, marks=("bad",))], 0),
        ([KEPT, *session(72 * HOUR, "c2")], 0),
        ([KEPT, *session(72 * HOUR + 1, "c2")], 1),
        ([told("closed", 72 * HOUR, marks=("contained",))], 1),
        ([told("closed", 72 * HOUR + 1, marks=("contained",))], 0),
    ],
)
def test_a_bot_has_solved_it_when_the_customer_stays_away_and_does_not_complain(
    rest: list[customers.Record], n: int
) -> None:
    assert after(*BOT, *rest)[web("bot_resolution")] == (n, 1)


@pytest.mark.parametrize(("days", "n"), [(1, 1), (90, 1), (91, 0)])
def test_a_customer_is_kept_who_writes_again_within_ninety_days(days: int, n: int) -> None:
    stages = Stages()
    stages.tell([told("wrote", 0), *(clock(day * DAY) for day in range(days))])
    stages.tell([told("wrote", days * DAY, conversation="c2"), clock(days * DAY + HOUR)])

    assert counted(stages.outputs)[web("retention_rate")] == (n, 1)


def test_a_withdrawal_takes_back_all_that_followed() -> None:
    records = [*session(0, "c1", lasts=HOUR), *session(DAY, "c2", lasts=HOUR)]
    taken = [told("opened", DAY, sign=-1, conversation="c2")]
    taken.append(told("resolved", DAY + HOUR, sign=-1, conversation="c2"))

    assert after(*records, *taken) == after(*session(0, "c1", lasts=HOUR))


def test_a_closed_day_takes_nothing_unless_its_horizon_is_still_to_come() -> None:
    late = replace(told("wrote", 0), open_from=START + DAY + 1)
    found = after(late, replace(told("opened", 0), open_from=START + DAY + 1))

    assert found == {web("retention_rate"): (0, 1), web("repeat_contact_rate"): (0, 1)}


def test_from_the_link_on_contacts_of_the_one_are_those_of_the_other() -> None:
    found = after(
        told("wrote", 0, customer="u9"),
        told("wrote", DAY, customer="u1", conversation="c2"),
        told("wrote", DAY + HOUR, customer="u9"),
        linked("u9", "u1", HOUR),
    )

    assert found[web("unique_customers")] == (1,)
    assert found[web("unique_customers", 1)] == (1,)
    assert found[web("retention_rate")] == (0, 1)


def test_a_session_that_began_before_the_link_ends_before_it_too() -> None:
    found = after(*session(0, "c1", lasts=3 * HOUR, customer="u9"), linked("u9", "u1", HOUR))

    assert found[web("fcr")] == (1, 1)


def test_links_that_go_in_a_circle_come_to_an_end_and_lose_nobody() -> None:
    records = [linked("u1", "u2", 0), linked("u2", "u1", 0)]

    assert after(*records, told("wrote", HOUR))[web("unique_customers")] == (1,)


def test_who_is_erased_is_forgotten_and_what_was_counted_stands() -> None:
    stages = Stages()
    stages.tell([told("opened", 0), clock(HOUR), erased("u1", HOUR)])
    stages.tell([told("opened", 2 * HOUR, conversation="c2"), clock(3 * HOUR)])

    assert counted(stages.outputs)[web("repeat_contact_rate")] == (0, 2)


def test_the_row_of_who_is_silent_for_long_is_dropped() -> None:
    [stage] = (stages := Stages()).stages
    stages.tell([told("wrote", 0)])

    rows = rows_at(stage, DAY + FORGOTTEN_AFTER_MS - 1), rows_at(stage, DAY + FORGOTTEN_AFTER_MS)

    assert [sum(row.value is None and b"u1" in row.key for row in some) for some in rows] == [0, 1]


def rows_at(stage: CustomerStage, at: int) -> list[Row]:
    """What is written after a tick."""
    record = clock(at)
    key, value = customers.key_of(record), customers.encode(record)
    stage.on_records([Record(stage.next_offset, key, value)])
    flushed = stage.flush()
    assert flushed is not None
    return list(flushed.rows)


def test_of_a_customer_who_never_rests_a_limited_number_of_contacts_is_known() -> None:
    [stage] = (stages := Stages()).stages
    for number in range(CONTACTS_KEPT + 40):
        stages.tell([told("opened", number, session=number)])
    stages.tell([clock(HOUR)])

    assert counted(stages.outputs)[web("repeat_contact_rate")] == (
        CONTACTS_KEPT + 39,
        CONTACTS_KEPT + 40,
    )
    assert len(stage.customer("acme", "u1").contacts) <= CONTACTS_KEPT + 1


def test_the_stage_has_come_to_a_second_when_all_of_track_has() -> None:
    stages = Stages(2)
    first = stages.tell([told("wrote", 0), clock(HOUR, sources=2)])
    rest = stages.tell([clock(HOUR + 1000, partition=1, sources=2)])

    clocks = [partials.decode(one.key, one.value) for one in rest if partials.is_clock_key(one.key)]
    assert first == []
    assert {
        (one.stage, one.partition, one.sources, one.tick)
        for one in clocks
        if isinstance(one, partials.ClockRecord)
    } == {("customer", 0, 2, START + HOUR), ("customer", 1, 2, START + HOUR)}
    assert counted(rest)[web("unique_customers")] == (1,)


def test_no_window_is_complete_before_both_stages_have_passed_it() -> None:
    merge = Merge(PartitionContext(partition=0, partitions={topics.PARTIALS: 1, topics.METRICS: 1}))
    written = []
    for record in as_records(
        [clock_record(START + HOUR), clock_record(START, stage="customer", position=1)]
    ):
        merge.on_records([record])
        flushed = merge.flush()
        written.append(points_of(flushed.outputs) if flushed else [])

    watermarks = [[one.value for one in some if one.metric == "watermark"] for some in written]
    assert [len(some) for some in watermarks] == [0, 1]
    assert f"at={START}" in str(watermarks[1])


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (None, b"", "no_key"),
        (b"k", None, "no_value"),
        (b"k", b"\xc1", "schema"),
        (b"k", customers.encode(told("wrote", 0)), "wrong_key"),
        (b"clock|track|0", customers.encode(clock(0, partition=3)), "wrong_key"),
        (b"clock|track|3", customers.encode(clock(0, partition=3)), "schema"),
        (customers.key_of(told("wrote", 0)), customers.encode(told("wrote", -(2**50))), "time"),
        (customers.key_of(told("wrote", 0)), customers.encode(told("wrote", 0, sign=2)), "schema"),
    ],
)
def test_what_cannot_be_understood_is_a_dead_letter_and_moves_nothing(
    key: bytes | None, value: bytes | None, reason: str
) -> None:
    stage = CustomerStage(PartitionContext(partition=0, partitions=COUNTS))
    stage.restore([], None)

    assert stage.on_records([Record(0, key, value)]) == [0]
    flushed = stage.flush()
    assert flushed is not None
    [letter] = flushed.outputs
    headers = dict(letter.headers)
    assert (letter.topic, headers["reason"]) == (topics.DEAD, reason.encode())
    assert (headers["stage"], headers["original_topic"]) == (b"customer", b"care.customer")
    assert list(flushed.rows) == []


@pytest.mark.parametrize(
    "row",
    [
        Row(b"\x93\xa8customer\xa4acme\xa2u1", b"broken"),
        Row(b"\x91\xa5other", seal(b"")),
        Row(b"\xc1", seal(b"")),
    ],
)
def test_a_row_that_cannot_be_trusted_is_refused(row: Row) -> None:
    stage = CustomerStage(PartitionContext(partition=3, partitions=COUNTS))

    with pytest.raises(Refused, match=r"care\.state\.customer partition 3"):
        stage.restore([row], None)
