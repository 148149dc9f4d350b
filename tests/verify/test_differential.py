"""The processors and the oracle, told the same: two programs that share nothing must agree."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from carewatch.domain.rulebook import (
    Close,
    Condition,
    Document,
    Match,
    Pause,
    Policy,
    QueueRules,
    Target,
    TargetRule,
    Tenant,
)
from carewatch.domain.times import parse_time
from carewatch.processors.base import Output
from carewatch.processors.replay import Replay
from carewatch.verify.found import Found
from carewatch.verify.oracle import Oracle
from carewatch.verify.verdict import judge
from carewatch.wire.rulebooks import encode_document, encode_publication
from support.envelopes import Event, csat, encode, event, message
from support.properties import examples
from support.replays import BEGINNING
from support.standing import read
from support.streams_of_care import MONTHS_APART, in_sight, rules, streams

AFTERWARDS = (1000, 60_000, 3_600_000 * 30)

DAYS_LATER = 83 * 3_600_000

INTO_C1 = {"to": "merged", "merged_into": "c1"}

KEPT = Policy(
    policy="p",
    version=1,
    effective_from="2020-01-01T00:00:00Z",
    order=1,
    targets={"first_reply": TargetRule(all="1h")},
    close=Close(unanswered="keep"),
)
"""Owes a first reply beyond the end of the session."""


def told_both(
    events: list[Event], document: Document, *, afterwards: int, every: int
) -> tuple[Oracle, Found]:
    """The same log to a replay and to the oracle, with a tick before `every` so many events: a
    worker that was away has left a gap in them."""
    written: list[Output] = []
    replay, oracle = Replay(written.append), Oracle(derive=True)
    book = encode_publication(
        number=1,
        canonical=encode_document(document),
        effective_at=BEGINNING,
        recorded_at=BEGINNING,
    )
    replay.everywhere(book)
    oracle.take(0, book)
    clock = 0
    for number, one in enumerate(events):
        clock = parse_time(one["recordedtime"]) // 1000 * 1000
        if number % every == 0:
            replay.tick(clock)
            oracle.tick(0, clock)
        replay.event(one["partitionkey"], encode(one))
        oracle.take(0, encode(one))
    replay.tick(clock + afterwards)
    oracle.tick(0, clock + afterwards)
    return oracle, read(written)


@given(
    events=streams(),
    document=rules(),
    afterwards=st.sampled_from(AFTERWARDS),
    every=st.sampled_from((1, 1, 2, 5, 1000)),
)
@examples(60, same=True)
def test_both_say_the_same(
    events: list[Event], document: Document, afterwards: int, every: int
) -> None:
    """Any story under any rules. Of new ones, which `make properties` makes, about one in eight
    thousand still finds the two apart: where what is said of a message comes days before it, or two
    merges of one conversation arrive the other way round.
    """
    oracle, found = told_both(events, document, afterwards=afterwards, every=every)

    differences = judge(oracle, found).differences

    assert [str(one) for one in differences] == []


@given(
    events=streams(most=9, gaps=(0, 7000, 400_000, *MONTHS_APART)).map(in_sight),
    document=rules(),
    every=st.sampled_from((1, 2, 1000)),
)
@examples(30, same=True)
def test_both_forget_the_same(events: list[Event], document: Document, every: int) -> None:
    """Conversations that begin anew after months of silence, or were never over (R6a).

    Of new stories about one in ten thousand still finds the two apart: where a message that a merge
    handed over is deleted months later. `make properties` looks for these.
    """
    oracle, found = told_both(events, document, afterwards=AFTERWARDS[-1], every=every)

    assert [str(one) for one in judge(oracle, found).differences] == []


def test_what_is_counted_by_customer_is_left_out_where_one_was_erased() -> None:
    """What was counted stands, and the customer comes back as a new one (E23). Which contacts came
    before is a matter of moments between two partitions, so that nobody else can say it."""
    events = [
        message(0, id_="e1"),
        event("customer.erased", 60_000, id_="e2", key="customer:u_c1"),
        message(120_000, id_="e3", key="c2"),
        message(120_000, id_="e4", key="c3", tenant="globex"),
    ]
    for one in events:
        one["data"]["customer_key"] = "u_c1"

    oracle, found = told_both(events, Document(), afterwards=60_000, every=1)
    report = judge(oracle, found)

    assert [str(one) for one in report.differences] == []
    of_customers = [what for what in report.left_out if what.startswith("points of customers")]
    assert of_customers == ["points of customers of acme, where one was erased"]


def receipt(at: int, id_: str) -> Event:
    return event("message.status", at, id_=id_, status={"message_key": "m_e1", "value": "read"})


def annotated(
    id_: str,
    annotations: list[dict[str, str]],
    *,
    at: int = 60 * 3_600_000,
    of: str = "m_unknown",
) -> Event:
    """What is said, after 60 hours, of a message that nobody knows."""
    said = {"key": of}
    return event(
        "message.annotated", at, id_=id_, actor="system", message=said, annotations=annotations
    )


def agreed(
    events: list[Event],
    document: Document | None = None,
    *,
    afterwards: int = AFTERWARDS[-1],
    every: int = 1000,
) -> tuple[Oracle, Found]:
    """Both, once they say the same."""
    oracle, found = told_both(events, document or Document(), afterwards=afterwards, every=every)
    assert [str(one) for one in judge(oracle, found).differences] == []
    assert found.dead == []
    return oracle, found


def late_changes(events: list[Event]) -> list[str]:
    """The points of it, in which both agree."""
    return [key for key in agreed(events)[1].points if "late_changes" in key]


def test_receipts_push_no_message_out_of_the_history() -> None:
    """What can change nothing is not kept (R6a): the late message finds its place."""
    receipts = [receipt(1000 + number, f"r{number}") for number in range(600)]
    late = message(500, id_="late", arrives=10_000)

    _, found = agreed([message(0, id_="e1"), *receipts, late])

    assert found.late == []


def test_what_can_change_nothing_is_no_late_change() -> None:
    """Nor is it anything older than the history, by which an unknown message counts as final."""
    mood = [{"kind": "sentiment", "label": "positive", "model": "m"}]
    mute, late = annotated("e2", []), annotated("e3", mood)
    first, second = message(0, id_="e1"), message(59 * 3_600_000, id_="e4")
    receipts = [receipt(0, "r1"), receipt(59 * 3_600_000, "r2")]
    assert late_changes([*receipts, late]) == []
    assert late_changes([first, second, mute]) == []
    assert late_changes([first, second, late]) != []


def test_what_is_late_for_the_time_before_belongs_to_what_began_anew() -> None:
    """The deletion is stamped within the 90 days; but the conversation has begun anew by then."""
    days = 90 * 24 * 3_600_000
    assigned = event("conversation.assigned", 0, id_="e1", assignment={"to": {"queue": "vip"}})
    anew = event("conversation.status_changed", days + 400_000, id_="e2", lifecycle={"to": "bot"})
    deleted = event(
        "message.deleted", days, id_="e3", message={"key": "m_unknown"}, arrives=days + 500_000
    )

    assert late_changes([assigned, anew, deleted]) == []


def test_a_source_whose_clock_is_ahead_begins_a_conversation_anew_for_what_comes_next() -> None:
    """Whether 90 days have gone by is asked of each event's own instant (R6a)."""
    days = 90 * 24 * 3_600_000
    ahead, early = days + 6000, days - 60_000
    anew = event(
        "conversation.status_changed", ahead, id_="e2", arrives=early, lifecycle={"to": "open"}
    )
    mood = [{"kind": "sentiment", "label": "positive", "model": "m"}]
    said = annotated("e3", mood, at=days - 1000, of="m_e1")

    assert late_changes([message(0, id_="e1", actor="bot"), anew, said]) == []


