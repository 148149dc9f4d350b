"""What the oracle leaves out, and that it says so: a log without its head, a worker on its way."""

import json
from pathlib import Path
from typing import Any

import pytest

from carewatch.verify.admission import Dead, admit
from carewatch.verify.found import EVENTS, RESULTS, Found
from carewatch.verify.instants import HOUR, instant
from carewatch.verify.live import RULEBOOKS
from carewatch.verify.oracle import Oracle
from carewatch.verify.verdict import Scope, judge
from carewatch.wire import topics
from support.envelopes import START, Event, encode, message
from support.replays import replay
from support.standing import read

QUESTION, ANSWER = message(0, id_="e1"), message(60_000, id_="e2", actor="agent", actor_key="a1")
END = START + 120_000
MOVED_ON = "conversations with events beyond the worker's position"
OLDER = "conversations that may be older than the log"


def told(events: list[Event], until: int = END, partition: int = 0) -> Oracle:
    oracle = Oracle(derive=False)
    for number, one in enumerate(events):
        oracle.tick(partition, instant(one["recordedtime"]) // 1000 * 1000)
        oracle.take(partition, encode(one), offset=number)
    oracle.tick(partition, until)
    return oracle


def found(events: list[Event], until: int = END) -> Found:
    return read(replay(events, until=until, policies=()))


def test_everything_is_judged_where_everything_is_there() -> None:
    report = judge(told([QUESTION, ANSWER]), found([QUESTION, ANSWER]), Scope({0: END}))

    assert (report.same, report.compared["conversations"]) == (True, 1)


def test_a_conversation_beyond_the_position_is_left_out_and_counted() -> None:
    scope = Scope({0: START + 1000}, moving={("acme", "c1")})
    oracle = told([QUESTION], until=START + 1000)

    report = judge(oracle, found([QUESTION, ANSWER]), scope)

    assert report.same
    assert (report.compared["conversations"], report.left_out[MOVED_ON]) == (0, 1)


def test_without_the_scope_the_same_results_would_differ() -> None:
    oracle = told([QUESTION], until=START + 1000)

    assert not judge(oracle, found([QUESTION, ANSWER])).same


def test_a_conversation_soon_after_a_lost_head_is_left_out() -> None:
    scope = Scope({0: END}, heads={0: START + HOUR})

    report = judge(told([ANSWER]), found([QUESTION, ANSWER]), scope)

    assert report.same
    assert (report.compared["conversations"], report.left_out[OLDER]) == (0, 1)


def test_a_conversation_whose_results_began_before_its_first_kept_record_is_left_out() -> None:
    scope = Scope({0: END}, heads={0: START - HOUR})

    report = judge(told([ANSWER]), found([QUESTION, ANSWER]), scope)

    assert (report.same, report.left_out[OLDER]) == (True, 1)


def test_a_conversation_that_began_long_after_a_lost_head_is_judged() -> None:
    scope = Scope({0: END}, heads={0: START - HOUR})
    wrong = found([QUESTION, ANSWER])
    for _, content in wrong.standing["care.facts"].values():
        content["queue"] = "x"

    report = judge(told([QUESTION, ANSWER]), wrong, scope)

    assert (report.same, report.compared["conversations"]) == (False, 1)


def test_windows_that_only_judged_conversations_touched_are_judged_behind_a_lost_head() -> None:
    scope = Scope({0: END}, heads={0: START - HOUR})
    wrong = found([QUESTION, ANSWER])
    for data in wrong.points.values():
        if (data["metric"], data["window"]) == ("reply_time", "1m"):
            data["count"] = 7

    report = judge(told([QUESTION, ANSWER]), wrong, scope)

    assert [one.key.split()[:2] for one in report.differences] == [["reply_time", "1m"]]


def test_what_a_moving_conversation_of_the_same_customer_may_change_is_not_judged() -> None:
    wrong = found([QUESTION, ANSWER])
    for data in wrong.points.values():
        if data["metric"] == "unique_customers":
            data["value"] = 7

    def same(moving: set[tuple[str, str]]) -> bool:
        scope = Scope({0: END}, moving=moving)
        return judge(told([QUESTION, ANSWER]), wrong, scope).same

    assert (same(set()), same({("acme", "c9")})) == (False, True)


def test_totals_cannot_be_judged_behind_a_lost_head() -> None:
    scope = Scope({0: END}, heads={0: START - HOUR})
    wrong = found([QUESTION, ANSWER])
    for data in wrong.points.values():
        if data["window"] == "total" and "value" in data:
            data["value"] = 7

    assert judge(told([QUESTION, ANSWER]), wrong, scope).same


def test_a_deadline_beyond_the_position_may_have_passed_since() -> None:
    later = found([QUESTION], until=START + 2 * 86_400_000)
    extra: dict[str, Any] = {"at": "2026-01-06T09:00:00.000Z", "conversation_key": "c1"}
    later.standing["care.sla"]["x"] = (("acme", "c1"), extra)

    report = judge(told([QUESTION]), later, Scope({0: END}))

    assert [one.topic for one in report.differences if one.topic == "care.sla"] == []


def test_dead_letters_are_known_by_their_place() -> None:
    oracle, there = told([QUESTION]), found([QUESTION])
    oracle.take(0, b"{", offset=7)
    there.take_dead({"original_topic": EVENTS, "original_partition": "0", "original_offset": "7"})

    def told_of_dead() -> list[str]:
        report = judge(oracle, there, Scope({0: END}))
        return [one.what for one in report.differences if one.topic == topics.DEAD]

    assert told_of_dead() == []
    there.dead.clear()
    assert told_of_dead() == ["missing"]


def test_the_topics_are_called_like_the_catalogues() -> None:
    ours = {EVENTS, RULEBOOKS, *RESULTS}

    assert ours == {
        *(topics.EVENTS, topics.RULEBOOKS, topics.FACTS, topics.SLA, topics.METRICS),
        *(topics.LATE, topics.DEAD),
    }


def test_every_example_of_an_event_is_understood() -> None:
    examples = Path(__file__).parents[2] / "schemas" / "examples" / "care.events" / "1"
    refused: list[str] = []
    for path in sorted(examples.glob("*.json")):
        try:
            admit(path.read_bytes())
        except Dead as reason:
            refused.append(f"{path.name}: {reason}")

    assert refused == []


def test_what_contradicts_itself_is_dead() -> None:
    wrong = json.loads(json.dumps(QUESTION))
    wrong["data"]["message"]["direction"] = "outbound"

    with pytest.raises(Dead, match="outbound"):
        admit(encode(wrong))
