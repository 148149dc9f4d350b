"""Stays in queues: Q1 to Q6."""

from typing import Any

from carewatch.verify.chronicle import Chronicle
from carewatch.verify.state import Stay


class Queueing(Chronicle):
    """Begins and ends stays; when, the rest of the story says."""

    @property
    def _implicit(self) -> bool:
        session = self.session
        return session is not None and not session.queue_event and self._profile.implicit_queue

    def _begin_stay(self, *, explicit: bool, start: int | None = None) -> None:
        since = self._now if start is None else start
        self.stay = Stay(since, self.labels.queue, explicit, began=self._now)
        self.stays.append(self.stay)
        if explicit:
            self._marks.append("stay")
        self.stay.counted = self._count("queue_offered", at=since)

    def _discard(self) -> None:
        """Q3, Q5: the stay was none; it was not offered either."""
        if self.stay is not None and self.stay.counted is not None:
            self.counts.remove(self.stay.counted)
        if self.stay is not None:
            self.stays = [one for one in self.stays if one is not self.stay]
        self.stay = None

    def _leave_queue(self, outcome: str, agent: str | None, over: str | None = None) -> None:
        """Ends the open stay with a sample, which carries the queue of the stay (R10); a promise
        on it is given up for what is `over`, if that says more than the outcome (E20, S15)."""
        stay = self.stay
        if stay is None:
            return
        self.stay = None
        stay.ended, stay.outcome, stay.left = self._now, outcome, self.labels
        if stay.explicit:
            self._marks.append(f"left:{over if over in ('spam', 'merged') else outcome}")
        self._sample("queue_wait_time", stay.start, agent=agent, outcome=outcome, queue=stay.queue)
        if outcome == "abandoned":
            self._count("queue_abandoned", queue=stay.queue)
            if self._now - stay.start <= self._profile.short_abandon:
                stay.short = True
                self._count("short_abandons", queue=stay.queue)

    def _leave_unanswered(self, *, by_customer: bool, over: str | None = None) -> None:
        """Q6, Q3: the session or turn of a stay ends."""
        if self.stay is not None and self.stay.suspended:
            self._discard()
        self._leave_queue("abandoned" if by_customer else "flow_out", self.labels.agent, over)

    def _routed(self) -> None:
        """Q4: the queue of an open implicit stay changes; a suspended one is not open."""
        if self.stay is None or self.stay.explicit or self.stay.suspended:
            return
        if self.stay.queue == "none":
            start = self.stay.start
            self._discard()
            self._begin_stay(explicit=False, start=start)
            return
        self._leave_queue("transferred", self.labels.agent)
        self._begin_stay(explicit=False)

    def _left(self, said: dict[str, Any]) -> None:
        """Q1; leaving a queue never entered is ignored, so it is no queue event seen (Q2)."""
        stay = self.stay
        if stay is not None and stay.explicit and stay.queue == said["name"]:
            self._leave_queue(said.get("outcome") or "flow_out", self.labels.agent)
        else:
            self._ignore()

    def _ignore(self) -> None:
        """The event fits nothing, and is counted as such (Q1, R16)."""
        self._count("ignored_events", plain=True)

    def _bot_takes(self) -> None:
        self.bot_has = True
        if self.stay is not None and not self.stay.explicit and not self.stay.suspended:
            self.stay.suspended_at = self._now