def test_an_end_whose_opening_was_forgotten_is_not_that_of_the_next_session() -> None:
    """The customer's first contact is known no more when it ends, and the next has its number."""
    months = 90 * 24 * 3_600_000 + 400_000
    events = [
        message(0, id_="e1"),
        event("queue.entered", months, id_="e2", queue={"name": "sales"}),
        event("conversation.status_changed", 3 * months, id_="e3", lifecycle={"to": "closed"}),
        message(4 * months, id_="e4"),
    ]

    _, found = agreed(events, every=2)

    assert [key for key in found.points if "fcr" in key] == []


def test_a_breach_after_the_end_spoils_no_session() -> None:
    """The policy keeps the promise of a reply beyond the end (S12); it is broken an hour later."""
    events = [
        message(0, id_="e1"),
        event("conversation.status_changed", 60_000, id_="e2", lifecycle={"to": "closed"}),
    ]

    oracle, _ = agreed(events, Document(policies=[KEPT]))

    assert [one["to"] for one in oracle.transitions(("acme", "c1"))] == ["pending", "breached"]


def test_a_breach_by_a_change_at_the_instant_of_the_end_spoils_the_session() -> None:
    """What came into force was broken already (S11), and then the session was resolved."""
    policy = Policy(
        policy="p",
        version=1,
        effective_from="2020-01-01T00:00:00Z",
        order=1,
        match=Match(all=[Condition(field="queue", eq="vip")]),
        targets={"requester_wait": TargetRule(all="30s")},
    )
    moved = event("conversation.assigned", 60_000, id_="e2", assignment={"to": {"queue": "vip"}})
    over = event("conversation.status_changed", 60_000, id_="e3", lifecycle={"to": "resolved"})

    oracle, _ = agreed([message(0, id_="e1"), moved, over], Document(policies=[policy]))

    assert [one["to"] for one in oracle.transitions(("acme", "c1"))] == ["breached", "met_late"]


