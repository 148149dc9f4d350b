"""What the worker measures of a channel's fixtures: from the payload to the facts."""

from typing import Any

import orjson

from carewatch.wire import topics
from carewatch.wire.envelope import Envelope, encode_event
from support import hooks
from support.replays import net, replay


def facts_of(channel: str, *fixtures: str) -> list[dict[str, Any]]:
    """The net facts after these deliveries, in this order; all arrive at `hooks.NOW`."""
    bodies = {f.path.stem: f.body for f in hooks.fixtures() if f.channel == channel}
    events = [
        orjson.loads(encode_event(event))
        for name in fixtures
        for event in hooks.events(channel, bodies[name])
        if isinstance(event, Envelope)
    ]
    outputs = replay(events, until=hooks.NOW + 1000)
    return [record["data"] for record in net(outputs, topics.FACTS)]


def samples_of(channel: str, *fixtures: str) -> dict[str, list[int]]:
    """By metric the milliseconds that were measured, in the order of their ends."""
    found: dict[str, list[int]] = {}
    facts = [fact for fact in facts_of(channel, *fixtures) if "metric" in fact]
    for fact in sorted(facts, key=lambda fact: str(fact["ended_at"])):
        found.setdefault(fact["metric"], []).append(fact["calendar_ms"])
    return found
