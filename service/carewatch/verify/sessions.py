"""Sessions, cases and turns: R12 to R22."""

from dataclasses import replace
from typing import Any

from carewatch.verify.admission import Event
from carewatch.verify.instants import DAY
from carewatch.verify.queueing import Queueing
from carewatch.verify.rulebook import Rulebooks
from carewatch.verify.state import Call, Case, Count, Fact, Session, Turn

SPANS = {
    "requester_wait_time": ("new", "bot", "queued", "open", "snoozed"),
    "agent_work_time": ("new", "queued", "open"),
    "agent_wait_time": ("pending",),
    "on_hold_time": ("snoozed",),
}
"""Which statuses the times that are summed up per session hold (5.2)."""

MOST_ASKED = 128


class Sessions(Queueing):
    """Opens and ends sessions and turns; on which events, the story says."""

    def __init__(self, first: Event, rulebooks: Rulebooks) -> None:
        super().__init__(first, rulebooks)
        self._resolved_at: int | None = None
        self._closed = False
        self._full: Fact | None = None
        self._agent_since: int | None = None
        self._agent_new = False
        self._assigned_since_end = False
        self._lifecycle = False
        self._role: str | None = None
        self._public_at: int | None = None
        self._free_since = 0
        self._unseen_by_bot: set[str] = set()
        self._calls: dict[str, Call] = {}
        self.sessions: list[Session] = []

    def _open(self, status: str, initiated_by: str | None = None) -> Session:
        """R12-R14: a session opens; reopened if the last one was resolved not long ago."""
        within = self._profile.reopen_within
        again = self._resolved_at is not None and self._now - self._resolved_at <= within
        if self.case is None or not again:
            self.case = Case(self._now)
            self._topics = frozenset()
            if not self._assigned_since_end:
                self.labels = replace(self.labels, agent=None)
                self._agent_since, self._agent_new = None, False
        self._sessions += 1
        self._opened_at = self._now
        self.session = Session(
            self._sessions,
            self._now,
            new_contact=not self.case.person_wrote,
            initiated_by=initiated_by,
            assigned_at_opening=self.labels.agent is not None,
            status_since=self._now,
        )
        self.sessions.append(self.session)
        self.status = status
        self._marks.append("reopened" if again else "opened")
        if again and self._full is not None:
            self.facts.remove(self._full)
        self._full, self._resolved_at = None, None
        self._session_fact("reopened" if again else "opened", None, self.session)
        return self.session

    def _open_turn(self, start: int) -> Turn:
        session = self.session or self._open("open")
        first = session.new_contact and session.initiated_by != "agent" and not session.person_wrote
        self.turn = Turn(start, first)
        self._marks.append("turn")
        self.turn.counted = self._count("turns_opened", at=start)
        unanswered = not session.person_wrote and self.labels.agent is None
        if unanswered and self._implicit and self.stay is None and not self.bot_has:
            self._begin_stay(explicit=False)
        return self.turn

    def _uncount_turn(self) -> None:
        if self.turn is not None and self.turn.counted is not None:
            self.counts.remove(self.turn.counted)
            self.turn.counted = None

    def _ask(self, turn: Turn, key: str) -> None:
        """A message that needs a reply waits in a turn; of one turn the first 128 count (5.1)."""
        asked = Count("message_response_rate", self._now, self.labels, n=0, d=1)
        if sum(one is not None for one in turn.waiting.values()) >= MOST_ASKED:
            asked = replace(asked, d=0)
        else:
            self.counts.append(asked)
        turn.waiting[key] = asked

    def _unask(self) -> None:
        """The turn was none that needed an answer here, and so were its messages."""
        self._uncount_turn()
        for asked in () if self.turn is None else self.turn.waiting.values():
            if asked is not None and asked.d:
                self.counts.append(replace(asked, sign=-1, told=self._now))

    def _recount_turn(self, start: int) -> None:
        """The turn began earlier than was known: it counts there (anchor: opening)."""
        if self.turn is not None and self.turn.counted is not None:
            counted = replace(self.turn.counted, at=start)
            self._uncount_turn()
            self.counts.append(counted)
            self.turn.counted = counted

    def _end_turn(self, outcome: str) -> None:
        """R19, R20: a turn ends without a reply."""
        if self.turn is None:
            return
        if outcome == "no_reply_needed":
            self._count("marked_complete")
            self._unask()
        self._marks.append(f"turn_over:{outcome}")
        self.turn = None

    def _end(
        self,
        transition: str,
        reason: str | None,
        outcome: str | None,
        *,
        by: dict[str, Any] | None = None,
        given_up: bool = False,
    ) -> None:
        """R16: the session ends; `outcome` is that of an open turn, None where R20 decides."""
        session, case = self.session, self.case
        if session is None or case is None:
            return
        agent = self.labels.agent
        if transition == "resolved" and by is not None and by["kind"] == "agent":
            # R11: the resolver, else the assignee then; R10: a person whom nobody names
            agent = self._credited = by.get("key") or "unknown"
        said = outcome or ("contained" if self.bot_has else "closed_unanswered")
        if self.turn is not None:
            if transition == "resolved" and said == "closed_unanswered":
                self._count("closed_without_reply")
            self._end_turn(said)
        self._marks.append(f"over:{said}")
        customer = (by is not None and by["kind"] == "customer") or reason == "idle"
        customer = customer or given_up
        self._leave_unanswered(by_customer=customer, over=outcome)
        self._marks.append(f"end:{reason if reason in ('idle', 'spam', 'deleted') else transition}")
        self._spend_status()
        self._sums(session)
        self._last, self._closed = session, "to:closed" in self._marks
        self._resolved_at = self._now if transition == "resolved" else None
        self._assigned_since_end = False
        if transition == "resolved":
            if not case.resolved:
                self._sample("resolution_time_first", case.opened_at, agent=agent)
            case.resolved = True
            self._sample("resolution_time_full", case.opened_at, agent=agent)
            self._full = self.facts[-1]
            if session.last_handoff_at is not None:
                self._sample("human_resolution_time", session.last_handoff_at, agent=agent)
        self._session_fact(transition, reason, session, agent)
        self.session, self.status, self.bot_has = None, None, False
        for call in self._calls.values():
            call.over = True
        self._unseen_by_bot.clear()
        self._public_at = None

    def _sums(self, session: Session) -> None:
        """Times summed up per session, at its end: by status always (0 is a sum), waits only where
        there were answered ones (a session in which nobody waited says nothing of waiting)."""
        if session.waits:
            self._sum("customer_wait_total", session, session.waits)
        for metric, statuses in SPANS.items():
            spans = [one for status in statuses for one in session.spans.get(status, ())]
            self._sum(metric, session, spans)

    def _set_status(self, status: str) -> None:
        self._spend_status()
        self.status = status

    def _spend_status(self) -> None:
        session = self.session
        if session is not None and self.status is not None and self._now > session.status_since:
            span = self._span(session.status_since, self.labels.queue)
            session.spans.setdefault(self.status, []).append(span)
            session.status_since = self._now

    @property
    def _waits(self) -> bool:
        """Something is unanswered: by people, or by the bot while it has the conversation."""
        return bool(self._unseen_by_bot) if self.bot_has else self.turn is not None

    def _idle_until(self, until: int) -> None:
        """R17: the idle end, at its own instant, if that is before `until` (R7).

        Where the last unanswered message goes without a reply (it is deleted, the bot gets the
        conversation back), silence ends the session then, not before.
        """
        if self.session is None or self._public_at is None or self._lifecycle or self._waits:
            return
        if self._role in ("helpdesk", "contact_center"):
            return
        gap = self._books.at(self._public_at).profile(self.labels.channel, self.labels.account)
        if gap.idle_gap is None:
            return
        at = max(self._public_at + gap.idle_gap, self._free_since)
        if at < until:
            self._event, self._marks, self._timer_at, self._credited = None, [], at, None
            self._notes, self._note_of, self._heard = (), None, True
            self._end("closed", "idle", None)
            self._remember(None)

    def _to_people(self) -> None:
        """A hand-off to people: E3, R21, Q2 b, Q3."""
        session = self.session or self._open("open")
        self._marks.append("handoff")
        session.handed_off_at = session.handed_off_at or self._now
        session.last_handoff_at = self._now
        if session.pending_handoff is None:
            session.pending_handoff = self._now
        self.bot_has = False
        stay = self.stay
        if stay is not None and stay.suspended:
            self._discard()
        on_the_phone = any(not call.over for call in self._calls.values())
        if self.turn is None and not on_the_phone:
            # The hand-off keeps the turn open, whatever becomes of messages that follow (E3).
            self._open_turn(self._now).waiting["the hand-off"] = None
        if self.labels.agent is None and self._implicit and self.stay is None:
            self._begin_stay(explicit=False)

    def _to_bot(self) -> None:
        if self.session is not None:
            self._marks.append("to_bot")
            self._bot_takes()

    def _answer(self, agent: str) -> None:
        """A person's reply ends the turn (R18)."""
        turn, session = self.turn, self.session
        if turn is None or session is None:
            return
        self._answer_any(agent)
        self._sample("reply_time", turn.start, agent=agent)
        name = "first_response_time" if turn.first else "next_reply_time"
        self._sample(name, turn.start, agent=agent)
        session.waits.append(self._span(turn.start, self.labels.queue))
        if self._now - turn.start <= DAY and turn.counted is not None:
            answered = replace(turn.counted, metric="turns_answered_24h", told=self._now)
            self.counts.append(answered)
        for asked in turn.waiting.values():
            if asked is not None and asked.d and self._now - asked.at <= DAY:
                # Like the turn, it counts with the question, not with the answer (anchor o).
                self.counts.append(
                    replace(asked, metric="messages_answered", n=1, d=0, told=self._now)
                )
        self._marks.append("answered")
        self.turn = None

    def _answer_any(self, agent: str | None) -> None:
        """`first_response_time_any`: once per new contact, not if an agent began it (5.1)."""
        turn, session = self.turn, self.session
        if turn is None or session is None or not turn.first or session.any_answered:
            return
        session.any_answered = True
        self._sample("first_response_time_any", turn.start, agent=agent)