def test_what_is_owed_beyond_the_end_is_owed_for_the_session_that_ended() -> None:
    """A policy for what customers begin does not let go of it because nothing is open (S11)."""
    begun = Match(all=[Condition(field="initiated_by", eq="customer")])
    document = Document(policies=[structs.replace(KEPT, match=begun)])
    closed = event("conversation.status_changed", 60_000, id_="e2", lifecycle={"to": "closed"})
    tagged = event("conversation.tagged", 120_000, id_="e3", tags={"added": ["late"]})

    oracle, _ = agreed([message(0, id_="e1"), closed, tagged], document)

    assert [one["to"] for one in oracle.transitions(("acme", "c1"))] == ["pending", "breached"]


def test_a_merge_gives_up_what_is_owed_beyond_the_end() -> None:
    """The parent owes from then on, if anybody does (S15)."""
    events = [
        message(0, id_="e1"),
        event("conversation.status_changed", 60_000, id_="e2", lifecycle={"to": "closed"}),
        event(
            "conversation.merged",
            120_000,
            id_="e3",
            lifecycle={"to": "merged", "merged_into": "c9"},
        ),
    ]

    oracle, _ = agreed(events, Document(policies=[KEPT]))

    assert [one["to"] for one in oracle.transitions(("acme", "c1"))] == ["pending", "cancelled"]


def test_a_summary_of_a_held_call_says_nothing_of_the_messages() -> None:
    """A phase told of the call: it is none that is known from summaries alone, though the session
    ended by silence and the call with it (R16)."""
    call = {"call_key": "k1", "phase": "held", "leg_key": "l1", "direction": "outbound"}
    spent = {"replaces_key": "k1", "precision_ms": 1000, "talk_ms": 5000}
    events = [
        message(0, id_="e1", actor="agent", actor_key="a1"),
        event("call.phase", 60_000, id_="e2", actor="system", call=call),
        event("interaction.summary", DAYS_LATER, id_="e3", actor="system", summary=spent),
        event("interaction.summary", DAYS_LATER + 1, id_="e4", actor="system", summary=spent),
    ]

    _, found = agreed(events)

    handled = [one for key, one in found.points.items() if "handle_time" in key and "total" in key]
    assert [one["count"] for one in handled] == [1, 1]


def test_a_session_is_of_whom_it_was_of_when_it_opened() -> None:
    """A visitor says during it who they are (W7)."""
    events = [
        message(0, id_="e1"),
        message(60_000, id_="e2", actor="bot", actor_key="b1"),
        event("conversation.status_changed", 120_000, id_="e3", lifecycle={"to": "resolved"}),
        message(240_000, id_="e4"),
    ]
    for one, customer in zip(events, ("u_visitor", "u_known", "u_known", "u_known"), strict=True):
        one["data"]["customer_key"] = customer

    _, found = agreed(events)

    by_bot = [one for key, one in found.points.items() if "bot_resolution" in key]
    assert [(one["n"], one["d"]) for one in by_bot] == [(1, 1)]


