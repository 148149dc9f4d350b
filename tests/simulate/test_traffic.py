"""One seed, one traffic, on one timeline."""

import io
import json
from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest

from carewatch.simulate.doors import SAMPLE_DOORS
from carewatch.simulate.manifest import STATED, manifest_of
from carewatch.simulate.recording import write_requests
from carewatch.simulate.request import Request
from carewatch.simulate.story import Promise
from carewatch.simulate.traffic import Plan, Traffic

START = 1_767_607_200_000
PLAN = Plan(
    seed=5,
    start_ms=START,
    stop_ms=START + 60_000,
    rate=40,
    promise=Promise(policy="p", first_reply_ms=8000, next_reply_ms=8000),
    doors=SAMPLE_DOORS,
)


def recorded(plan: Plan) -> str:
    out = io.StringIO()
    write_requests(Traffic(plan), out)
    return out.getvalue()


def all_of(plan: Plan) -> tuple[Traffic, list[Request]]:
    traffic = Traffic(plan)
    return traffic, list(traffic)


def stamp_of(request: Request) -> int:
    """When a generic event says that it happened, in ms."""
    stamp = datetime.fromisoformat(json.loads(request.body)["timestamp"])
    return round(stamp.timestamp() * 1000)


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = Traffic(PLAN), Traffic(PLAN)

    assert list(first) == list(second)
    assert recorded(PLAN) == recorded(PLAN)
    assert manifest_of(first) == manifest_of(second)


def test_another_seed_gives_another_traffic() -> None:
    assert recorded(PLAN) != recorded(replace(PLAN, seed=6))


def test_two_runs_share_no_delivery() -> None:
    """Else the second run on the same data would be taken for a repetition of the first."""
    _, first = all_of(PLAN)
    _, second = all_of(replace(PLAN, start_ms=START + 1, stop_ms=START + 60_001))

    assert {one.delivery for one in first} & {one.delivery for one in second} == set()


def test_requests_come_in_order_of_time_and_within_the_run() -> None:
    _, requests = all_of(PLAN)

    times = [request.at_ms for request in requests]
    assert times == sorted(times)
    assert times[0] >= START
    assert times[-1] <= START + 60_000


def test_an_endless_run_starts_like_a_limited_one() -> None:
    _, limited = all_of(PLAN)
    endless = Traffic(replace(PLAN, stop_ms=None))
    early = [request for request in limited if request.at_ms < START + 20_000]

    assert [request for request, _ in zip(endless, early, strict=False)] == early


def test_the_rate_is_kept_while_conversations_come_and_go() -> None:
    _, requests = all_of(replace(PLAN, stop_ms=START + 300_000))

    busy = [r for r in requests if START + 60_000 <= r.at_ms < START + 240_000]
    assert 0.8 * 40 < len(busy) / 180 < 1.2 * 40


def test_everything_that_can_happen_to_a_webhook_does() -> None:
    traffic, requests = all_of(replace(PLAN, stop_ms=START + 300_000))

    assert set(traffic.answers) == {200, 401, 404}
    assert traffic.answers.total() == len(requests)
    assert traffic.dead_letters > 0
    repeated = [
        n for n in Counter((r.door, r.delivery, r.body) for r in requests).values() if n > 1
    ]
    duplicates = sum(s.count for series, s in traffic.tally if series.metric == "duplicate_events")
    assert sum(n - 1 for n in repeated) == duplicates > 0
    assert {r.door.adapter for r in requests} == {"generic", "chatwoot", "whatsapp"}


def test_no_delivery_comes_before_what_it_tells_of() -> None:
    _, requests = all_of(PLAN)

    generic = [r for r in requests if r.door.adapter == "generic" and not r.dead_letter]
    delays = [r.at_ms - stamp_of(r) for r in generic]
    assert min(delays) >= 20
    assert 10_000 < max(delays) < 20_000


def test_every_deadline_has_passed_when_it_is_settled() -> None:
    traffic, requests = all_of(PLAN)

    assert traffic.settled_ms >= requests[-1].at_ms
    assert traffic.settled_ms <= requests[-1].at_ms + 8000 + 1000


def test_the_manifest_states_only_known_metrics_once() -> None:
    traffic, _ = all_of(PLAN)
    manifest = manifest_of(traffic)

    keys = [
        (row["tenant"], row["channel"], row["metric"], *sorted(row["labels"].items()))
        for row in manifest["expected"]
    ]
    assert len(keys) == len(set(keys))
    assert {row["metric"] for row in manifest["expected"]} <= set(STATED)


def test_a_recording_can_be_read_back() -> None:
    _, requests = all_of(PLAN)

    lines = [json.loads(line) for line in recorded(PLAN).splitlines()]

    assert [line["at_ms"] for line in lines] == [request.at_ms for request in requests]
    assert [line["path"] for line in lines] == [request.door.path for request in requests]
    assert {line["method"] for line in lines} == {"POST"}


@pytest.mark.parametrize("seed", range(10))
def test_every_seed_opens_as_many_sessions_as_conversations(seed: int) -> None:
    traffic, _ = all_of(replace(PLAN, seed=seed))

    opened = sum(
        sum_.count
        for series, sum_ in traffic.tally
        if series.metric == "conversations" and ("transition", "opened") in series.labels
    )
    assert opened == traffic.conversations
