"""A whole conversation of each channel, from the webhooks to the facts, without Kafka.

`<name>/conversation/` holds the deliveries in their order, and `facts.json` what they come to: the
durations (ms) worked out by hand, null where the provider states no time.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carewatch.channels.base import Skip
from carewatch.wire import topics
from carewatch.wire.envelope import Envelope, encode_event
from support import hooks
from support.envelopes import Event
from support.properties import examples
from support.replays import net, replay

FOLDER = Path(__file__).parent
NAMES = [name for name in hooks.SENDERS if (FOLDER / name / "conversation").is_dir()]


def bodies(name: str) -> list[bytes]:
    paths = (FOLDER / name / "conversation").iterdir()
    return [path.read_bytes() for path in sorted(paths) if path.name != "facts.json"]


def expected(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name / "conversation" / "facts.json").read_text())
    return found


def facts(name: str, deliveries: Sequence[bytes]) -> dict[str, Any]:
    """What the deliveries come to, in the form of facts.json."""
    events: list[Event] = [
        json.loads(encode_event(event))
        for body in deliveries
        for event in hooks.events(name, body)
        if isinstance(event, Envelope)
    ]
    told = [fact["data"] for fact in net(replay(events, until=hooks.NOW + 1000), topics.FACTS)]
    found: dict[str, Any] = {}
    for metric, durations in expected(name).items():
        if metric in ("opened", "resolved"):
            found[metric] = sum(1 for fact in told if fact.get("transition") == metric)
            continue
        measured = sorted(fact["calendar_ms"] for fact in told if fact.get("metric") == metric)
        found[metric] = [None] * len(measured) if None in durations else measured
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_conversation_has_the_durations_worked_out_by_hand(name: str) -> None:
    assert expected(name) == facts(name, bodies(name))


@examples(30)
@given(data=st.data(), name=st.sampled_from(NAMES))
def test_deliveries_in_any_order_and_repeated_come_to_the_same(
    data: st.DataObject, name: str
) -> None:
    """No provider promises an order, and all of them send again what was not answered in time."""
    deliveries = bodies(name)
    again = data.draw(st.lists(st.sampled_from(deliveries), max_size=len(deliveries)))
    shuffled = data.draw(st.permutations([*deliveries, *again]))

    assert expected(name) == facts(name, shuffled)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_conversation_is_left_out(name: str) -> None:
    left_out = [
        item.path
        for body in bodies(name)
        for item in hooks.events(name, body)
        if isinstance(item, Skip) and item.reason != "ignored"
    ]

    assert left_out == []
