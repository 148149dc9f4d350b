"""What the worker measures of a channel's fixtures: from the payload to the facts."""

from typing import Any

import orjson

from carewatch.channels.drafts import Draft
from carewatch.gateway.normalise import normalise
from carewatch.processors.base import Output
from carewatch.wire import topics
from carewatch.wire.envelope import encode_event
from support import hooks
from support.replays import net, replay

Delivery = str | tuple[str, int]
"""A fixture that arrives at `hooks.NOW`, or so many milliseconds later."""


def outputs_of(channel: str, *deliveries: Delivery) -> list[Output]:
    """What the worker writes after these deliveries, in this order."""
    bodies = {f.path.stem: f.body for f in hooks.fixtures() if f.channel == channel}
    adapter, account = hooks.adapter(channel), hooks.ACCOUNTS[channel]
    events, now = [], hooks.NOW
    for delivery in deliveries:
        name, late_ms = (delivery, 0) if isinstance(delivery, str) else delivery
        now = hooks.NOW + late_ms
        request = hooks.request(channel, bodies[name], now=now)
        for item in adapter.parse(request, account):
            if isinstance(item, Draft):
                event = normalise(item, adapter, account, hooks.hide(channel), now)
                events.append(orjson.loads(encode_event(event)))
    return replay(events, until=now + 1000)


def facts_of(channel: str, *deliveries: Delivery) -> list[dict[str, Any]]:
    """The net facts."""
    return [record["data"] for record in net(outputs_of(channel, *deliveries), topics.FACTS)]


def samples_of(channel: str, *deliveries: Delivery) -> dict[str, list[int]]:
    """By metric the milliseconds that were measured, in the order of their ends."""
    found: dict[str, list[int]] = {}
    facts = [fact for fact in facts_of(channel, *deliveries) if "metric" in fact]
    for fact in sorted(facts, key=lambda fact: str(fact["ended_at"])):
        found.setdefault(fact["metric"], []).append(fact["calendar_ms"])
    return found
