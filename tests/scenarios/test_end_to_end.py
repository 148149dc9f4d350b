"""From signed webhooks to the numbers: every result of a story told over HTTP, worked out by hand.

All expected instants are milliseconds after the beginning of the story.
"""

import asyncio
import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from carewatch.clock import system_clock
from carewatch.domain.times import parse_time
from support import hooks
from support.deployment import Stored, deployed
from support.eventually import eventually
from support.schemas import complaints
from support.story import CONFIG, PATHS, SECRETS, deliver, payload

pytestmark = [pytest.mark.broker, pytest.mark.slow]

PUBLIC = ("care.events", "care.facts", "care.sla", "care.metrics", "care.late", "care.dead")
INTERNAL = (
    *("care.customer", "care.partials", "care.rulebooks"),
    *("care.state.track", "care.state.customer", "care.state.merge"),
)

STATED = {
    *("first_response_time", "first_response_time_any", "reply_time", "queue_wait_time"),
    *("messages", "conversations", "sla_evaluations", "sla_breaches", "corrections"),
    *("duplicate_events", "late_events", "late_facts", "dead_events"),
    *("clamped_future", "negative_clamped"),
    *("waiting_conversations", "oldest_unanswered", "queue_length"),
    *("sla_at_risk_conversations", "sla_breached_open_conversations"),
    *("bot_sessions", "bot_messages", "handled_sessions"),
}
"""The metrics that this story works out by hand; the golden cases hold the others."""

QUESTIONS = ("web_late_1_question", "web_withdrawn_1_question", "web_unanswered_1_question")
IN_TIME = (
    "chatwoot_42_1_created",
    "chatwoot_42_2_question",
    "chatwoot_42_3_bot",
    "chatwoot_42_4_handoff",
    "chatwoot_42_5_note",
    "chatwoot_42_6_reply",
    "chatwoot_43_1_created",
    "chatwoot_43_2_question",
    "chatwoot_43_3_transferred",
    "chatwoot_43_4_reply",
    "chatwoot_43_5_thanks",
    "chatwoot_43_6_resolved",
    "whatsapp_1_question",
    "whatsapp_2_sent",
)
AFTER_THE_BREACH = ("web_late_2_reply", "web_withdrawn_2_reply")

FIRST_QUESTIONS = {
    ("chatwoot", 1000): "bot first",
    ("chatwoot", 500): "two queues",
    ("whatsapp", 1000): "whatsapp",
    ("generic", 0): "late",
    ("generic", 100): "withdrawn",
    ("generic", 200): "unanswered",
}
"""A conversation is known by its channel and when its first question was asked."""

PERSONAL = re.compile(rb"\b(Ada|Bea|Cleo|Dora|Elsa|Bob)\b|example\.org|49151|parcel|invoice|Norway")
"""Names, addresses, numbers and words of the payloads."""


@dataclass(frozen=True)
class Told:
    """The story as it was told: when it began (ms), and everything that came of it."""

    began: int
    records: dict[str, list[Stored]]
    breaches: list[Stored]
    scraped: str
    board: dict[str, Any]
    refusal: tuple[int, str]

    def __getitem__(self, topic: str) -> list[dict[str, Any]]:
        """The documents of a topic."""
        return [json.loads(record.value) for record in self.records[topic] if record.value]

    def gross(self, topic: str) -> list[dict[str, Any]]:
        """`data` of every result, with the conversation's name and instants of the story."""
        return [self._read(document["data"]) for document in self[topic]]

    def net(self, topic: str) -> list[dict[str, Any]]:
        """The same of results that were not withdrawn."""
        documents = self[topic]
        gone = {document["data"]["corrects"] for document in documents}
        return [
            self._read(document["data"])
            for document in documents
            if document["data"]["sign"] > 0 and document["id"] not in gone
        ]

    def points(self, window: str) -> dict[tuple[str, ...], dict[str, Any]]:
        """The newest points of a window by channel, queue, metric and further labels."""
        newest = {record.key: record.value for record in self.records["care.metrics"]}
        found = {}
        for value in newest.values():
            data = json.loads(value or b"null")["data"]
            if data["window"] == window and data["metric"] in STATED:
                further = tuple(data[name] for name in FURTHER if name in data)
                key = (data["channel"], data["queue"], data["metric"], *further)
                assert (data["tenant"], data["priority"]) == ("acme", "normal")
                found[(*key, data["start"] or "")] = data
        return found

    @cached_property
    def _names(self) -> dict[str, str]:
        names = {}
        for document in self["care.events"]:
            data = document.get("data", {})
            if data.get("actor", {}).get("kind") == "customer":
                at = parse_time(document["time"]) - self.began
                name = FIRST_QUESTIONS.get((data["adapter"], at))
                if name is not None:
                    names[data["conversation_key"]] = name
        return names

    def _read(self, data: dict[str, Any]) -> dict[str, Any]:
        instants = {
            name: parse_time(data[name]) - self.began
            for name in ("started_at", "ended_at", "at", "due_at")
            if data.get(name) is not None
        }
        return data | instants | {"name": self._names[data["conversation_key"]]}


