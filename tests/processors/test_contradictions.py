"""Events that contradict each other: no exception, no dead letter, no number below zero."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carewatch.wire import topics
from support.envelopes import Event, event, message
from support.promises import BREAKS, policies
from support.properties import examples
from support.replays import net, replay, values

KEYS = ("c1", "c2")
DIFFERENCES = ("net_flow", "labels", "labels_by_tag")
"""Of what came and what went: in a window more may go than come."""
MESSAGES = tuple(f"m{number}" for number in range(6))
AGENTS = ("a1", "a2", None)
QUEUES = ("sales", "vip", None)
STATES = ("new", "bot", "queued", "open", "pending", "snoozed", "resolved", "closed", "deleted")
OUTCOMES = ("answered", "abandoned", "transferred", "callback", "flow_out")
TAGS = ("spam", "blocked", "vip")


def _sections(*, lifecycle: bool) -> st.SearchStrategy[tuple[str, str, dict[str, Any]]]:
    """A type of event, who acts, and what it says: valid alone, whatever came before.

    Without lifecycle events silence ends sessions (R17).
    """
    key = st.sampled_from(MESSAGES)
    actor = st.sampled_from(("customer", "agent", "bot", "system", "unknown"))

    def said(kind: str, **sections: st.SearchStrategy[Any]) -> Any:
        return st.tuples(st.just(kind), actor, st.fixed_dictionaries(sections))

    side = st.fixed_dictionaries(
        {}, optional={"agent": st.sampled_from(AGENTS), "queue": st.sampled_from(QUEUES)}
    )
    named = st.fixed_dictionaries({"key": key})
    tags = st.lists(st.sampled_from(TAGS), max_size=2, unique=True)
    stated = [
        said("conversation.opened"),
        said(
            "conversation.status_changed",
            lifecycle=st.fixed_dictionaries(
                {"to": st.sampled_from(STATES)}, optional={"from": st.sampled_from(STATES)}
            ),
        ),
        said(
            "conversation.status_changed",
            lifecycle=st.fixed_dictionaries({"to": st.sampled_from(("resolved", "closed"))}),
        ),
    ]
    return st.one_of(
        *(stated if lifecycle else ()),
        said(
            "conversation.merged",
            lifecycle=st.fixed_dictionaries(
                {"to": st.just("merged")}, optional={"merged_into": st.sampled_from(KEYS)}
            ),
        ),
        said(
            "conversation.assigned",
            assignment=st.fixed_dictionaries({"to": st.one_of(st.none(), side)}),
        ),
        said(
            "conversation.handoff",
            handoff=st.fixed_dictionaries({"to": st.sampled_from(("bot", "human", "queue"))}),
        ),
        said("queue.entered", queue=st.fixed_dictionaries({"name": st.sampled_from(QUEUES[:2])})),
        said(
            "queue.left",
            queue=st.fixed_dictionaries(
                {"name": st.sampled_from(QUEUES[:2]), "outcome": st.sampled_from(OUTCOMES)}
            ),
        ),
        said("conversation.tagged", tags=st.fixed_dictionaries({"added": tags, "removed": tags})),
        said("message.deleted", message=named),
        said(
            "message.annotated",
            message=st.fixed_dictionaries({"key": key, "needs_reply": st.booleans()}),
        ),
        said("message.updated", message=named),
    )


@st.composite
def messes(draw: st.DrawFn) -> list[Event]:
    """Events of two conversations; stamped and arriving in any order, within a day."""
    events: list[Event] = []
    sections_of = _sections(lifecycle=draw(st.booleans()))
    for number in range(draw(st.integers(1, 25))):
        at = draw(st.integers(0, 40)) * 150_000
        common: dict[str, Any] = {
            "id_": f"e{number}",
            "key": draw(st.sampled_from(KEYS)),
            "arrives": at + draw(st.sampled_from((0, 0, 0, 1, 8, -1))) * 150_000,
        }
        common["channel"] = "web" if common["key"] == "c1" else "whatsapp"
        author = draw(
            st.sampled_from(("customer", "agent", "agent", "bot", "unknown", None, None, None))
        )
        if author is None:
            kind, actor, sections = draw(sections_of)
            events.append(event(kind, at, actor=actor, **sections, **common))
            continue
        written: dict[str, Any] = {
            "key": draw(st.sampled_from(MESSAGES)),
            "in_reply_to": draw(st.sampled_from((None, None, None, *MESSAGES))),
            "automated": draw(st.sampled_from((False, False, False, True))),
        }
        events.append(message(at, actor=author, message=written, **common))
    return sorted(events, key=lambda one: one["recordedtime"])


def _numbers(value: Any, path: str = "") -> Iterator[tuple[str, int]]:
    """Every integer of a record with where it stands; signs are no amounts."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key != "sign":
                yield from _numbers(one, f"{path}.{key}")
    elif isinstance(value, list):
        for one in value:
            yield from _numbers(one, path)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield path, value


@examples(40)
@given(events=messes(), promised=policies())
def test_whatever_contradicts_itself_gives_no_exception_and_nothing_below_zero(
    events: list[Event], promised: Any
) -> None:
    outputs = replay(events, until=10**13, policies=promised, schedules=[BREAKS])

    assert values(outputs, topics.DEAD) == []
    below = [
        (topic, where, number)
        for topic in (topics.FACTS, topics.SLA, topics.METRICS)
        for record in values(outputs, topic)
        if record["data"].get("metric") not in DIFFERENCES
        for where, number in _numbers(record["data"])
        if number < 0
    ]
    assert below == []
    for record in net(outputs, topics.FACTS):
        data = record["data"]
        if "started_at" in data:
            assert data["started_at"] <= data["ended_at"]
