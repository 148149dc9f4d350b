"""What the fold says: samples, session transitions, SLA transitions, and counts.

Content only: ids, signs and causes belong to publishing (`domain.ledger`). Two results are the
same exactly when their content is equal.
"""

from typing import Literal

import msgspec

Transition = Literal["opened", "reopened", "resolved", "closed", "merged"]
SlaState = Literal["pending", "at_risk", "breached", "met", "met_late", "cancelled"]

NONE = "none"
"""The label of a queue or team that is not known."""


class Labels(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The labels of a result: the values at its instant, never today's (R9)."""

    channel: str
    account: str
    queue: str
    team: str
    priority: str
    agent: str | None
    customer: str | None
    session: int


class Sample(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """A duration was measured."""

    labels: Labels
    metric: str
    started_at: int
    ended_at: int
    outcome: str | None = None
    business_ms: int | None = None
    spent_ms: int | None = None

    @property
    def calendar_ms(self) -> int:
        """The elapsed time, or the part of it that counts; never negative (R3)."""
        return self.ended_at - self.started_at if self.spent_ms is None else self.spent_ms


class SessionFact(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """A session opened, reopened, was resolved, closed or merged."""

    labels: Labels
    transition: Transition
    at: int
    reason: str | None = None
    initiated_by: str | None = None


class SlaTransition(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """A running SLA clock changed; `at` is when it became true, never when it was noticed (S3)."""

    labels: Labels
    policy: str
    policy_version: int
    target: str
    cycle: int
    from_: SlaState | None
    to: SlaState
    at: int
    due_at: int | None
    started_at: int
    elapsed_ms: int
    reason: str
    paused: bool = False
    paused_ms: int = 0
    overrun_ms: int = 0
    threshold: str | None = None


class Tally(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    """`amount` more of a count; `extra` are the metric's own labels in catalogue order.

    `tags` and `topics` are those of the conversation, where the metric has sisters by them.

    For a ratio `amount` is what the part grows by and `of` what the whole does; for a distribution
    it is one value, of a duration with its `business_ms` where a schedule is in force.
    """

    labels: Labels
    metric: str
    at: int
    extra: tuple[str, ...] = ()
    amount: int = 1
    of: int = 0
    tags: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    business_ms: int | None = None


class HandOver(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=5):
    """A merge moved the open turn of this conversation to its `parent` (E14).

    `at` and `recorded` are those of the event `merge`; `hops` counts how often the turn was
    handed over, this time included.
    """

    labels: Labels
    parent: str
    merge: str
    at: int
    recorded: int
    started_at: int
    hops: int


Act = Literal["wrote", "opened", "reopened", "bot", "resolved", "closed", "rated"]
Mark = Literal["by_agent", "contained", "transferred", "bad"]


class Contact(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=6):
    """What a customer did, or a session of theirs, as the customer stage hears of it (W7).

    `labels` name channel, account, customer and session, and nothing else. `topics` are those of
    the session, at its end. Marks: a person began it (of opened); only a bot had it, it went to
    another team (of resolved, closed); the rating is in the lower 40 % of its scale (of rated).
    """

    labels: Labels
    act: Act
    at: int
    topics: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()


Result = Sample | SessionFact | SlaTransition | Tally | HandOver | Contact


def instant(result: Result) -> int:
    """The instant a result belongs to: decides its window and its place in the output."""
    match result:
        case Sample():
            return result.ended_at
        case SessionFact() | SlaTransition() | Tally() | HandOver() | Contact():
            return result.at