FURTHER = ("direction", "author", "transition", "outcome", "policy", "target", "corrected_metric")
"""Labels beside tenant, channel, queue and priority, as the points of this story have them."""


async def tell(folder: Path) -> Told:
    """The whole story, through a deployment of its own."""
    async with deployed(folder, CONFIG, SECRETS) as deployment:
        began_s = system_clock() // 1000 + 1  # after the rulebook took effect
        for name in QUESTIONS:
            assert await deliver(deployment, name, began_s) == (200, ""), name

        async def breaches() -> list[Stored] | None:
            found = [
                record
                for record in await deployment.committed("care.sla")
                if json.loads(record.value or b"")["data"]["to"] == "breached"
            ]
            return found if len(found) == len(QUESTIONS) else None

        breached = await eventually(breaches, within_s=90)
        # The rest happens within ten seconds of the beginning: nothing is told before its time.
        await deployment.passed((began_s + 10) * 1000)
        for name in (*IN_TIME, *AFTER_THE_BREACH):
            assert await deliver(deployment, name, began_s) == (200, ""), name

        # A provider's retry, somebody else's forgery, and what nobody can read.
        assert await deliver(deployment, "chatwoot_43_2_question", began_s) == (200, "")
        body = payload("web_late_2_reply", began_s)
        forged = hooks.signature("generic", body + b" ", at=system_clock())
        refusal = await deployment.post(PATHS["generic"], body, forged)
        half = body[: len(body) // 2]
        signed = hooks.signature("generic", half, at=system_clock())
        assert await deployment.post(PATHS["generic"], half, signed) == (200, "")

        await deployment.passed(system_clock() + 1000)
        return Told(
            began=began_s * 1000,
            records={name: await deployment.committed(name) for name in (*PUBLIC, *INTERNAL)},
            breaches=breached,
            scraped=await deployment.metrics(),
            board=await deployment.board(),
            refusal=refusal,
        )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The story is told once; the tests look at what came of it."""
    return asyncio.run(tell(tmp_path_factory.mktemp("end-to-end")))


def test_durations_are_those_of_the_story(told: Told) -> None:
    samples = {
        (fact["name"], fact["metric"], fact["queue"], fact["started_at"], fact["ended_at"])
        + ((fact["outcome"],) if "outcome" in fact else ())
        for fact in told.net("care.facts")
        if fact.get("metric") in STATED
    }

    assert samples == {
        # The bot answers first, hands over at 4 s; the note of 5 s answers nothing.
        ("bot first", "first_response_time_any", "billing", 1000, 2500),
        ("bot first", "first_response_time", "billing", 1000, 7250),
        ("bot first", "reply_time", "billing", 1000, 7250),
        ("bot first", "queue_wait_time", "billing", 4000, 7250, "answered"),
        # Billing passes it on to sales; the thanks at 6.5 s are never answered.
        ("two queues", "queue_wait_time", "billing", 500, 3500, "transferred"),
        ("two queues", "queue_wait_time", "sales", 3500, 5750, "answered"),
        ("two queues", "first_response_time_any", "sales", 500, 5750),
        ("two queues", "first_response_time", "sales", 500, 5750),
        ("two queues", "reply_time", "sales", 500, 5750),
        # The reply shows as a `sent` status only.
        ("whatsapp", "first_response_time_any", "none", 1000, 6000),
        ("whatsapp", "first_response_time", "none", 1000, 6000),
        ("whatsapp", "reply_time", "none", 1000, 6000),
        ("whatsapp", "queue_wait_time", "none", 1000, 6000, "answered"),
        ("late", "first_response_time_any", "none", 0, 9000),
        ("late", "first_response_time", "none", 0, 9000),
        ("late", "reply_time", "none", 0, 9000),
        ("late", "queue_wait_time", "none", 0, 9000, "answered"),
        # Delivered long after its deadline, stamped before it.
        ("withdrawn", "first_response_time_any", "none", 100, 3100),
        ("withdrawn", "first_response_time", "none", 100, 3100),
        ("withdrawn", "reply_time", "none", 100, 3100),
        ("withdrawn", "queue_wait_time", "none", 100, 3100, "answered"),
    }
    assert all(
        fact["calendar_ms"] == fact["ended_at"] - fact["started_at"]
        for fact in told.net("care.facts")
        if fact.get("metric") in STATED
    )


def test_sessions_are_those_of_the_story(told: Told) -> None:
    sessions = {
        (fact["name"], fact["transition"], fact["at"], fact["session"], fact["initiated_by"])
        for fact in told.net("care.facts")
        if "transition" in fact
    }

    assert sessions == {
        ("bot first", "opened", 0, 1, None),
        ("two queues", "opened", 0, 1, None),
        ("two queues", "resolved", 8000, 1, "customer"),
        ("whatsapp", "opened", 1000, 1, "customer"),
        ("late", "opened", 0, 1, "customer"),
        ("withdrawn", "opened", 100, 1, "customer"),
        ("unanswered", "opened", 200, 1, "customer"),
    }


def test_promises_are_kept_broken_and_given_up_at_the_right_instants(told: Told) -> None:
    transitions: dict[str, list[tuple[Any, ...]]] = {}
    for sla in sorted(told.net("care.sla"), key=lambda sla: int(sla["at"])):
        transitions.setdefault(sla["name"], []).append(
            (sla["target"], sla["to"], sla["at"], sla["due_at"], sla["overrun_ms"], sla["reason"])
        )

    ten_minutes = 600_000
    assert transitions == {
        "bot first": [
            ("first_reply", "pending", 1000, 1000 + ten_minutes, 0, "started"),
            ("first_reply", "met", 7250, 1000 + ten_minutes, 0, "reply"),
        ],
        "two queues": [
            ("first_reply", "pending", 500, 500 + ten_minutes, 0, "started"),
            ("first_reply", "met", 5750, 500 + ten_minutes, 0, "reply"),
            ("next_reply", "pending", 6500, 6500 + ten_minutes, 0, "started"),
            ("next_reply", "cancelled", 8000, 6500 + ten_minutes, 0, "closed_unanswered"),
        ],
        "whatsapp": [
            ("first_reply", "pending", 1000, 1000 + ten_minutes, 0, "started"),
            ("first_reply", "met", 6000, 1000 + ten_minutes, 0, "reply"),
        ],
        "late": [
            ("first_reply", "pending", 0, 4000, 0, "started"),
            ("first_reply", "at_risk", 2000, 4000, 0, "threshold"),
            ("first_reply", "breached", 4000, 4000, 0, "due"),
            ("first_reply", "met_late", 9000, 4000, 5000, "reply"),
        ],
        "withdrawn": [
            ("first_reply", "pending", 100, 4100, 0, "started"),
            ("first_reply", "at_risk", 2100, 4100, 0, "threshold"),
            ("first_reply", "met", 3100, 4100, 0, "reply"),
        ],
        "unanswered": [
            ("first_reply", "pending", 200, 4200, 0, "started"),
            ("first_reply", "at_risk", 2200, 4200, 0, "threshold"),
            ("first_reply", "breached", 4200, 4200, 0, "due"),
        ],
    }


def test_breaches_were_published_soon_after_they_were_due(told: Told) -> None:
    """By the log's own time; a worker that is short of a processor gets some seconds."""
    delays = [
        record.at - parse_time(json.loads(record.value or b"")["data"]["due_at"])
        for record in told.breaches
    ]

    assert len(delays) == 3
    assert all(0 <= delay <= 15_000 for delay in delays), delays


def test_only_the_refuted_breach_was_withdrawn(told: Told) -> None:
    withdrawn = [
        (sla["name"], sla["to"], sla["at"]) for sla in told.gross("care.sla") if sla["sign"] < 0
    ]

    assert withdrawn == [("withdrawn", "breached", 4100)]
    assert [fact for fact in told.gross("care.facts") if fact["sign"] < 0] == []


def test_every_record_is_as_its_schema_says(told: Told) -> None:
    wrong = [
        (name, complaints(f"{name}.v1", document))
        for name in PUBLIC
        if name != "care.dead"
        for document in told[name]
        if complaints(f"{name}.v1", document)
    ]

    assert wrong == []


def test_every_record_says_its_content_type_and_a_dead_letter_its_reason(told: Told) -> None:
    for name in PUBLIC:
        for record in told.records[name]:
            headers = {key: text.decode() for key, text in record.headers}
            if name == "care.dead":
                assert complaints("care.dead.v1", headers) == []
            elif record.value is not None:
                assert (name, headers.get("content-type")) == (name, "application/cloudevents+json")


def test_every_result_is_there_once(told: Told) -> None:
    for topic in ("care.facts", "care.sla"):
        ids = Counter(document["id"] for document in told[topic])
        assert [name for name, count in ids.items() if count > 1] == []


DURATIONS = {
    ("web", "billing", "first_response_time_any"): [1500],
    ("web", "billing", "first_response_time"): [6250],
    ("web", "billing", "reply_time"): [6250],
    ("web", "billing", "queue_wait_time", "answered"): [3250],
    ("email", "billing", "queue_wait_time", "transferred"): [3000],
    ("email", "sales", "queue_wait_time", "answered"): [2250],
    ("email", "sales", "first_response_time_any"): [5250],
    ("email", "sales", "first_response_time"): [5250],
    ("email", "sales", "reply_time"): [5250],
    ("whatsapp", "none", "first_response_time_any"): [5000],
    ("whatsapp", "none", "first_response_time"): [5000],
    ("whatsapp", "none", "reply_time"): [5000],
    ("whatsapp", "none", "queue_wait_time", "answered"): [5000],
    ("web", "none", "first_response_time_any"): [9000, 3000],
    ("web", "none", "first_response_time"): [9000, 3000],
    ("web", "none", "reply_time"): [9000, 3000],
    ("web", "none", "queue_wait_time", "answered"): [9000, 3000],
}
COUNTS = {
    ("web", "billing", "messages", "inbound", "customer"): 1,
    ("web", "billing", "messages", "outbound", "bot"): 1,
    ("web", "billing", "messages", "internal", "agent"): 1,
    ("web", "billing", "messages", "outbound", "agent"): 1,
    ("email", "billing", "messages", "inbound", "customer"): 1,
    ("email", "sales", "messages", "inbound", "customer"): 1,
    ("email", "sales", "messages", "outbound", "agent"): 1,
    ("whatsapp", "none", "messages", "inbound", "customer"): 1,
    ("whatsapp", "none", "messages", "outbound", "agent"): 1,
    ("web", "none", "messages", "inbound", "customer"): 3,
    ("web", "none", "messages", "outbound", "agent"): 2,
    ("web", "none", "conversations", "opened"): 4,
    ("email", "none", "conversations", "opened"): 1,
    ("email", "sales", "conversations", "resolved"): 1,
    ("whatsapp", "none", "conversations", "opened"): 1,
    ("web", "billing", "sla_evaluations", "helpdesk", "first_reply"): 1,
    ("email", "sales", "sla_evaluations", "helpdesk", "first_reply"): 1,
    ("whatsapp", "none", "sla_evaluations", "helpdesk", "first_reply"): 1,
    ("web", "none", "sla_evaluations", "website", "first_reply"): 3,
    ("web", "none", "sla_breaches", "website", "first_reply"): 2,
    ("web", "none", "corrections", "sla_transitions"): 1,
    ("email", "none", "duplicate_events"): 1,
    ("web", "billing", "bot_sessions"): 1,
    ("web", "billing", "bot_messages"): 1,
    # Who notes and replies handles the session once; whom the provider does not name, too.
    ("web", "billing", "handled_sessions"): 1,
    ("email", "sales", "handled_sessions"): 1,
    ("whatsapp", "none", "handled_sessions"): 1,
    ("web", "none", "handled_sessions"): 2,
}
GROSS = {
    # The refuted breach was counted before it was taken back.
    ("web", "none", "sla_evaluations", "website", "first_reply"): 4,
    ("web", "none", "sla_breaches", "website", "first_reply"): 3,
}
NOW = {
    ("web", "none", "waiting_conversations"): 1,
    ("web", "none", "queue_length"): 1,
    ("web", "none", "sla_breached_open_conversations", "website", "first_reply"): 1,
}


def amounts(points: dict[tuple[str, ...], dict[str, Any]]) -> dict[tuple[str, ...], Any]:
    """What the points of one window add up to, without those that stand at 0."""
    durations: Counter[tuple[str, ...]] = Counter()
    counts: Counter[tuple[str, ...]] = Counter()
    for (*series, _start), data in points.items():
        counts[tuple(series)] += data["count"] if data["unit"] == "ms" else data["value"]
        durations[tuple(series)] += data["sum_ms"] if data["unit"] == "ms" else 0
    return {
        series: (count, durations[series]) if durations[series] else count
        for series, count in counts.items()
        if count
    }


def expected(counts: dict[tuple[str, ...], int]) -> dict[tuple[str, ...], Any]:
    return counts | {series: (len(each), sum(each)) for series, each in DURATIONS.items()}


@pytest.mark.parametrize("window", ["total", "1h", "1m"])
def test_metric_points_hold_the_net_amounts(told: Told, window: str) -> None:
    assert amounts(told.points(window)) == expected(COUNTS)


def test_metric_points_hold_the_gross_amounts_too(told: Told) -> None:
    gross = {
        series: data["gross"] | {"unit": data["unit"]}
        for series, data in told.points("total").items()
    }

    assert amounts(gross) == expected(COUNTS | GROSS)


def test_metric_points_hold_who_waits_now(told: Told) -> None:
    now = {series[:-1]: data for series, data in told.points("now").items()}
    oldest = {
        series: parse_time(data["at"]) - told.began
        for series, data in now.items()
        if data["metric"] == "oldest_unanswered" and data["at"] is not None
    }

    assert {series: data["value"] for series, data in now.items() if data.get("value")} == NOW
    assert oldest == {("web", "none", "oldest_unanswered"): 200}


def test_prometheus_scrapes_the_gross_amounts(told: Told) -> None:
    scraped = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(told.scraped)
        for sample in family.samples
    }

    def value(name: str, channel: str, queue: str, **further: str) -> float:
        labels = {"tenant": "acme", "channel": channel, "queue": queue} | further
        return scraped[name, frozenset(labels.items())]

    assert value("care_sla_breaches_total", "web", "none", **WEBSITE) == 3
    assert value("care_sla_evaluations_total", "web", "none", **WEBSITE) == 4
    assert value("care_corrections_total", "web", "none", metric="sla_transitions") == 1
    assert value("care_messages_total", "web", "billing", direction="internal", author="agent") == 1
    assert value("care_conversations_total", "email", "sales", transition="resolved") == 1
    assert value("care_waiting_conversations", "web", "none") == 1
    assert value("care_sla_breached_open_conversations", "web", "none", **WEBSITE) == 1
    assert value("care_oldest_unanswered_timestamp_seconds", "web", "none") == (
        (told.began + 200) / 1000
    )
    for (channel, queue, metric, *outcome), each in DURATIONS.items():
        if outcome == ["transferred"]:
            continue  # the family shows answered waits
        name, by = HISTOGRAMS[metric]
        assert value(f"{name}_count", channel, queue, **by) == len(each)
        assert value(f"{name}_sum", channel, queue, **by) == sum(each) / 1000
        for le in ("1.0", "5.0", "10.0"):
            below = sum(one <= float(le) * 1000 for one in each)
            assert value(f"{name}_bucket", channel, queue, **by, le=le) == below


WEBSITE = {"policy": "website", "target": "first_reply"}
HISTOGRAMS = {
    "first_response_time": ("care_first_response_seconds", {"by": "human"}),
    "first_response_time_any": ("care_first_response_seconds", {"by": "any"}),
    "reply_time": ("care_reply_seconds", {}),
    "queue_wait_time": ("care_queue_wait_seconds", {}),
}


def test_what_must_not_count_is_refused_or_laid_aside(told: Told) -> None:
    [dead] = told.records["care.dead"]

    assert told.refusal == (401, "")
    assert dict(dead.headers)["reason"] == b"not_json"
    assert told.records["care.late"] == []


def test_nobody_can_be_recognised_in_any_topic(told: Told) -> None:
    found = [
        (topic, text[0])
        for topic, records in told.records.items()
        for record in records
        if (text := PERSONAL.search((record.key or b"") + b" " + (record.value or b"")))
    ]

    assert found == []