def test_what_is_said_at_the_instant_of_the_end_but_after_it_is_no_vote() -> None:
    """An annotation has the last place of its instant (R5): the session was over then."""
    said = [{"kind": "sentiment", "label": "positive", "model": "m"}]
    noted = event("message.annotated", 0, id_="e2", message={"key": "m_e1"}, annotations=said)
    over = event("conversation.status_changed", 0, id_="e3", lifecycle={"to": "resolved"})

    _, found = agreed([message(0, id_="e1"), noted, over])

    names = {key.split("|")[4] for key in found.points if "sentiment" in key}
    assert names == {"sentiment"}


def test_a_state_that_gives_way_at_once_misses_no_schedule() -> None:
    """Only the queue has business hours, which the conversation enters after it began (C5)."""
    queues = {"vip": QueueRules(schedule="24x7")}
    document = Document(tenants={"acme": Tenant(timezone="UTC", queues=queues)})
    hour = 3_600_000
    events = [
        event("conversation.status_changed", 0, id_="e1", lifecycle={"to": "open"}),
        event("queue.entered", hour, id_="e2", queue={"name": "vip"}),
        event("conversation.status_changed", 2 * hour, id_="e3", lifecycle={"to": "resolved"}),
    ]

    oracle, _ = agreed(events, document)

    worked = {one.get("metric"): one.get("business_ms") for one in oracle.facts(("acme", "c1"))}
    assert worked["agent_work_time"] == 2 * hour


def test_a_bot_owes_an_answer_to_what_a_merge_hands_over() -> None:
    """So silence does not end the session that the bot has (E14, R17)."""
    events = [
        message(0, id_="e1"),
        message(1000, id_="e2", actor="bot", actor_key="b1"),
        message(2000, id_="e3", key="c2"),
        event("conversation.merged", 3000, id_="e4", key="c2", lifecycle=INTO_C1),
    ]

    oracle, _ = agreed(events)

    states = [one.get("transition") for one in oracle.facts(("acme", "c1"))]
    assert [one for one in states if one] == ["opened"]


def test_a_hand_over_tells_the_parent_no_time() -> None:
    """Its child learnt an hour late what it hands over; no tick has told the parent (R7, W4)."""
    merged = event(
        "conversation.merged",
        3,
        id_="e1",
        key="c2",
        lifecycle={"to": "merged", "merged_into": "c9"},
    )
    late = message(0, id_="e0", key="c2", arrives=3_600_000)

    agreed([merged, late], afterwards=60_000)


def test_what_a_conversation_handed_over_stays_when_it_is_forgotten() -> None:
    """The parent lives on, by nothing but the turn that it was handed (E14, R6a)."""
    merged = event(
        "conversation.merged", 1000, id_="e1", lifecycle={"to": "merged", "merged_into": "c9"}
    )
    gone = event("message.deleted", 91 * 86_400_000, id_="e2", message={"key": "m_e9"})

    log = [message(0, id_="e0"), merged, gone]
    agreed(log, afterwards=60_000)


def test_a_pause_over_an_unanswered_message_goes_on_under_another_policy() -> None:
    """It is one pause, told when it ends (S7, S8)."""
    clock: dict[Target, TargetRule] = {"agent_work": TargetRule(all="10m")}
    head: dict[str, Any] = {"version": 1, "targets": clock}
    policies = [
        Policy(policy="p", order=2, effective_from="2020-01-01T00:00:00Z", **head),
        Policy(policy="q", order=1, effective_from="2026-01-05T09:10:00Z", **head),
    ]
    held = event(
        "conversation.status_changed", 60_000, id_="e1", actor="agent", lifecycle={"to": "pending"}
    )
    reply = message(1_200_000, id_="e2", actor="agent", actor_key="a1")

    log = [message(0, id_="e0"), held, reply]
    agreed(log, Document(policies=policies), afterwards=60_000, every=1)


def test_a_pause_is_suspect_from_its_promise_on() -> None:
    """A policy begins to promise while the case is held back already (S7, S11)."""
    clock: dict[Target, TargetRule] = {"agent_work": TargetRule(all="10m")}
    policy = Policy(
        policy="p", order=1, version=1, effective_from="2026-01-05T09:10:00Z", targets=clock
    )
    held = event(
        "conversation.status_changed", 60_000, id_="e1", actor="agent", lifecycle={"to": "pending"}
    )
    reply = message(1_200_000, id_="e2", actor="agent", actor_key="a1")

    log = [message(0, id_="e0"), held, reply]
    agreed(log, Document(policies=[policy]), afterwards=60_000, every=1)


