"""What a story writes down: facts, counts and moments, with the labels of their instant."""

from dataclasses import replace
from typing import Any

from carewatch.verify.admission import Event
from carewatch.verify.instants import written
from carewatch.verify.rulebook import Profile, Rulebooks
from carewatch.verify.state import (
    Case,
    Count,
    Fact,
    Labels,
    Moment,
    Session,
    Span,
    Stay,
    Told,
    Turn,
    in_hours,
)


class Chronicle:
    """Where a conversation stands, and everything that was written down of it so far."""

    def __init__(self, first: Event, rulebooks: Rulebooks) -> None:
        said = first.data
        self._books = rulebooks
        self.labels = Labels(
            said["tenant"],
            said["conversation_key"],
            said["channel"],
            said["account_ref"],
            customer=said.get("customer_key"),
        )
        self.facts: list[Fact] = []
        self.counts: list[Count] = []
        self.moments: list[Moment] = []
        self.session: Session | None = None
        self._last: Session | None = None
        self.case: Case | None = None
        self.status: str | None = None
        self.turn: Turn | None = None
        self.stay: Stay | None = None
        self.bot_has = False
        self._sessions = 0
        self._tags: frozenset[str] = frozenset()
        self._topics: frozenset[str] = frozenset()
        self._language: str | None = None
        self._messages: dict[str, Count] = {}
        self._deleted_keys: set[str] = set()
        self._marks: list[str] = []
        self._event: Told | None = None
        self._timer_at = 0
        self._credited: str | None = None
        self._stated: str | None = None
        self._written_since = False
        self._opened_at = 0
        self._heard = True
        self._notes: tuple[dict[str, Any], ...] = ()
        self._note_of: str | None = None
        self.stays: list[Stay] = []

    @property
    def _now(self) -> int:
        return self._timer_at if self._event is None else self._event.at

    @property
    def _profile(self) -> Profile:
        return self._books.at(self._now).profile(self.labels.channel, self.labels.account)

    def _base(self, number: int, agent: str | None, queue: str | None = None) -> dict[str, Any]:
        labels = self.labels
        return {
            "tenant": labels.tenant,
            "channel": labels.channel,
            "account_ref": labels.account,
            "queue": labels.queue if queue is None else queue,
            "team": labels.team,
            "priority": labels.priority,
            "agent_key": agent,
            "customer_key": labels.customer,
            "conversation_key": labels.conversation,
            "session": number,
        }

    def _session_fact(
        self, transition: str, reason: str | None, session: Session, agent: str | None = None
    ) -> None:
        content = self._base(session.number, agent or self.labels.agent) | {
            "transition": transition,
            "at": written(self._now),
            "reason": reason,
            "initiated_by": session.initiated_by,
        }
        self.facts.append(Fact(self._now, content))

    def _sample(
        self,
        metric: str,
        start: int,
        *,
        agent: str | None,
        outcome: str | None = None,
        queue: str | None = None,
    ) -> None:
        spent = [self._span(start, self.labels.queue if queue is None else queue)]
        self._write(metric, start, spent, agent, outcome, queue)

    def _sum(self, metric: str, session: Session, spans: list[Span]) -> None:
        """The end has a schedule, too, or there is no business time (C5)."""
        spans = [*spans, self._span(self._now, self.labels.queue)]
        self._write(metric, session.opened_at, spans, self.labels.agent, None, None)

    def _span(self, start: int, queue: str) -> Span:
        """A span that ends now."""
        hours = self._books.at(self._now).hours_of(self.labels.tenant, queue)
        business = None if hours is None else hours.elapsed(start, self._now)
        return Span(start, self._now, business)

    def _write(
        self,
        metric: str,
        start: int,
        spans: list[Span],
        agent: str | None,
        outcome: str | None,
        queue: str | None,
    ) -> None:
        number = self._sessions
        content = self._base(number, agent, queue)
        content |= {
            "metric": metric,
            "started_at": written(start),
            "ended_at": written(self._now),
            "calendar_ms": sum(one.calendar for one in spans),
            "business_ms": in_hours(spans),
        }
        if outcome is not None:
            content["outcome"] = outcome
        self.facts.append(Fact(self._now, content))

    def _count(
        self, metric: str, *, at: int | None = None, queue: str | None = None, plain: bool = False
    ) -> Count:
        labels = self.labels if queue is None else replace(self.labels, queue=queue)
        counted = Count(metric, self._now if at is None else at, labels, plain=plain)
        self.counts.append(counted)
        return counted

    def _count_message(self, direction: str, who: str, key: str, agent: str | None = None) -> None:
        """R19: a message that is deleted counts no more, even if its deletion is stamped before."""
        if key in self._deleted_keys:
            return
        counted = Count(
            "messages",
            self._now,
            self.labels,
            (("author", who), ("direction", direction)),
            agent=agent,
        )
        self.counts.append(counted)
        self._messages[key] = counted

    def _remember(self, event: Event | None) -> None:
        marks, session = tuple(self._marks), self.session
        begun = session or self._last  # what is owed beyond the end is still owed for the last
        if {"status", "opened", "reopened"} & set(marks):
            self._stated, self._written_since = self.status, False
        if "customer" in marks and not {"opened", "reopened"} & set(marks):
            self._written_since = True
        if session is None:
            self._stated = None
        self.moments.append(
            Moment(
                self._now,
                event,
                marks,
                self.labels,
                self.labels.agent if self._credited is None else self._credited,
                self._sessions,
                session is not None
                and session.new_contact
                and not session.person_wrote
                and session.initiated_by != "agent",
                self._stated,
                self._written_since,
                self._tags,
                self._topics,
                self._language,
                None if begun is None else begun.initiated_by,
                None if self.turn is None else (self.turn.start, self.turn.first),
                self.status,
                self.bot_has,
                session.opened_at if session is not None else self._opened_at,
                self._heard,
                self._notes,
                self._note_of,
            )
        )
