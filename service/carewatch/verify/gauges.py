"""What is so now in the conversations: waits, backlog, queues, promises (5.1, 5.2, 5.5, 5.6)."""

from collections.abc import Iterable, Iterator
from typing import Any

from carewatch.verify.buckets import ages
from carewatch.verify.history import Labels
from carewatch.verify.instants import MINUTE, instant, written
from carewatch.verify.measures import MEASURES
from carewatch.verify.points import Key, plain
from carewatch.verify.state import Moment
from carewatch.verify.story import Story

SOON = {"15m": 15 * MINUTE, "30m": 30 * MINUTE, "60m": 60 * MINUTE}
MOST_DUE = 50
OVER = ("met", "met_late", "cancelled")

Record = dict[str, Any]


class Gauges:
    """Adds up what stands now; `stand` gives the `now` points by key."""

    def __init__(self) -> None:
        self._now = 0
        self._numbers: dict[tuple[str, Labels], int] = {}
        self._least: dict[tuple[str, Labels], int] = {}
        self._ages: dict[tuple[str, Labels], list[int]] = {}
        self._agent: str | None = None
        self._due: dict[str, list[tuple[int, str, str, str]]] = {}

    def add(self, story: Story, records: Iterable[Record], now: int) -> None:
        """One conversation, with its SLA transitions, at the newest tick of its partition."""
        self._now = now
        if not story.moments:
            return
        base, self._agent = _base(story.moments[-1]), story.labels.agent
        if story.turn is not None:
            self._one("needs_reply", base)
        if story.turn is not None and not story.bot_has:
            start = story.turn.start
            self._one("waiting_conversations", base)
            self._at("oldest_unanswered", base, start)
            self._age("open_wait_age", base, now - start)
        if story.session is not None:
            for state in story.states(now):
                self._one("open_conversations", (*base, ("state", state)))
            self._age("backlog_age", base, now - story.session.opened_at)
            self._at("oldest_open", base, story.session.opened_at)
        if story.stay is not None and not story.stay.suspended:
            queue = (("queue", story.stay.queue), *(one for one in base if one[0] != "queue"))
            self._one("queue_length", queue)
            self._at("longest_waiting_now", queue, story.stay.start)
        self._promises(base, records)

    def _promises(self, base: Labels, records: Iterable[Record]) -> None:
        newest: dict[tuple[str, int], Record] = {}
        for one in records:
            newest[one["target"], one["cycle"]] = one
        for one in newest.values():
            if one["to"] in OVER:
                continue
            labels = (*base, ("policy", one["policy"]), ("target", one["target"]))
            self._one("sla_active", labels)
            if one["paused"]:
                self._one("sla_paused", labels)
            if one["to"] == "at_risk":
                self._one("sla_at_risk_conversations", labels)
            elif one["to"] == "breached":
                self._one("sla_breached_open_conversations", labels)
            if one["to"] == "breached" or one["due_at"] is None:
                continue
            due = instant(one["due_at"])
            for within, ms in SOON.items():
                if due - self._now <= ms:
                    self._one("sla_due_within", (*labels, ("within", within)))
            said = (due, one["conversation_key"], one["policy"], one["target"])
            self._due.setdefault(one["tenant"], []).append(said)

    def _one(self, metric: str, labels: Labels) -> None:
        for name, under in self._with_sister(metric, labels):
            self._numbers[name, under] = self._numbers.get((name, under), 0) + 1

    def _with_sister(self, metric: str, labels: Labels) -> Iterator[tuple[str, Labels]]:
        """A gauge, and its sister under the agent to whom the conversation is assigned."""
        yield metric, labels
        if self._agent is not None and "agent" in MEASURES[metric].sisters:
            yield f"{metric}_by_agent", (*labels, ("agent", self._agent))

    def _at(self, metric: str, labels: Labels, at: int) -> None:
        for name, under in self._with_sister(metric, labels):
            self._least[name, under] = min(at, self._least.get((name, under), at))

    def _age(self, metric: str, labels: Labels, age: int) -> None:
        self._ages.setdefault((metric, labels), []).append(age)

    def stand(self) -> dict[Key, Record]:
        """The points, without pane and revision."""
        found: dict[tuple[str, Labels], Record] = {}
        found |= {key: {"value": value} for key, value in self._numbers.items()}
        found |= {key: {"at": written(at)} for key, at in self._least.items()}
        for key, one in self._ages.items():
            found[key] = {"value": len(one), "classic": ages(one)}
        for tenant, many in self._due.items():
            soonest = [
                {
                    "conversation_key": name,
                    "policy": policy,
                    "target": target,
                    "due_at": written(at),
                }
                for at, name, policy, target in sorted(many)[:MOST_DUE]
            ]
            found["next_due", plain(tenant, "none")] = {"due": soonest}
        return {
            (metric, "now", None, tuple(sorted(labels))): said | {"end": None}
            for (metric, labels), said in found.items()
        }


def _base(moment: Moment) -> Labels:
    labels = moment.labels
    return (
        ("tenant", labels.tenant),
        ("channel", labels.channel),
        ("queue", labels.queue),
        ("priority", labels.priority),
    )