def test_a_pause_that_ends_by_itself_is_of_the_priority_that_came_last() -> None:
    """All that happened before did so at one instant; the next version of the policy ends it."""
    paused = structs.replace(
        KEPT,
        targets={"resolution": TargetRule(all="1h", hours="calendar")},
        pause=Pause(statuses=("queued",), resume_on="status"),
    )
    ended = structs.replace(KEPT, version=2, effective_from="2026-01-05T09:10:00Z")
    events = [
        message(0, id_="e1"),
        event("conversation.status_changed", 0, id_="e2", lifecycle={"to": "queued"}),
        event("conversation.tagged", 0, id_="e3", tags={}, priority="urgent"),
    ]

    _, found = agreed(events, Document(policies=[paused, ended]))

    told = [key for key in found.points if "|suspect_pause|" in key and "|total|" in key]
    assert [key.split("|")[3] for key in told] == ["urgent"]


def test_what_is_said_of_a_final_message_moves_no_clock() -> None:
    """The session was over by silence days ago, which nobody has heard yet: a tick tells (R6a)."""
    asked = message(0, id_="e1")
    noted = event(
        "message.annotated",
        DAYS_LATER,
        id_="e2",
        actor="system",
        message={"key": "m_e1"},
        annotations=[{"kind": "sentiment", "label": "positive", "model": "m"}],
    )

    agreed([asked, noted], afterwards=60_000)


def test_a_message_that_is_folded_away_is_final_and_not_unknown() -> None:
    """What is said of it moves no clock, so the session that ended by silence is told by a tick."""
    day = 86_400_000
    events = [
        message(0, id_="e1", actor="agent", actor_key="a1"),
        message(3 * day, id_="e2"),
        message(3 * day - 1000, id_="e3"),  # late: what is older than two days is folded away
        event("message.deleted", 6 * day, id_="e4", message={"key": "m_e1"}),
    ]

    oracle, _ = agreed(events)

    assert [one.id for one in oracle.conversations["acme", "c1"].without_effect] == ["e4"]


def test_what_says_nothing_lets_a_settled_history_become_final() -> None:
    """All that is known of the conversation is folded away, and older than history is kept."""
    day = 86_400_000
    topic = [{"kind": "topic", "label": "billing"}]
    given = csat("answered", survey=None, score=5) | {"instrument": "nps"}
    events = [
        event("message.annotated", 0, id_="e1", message={"key": "m_e0"}, annotations=topic),
        event("conversation.rated", 10 * day, id_="e2", csat=given),  # off its scale: no event
        event("message.annotated", 20 * day, id_="e3", message={"key": "m_e9"}, annotations=topic),
    ]

    oracle, _ = agreed(events, every=1)

    assert [one.id for one in oracle.conversations["acme", "c1"].late_changes] == ["e3"]


def test_what_says_nothing_lets_older_messages_become_final() -> None:
    """A score off its scale is no event; when it came, the message was two days old (R6a, R7)."""
    day = 86_400_000
    given = csat("answered", survey=None, score=5) | {"instrument": "nps"}
    rated = event("conversation.rated", 3 * day, id_="e1", csat=given)
    gone = event("message.deleted", 3 * day + 3_600_000, id_="e2", message={"key": "m_e9"})

    log = [message(0, id_="e0", actor="bot", actor_key="b1"), rated, gone]
    oracle, _ = agreed(log, afterwards=60_000)

    assert len(oracle.conversations["acme", "c1"].late_changes) == 1


def test_of_two_contacts_of_one_instant_one_is_the_first() -> None:
    """The second one is another contact, for whoever asks whether there was one (W7)."""
    events = [
        message(0, id_="e1", key="c1"),
        message(1000, id_="e2", key="c1", actor="bot"),
        message(0, id_="e3", key="c2"),
    ]
    for one in events:
        one["data"]["customer_key"] = "u1"

    agreed(events, afterwards=3_600_000 * 30, every=1)


def test_the_same_rating_of_one_instant_counts_once_in_either_order() -> None:
    answer = csat("answered", survey="s1", score=4)
    first, second = (event("conversation.rated", 0, id_=id_, csat=answer) for id_ in ("e1", "e2"))

    for told in ([first, second], [second, first]):
        _, found = agreed(told, every=1)
        gross = [one["gross"] for key, one in found.points.items() if "top2||total" in key]
        assert gross == [{"n": 1, "d": 1}]
