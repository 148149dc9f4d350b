"""One conversation as one story: its accepted events, sorted, told once from the beginning.

Domain sections 2.3 and 3: what each event means for sessions, turns, the bot and queue stays. What
the text leaves open is decided where it happens, and says so.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from carewatch.verify.calling import Calling
from carewatch.verify.instants import HOUR, instant
from carewatch.verify.rulebook import Rulebooks
from carewatch.verify.sayings import (
    EXCLUDING,
    author,
    has_effect,
    needs_reply,
    newest_revisions,
    notes,
    tags_after,
)
from carewatch.verify.state import Call, Handed, Told

OPENING = ("new", "bot", "queued", "open")
MOST_HOPS = 8
"""So often a turn is handed on; what would be handed on once more is dropped (contract 4)."""

NO_REPLY = frozenset({"no_reply_needed", "mark_complete", "marked_complete", "mark complete"})


class Story(Calling):
    """Tells the events up to the conversation's clock; then everything that came of them stands
    in `facts`, `counts`, `moments` and `handed`."""

    def __init__(self, events: Sequence[Told], clock: int, rulebooks: Rulebooks) -> None:
        super().__init__(events[0].event, rulebooks)
        self._needs = needs_reply(events, rulebooks)
        self._until: int | None = None
        self._heard_notes = notes(events)
        self._revisions = newest_revisions(events)
        self.handed: list[Handed] = []
        self.late_changes = 0
        self.clock = clock
        for one in events:
            if not has_effect(one.event):
                continue
            self._idle_until(one.at)
            if self._waits:
                self._free_since = one.at
            self._tell(one)
        self._idle_until(clock)

    @property
    def gone(self) -> set[str]:
        """The keys of messages that were deleted."""
        return self._deleted_keys

    def states(self, now: int) -> list[str]:
        """The states of the open session that backlogs tell apart (5.2): its status, and whether
        it has no agent, is owed an answer or the first one, can be worked on, is put off for no
        more than an hour."""
        found = [self.status or "open"]
        if self.labels.agent is None:
            found.append("unassigned")
        if self.turn is not None or (self.session is not None and not self.session.person_wrote):
            found.append("unattended")
        if self.status != "snoozed":
            found.append("workable")
        elif self._until is not None and self._until - now <= HOUR:
            found.append("snoozed_due")
        return found

    def _tell(self, told: Told) -> None:
        self._event, self._marks, self._credited = told, [], None
        self._notes, self._note_of = (), None
        kind, data = told.event.type, told.data
        self._heard = not self._tags & EXCLUDING
        if not self._heard:
            self._count_excluded(kind, told)
        else:
            if told.clamped:
                self._count("negative_clamped", plain=True)
            if kind != "care.conversation.turn_inherited":
                self._label(data)  # a derived event says nothing of its own about the parent
            match kind:
                case "care.message.created":
                    self._message(told)
                case "care.message.deleted":
                    self._deleted(told)
                case "care.message.annotated" | "care.message.updated":
                    self._noted(told)
                case "care.conversation.opened":
                    self._lifecycle = True
                    if (
                        self.session is None
                        and told.event.section("lifecycle").get("to") in OPENING
                    ):
                        self._status_changed(told)
                    elif self.session is None:
                        self._open("open")
                case "care.conversation.status_changed":
                    self._status_changed(told)
                case "care.conversation.assigned":
                    self._assigned(told)
                case "care.conversation.handoff":
                    if data["handoff"]["to"] == "bot" and self.session is None:
                        self._ignore()
                    elif data["handoff"]["to"] == "bot":
                        self._to_bot()
                    else:
                        self._to_people()
                case "care.queue.entered":
                    self._entered(data["queue"]["name"])
                case "care.queue.left":
                    self._left(data["queue"])
                case "care.conversation.tagged":
                    self._tagged(told)
                case "care.conversation.merged":
                    self._merged(told)
                case "care.conversation.turn_inherited":
                    self._inherited(told)
                case "care.interaction.summary":
                    # Of a contact that nobody knows as a call: it is over.
                    self._calls.setdefault(data["summary"]["replaces_key"], Call(over=True))
                case "care.call.phase":
                    self._call(told)
                case _:
                    pass
        self._remember(told.event)

    def _merged(self, told: Told) -> None:
        """E14: the session ends; its open turn moves to the parent, with its start."""
        into = told.data["lifecycle"].get("merged_into")
        if into == self.labels.conversation:
            self._count("dropped_merges", plain=True)
            return  # a merge into itself is dropped
        if self.session is None:
            self._ignore()
        self._marks.append("merged")
        turn = self.turn
        if turn is not None and into is not None and turn.hops >= MOST_HOPS:
            self._count("dropped_merges", plain=True)
        elif turn is not None and into is not None:
            self.handed.append(Handed(told.event, into, told.at, turn.start, turn.hops + 1))
            self._unask()  # it is a turn of the parent now
        self._end("merged", None, "merged")

    def _inherited(self, told: Told) -> None:
        """E14, S15: a child's turn goes on here. One that comes after this conversation was merged
        itself opens a session, as every message would; what is open at a merge moves on."""
        said = told.data["inherited"]
        newest = self._revisions[said["from_conversation"], told.event.time]
        if said["started_at"] is None or said["revision"] < newest:
            return
        start, hops = instant(said["started_at"]), said["hops"]
        if self.session is None:
            # What a customer wrote comes with the turn, so a customer began the session (R15).
            self._open("open", initiated_by="customer")
        elif self.session.initiated_by is None:
            self.session.initiated_by = "customer"
        self._marks.append("inherited")
        turn = self.turn or self._open_turn(start)
        if start < turn.start:
            self._recount_turn(start)
        turn.start, turn.hops = min(turn.start, start), max(turn.hops, hops)
        asked = f"inherited from {said['from_conversation']}"
        turn.waiting[asked] = None
        self._unseen_by_bot.add(asked)  # it stands for what the customer wrote

    def _label(self, data: dict[str, Any]) -> None:
        self._role = data.get("source_role") or self._role
        self.labels = replace(
            self.labels,
            channel=data["channel"],
            account=data["account_ref"],
            priority=data.get("priority") or self.labels.priority,
            customer=data.get("customer_key") or self.labels.customer,
        )
        self._language = (data.get("message") or {}).get("lang") or self._language

    def _noted(self, told: Told) -> None:
        """What models say of a message holds from then on: topics, and a customer's language."""
        self._notes, self._note_of = self._heard_notes.get(id(told.event), ((), None))
        for one in self._notes:
            if one["kind"] == "topic":
                self._topics |= {one["label"]}
            elif one["kind"] == "language" and self._note_of == "customer":
                self._language = one["label"]

    def _message(self, told: Told) -> None:
        message, actor = told.event.section("message"), told.data["actor"]
        match author(told.event):
            case "customer":
                self._count_message("inbound", "customer", message["key"])
                self._customer_wrote(told)
            case "person":
                agent = actor.get("key") or "unknown"
                self._count_message("outbound", "agent", message["key"], agent)
                self._person_wrote(agent)
            case "note":
                self._count_message("internal", "agent", message["key"])
                self._marks.append("note")
                self._credited = actor.get("key") or "unknown"
            case "bot":
                self._count_message(message["direction"], "bot", message["key"])
                self._bot_wrote(actor.get("key"))
            case other:
                self._count_message(message["direction"], other, message["key"])

    def _customer_wrote(self, told: Told) -> None:
        key, needs = told.data["message"]["key"], self._needs.get(id(told.event), False)
        opens = self.session is None and needs
        if opens:
            self._open("open", initiated_by="customer")
        if self.session is None:
            return
        self.session.initiated_by = self.session.initiated_by or "customer"
        self._public_at = told.at
        if not needs:
            return
        self._marks.append("customer")
        self._unseen_by_bot.add(key)
        if self.status in ("pending", "snoozed"):
            self._set_status("open")
        turn = self.turn or self._open_turn(told.at)
        self._ask(turn, key)

    def _person_wrote(self, agent: str) -> None:
        if self.session is None:
            within = self._profile.reopen_within
            if self._resolved_at is not None and self._now - self._resolved_at <= within:
                self._marks.append("after_word")
                self._credited = agent
                return  # an after-word (R12): of no session, so of no case either (R14)
        self._credited = agent
        session = self.session or self._open("open", initiated_by="agent")
        session.initiated_by = session.initiated_by or "agent"
        self._marks.append("person")
        self._public_at = self._now
        self._answer(agent)
        if session.pending_handoff is not None:
            self._sample("first_response_after_handoff", session.pending_handoff, agent=agent)
            session.pending_handoff = None
        if self._agent_new and self._agent_since is not None and self.labels.agent == agent:
            self._sample("reply_time_from_assignment", self._agent_since, agent=agent)
            self._agent_new = False
        self._leave_queue("answered", agent)
        self.bot_has = False
        self._unseen_by_bot.clear()
        session.person_wrote = True
        if self.case is not None:
            self.case.person_wrote = True

    def _bot_wrote(self, agent: str | None) -> None:
        if self.session is None:
            return
        self._marks.append("bot")
        self._credited = agent
        self._public_at = self._now
        self._answer_any(agent)
        self._unseen_by_bot.clear()
        session = self.session
        quiet = not session.person_wrote and session.handed_off_at is None
        if quiet and self.labels.agent is None:
            self._bot_takes()

    def _deleted(self, told: Told) -> None:
        key = told.data["message"]["key"]
        counted = self._messages.pop(key, None)
        if counted is not None:
            self.counts.remove(counted)
        self._deleted_keys.add(key)
        self._unseen_by_bot.discard(key)
        if self.turn is not None and key in self.turn.waiting:
            asked = self.turn.waiting.pop(key)
            if asked is not None and asked.d:
                self.counts.append(replace(asked, sign=-1, told=self._now))
            if not self.turn.waiting:
                self._end_turn("deleted")
                self._leave_unanswered(by_customer=True)

    def _tagged(self, told: Told) -> None:
        before = self._tags
        self._tag(told.event.section("tags"))
        if self._tags & EXCLUDING and not before & EXCLUDING:
            self._marks.append("spam")
            if self.session is not None:
                self._end("closed", "spam", "spam")

    def _tag(self, said: dict[str, Any]) -> None:
        self._tags = tags_after(self._tags, said)

    def _count_excluded(self, kind: str, told: Told) -> None:
        """E20: only the tag's going is heard."""
        if kind == "care.conversation.tagged":
            self._tag(told.event.section("tags"))
            if not self._tags & EXCLUDING:
                self._label(told.data)
                self._heard = True
                return
        self._count("excluded_events", plain=True)

    def _status_changed(self, told: Told) -> None:
        said, actor = told.data["lifecycle"], told.data["actor"]
        to, before = said["to"], self.status
        self._lifecycle = True
        self._marks += ["status", f"to:{to}"]
        if to in OPENING:
            was_bot = said.get("from", before) == "bot"
            if self.session is None:
                self._open(to)
            else:
                self._set_status(to)
            if to == "bot":
                self._to_bot()
            elif to in ("queued", "open") and was_bot:
                self._to_people()
        elif self.session is None:
            if to == "closed" and self._resolved_at is not None and self._last is not None:
                if self._closed:
                    self._ignore()
                    return
                self._closed = True
                self._session_fact("closed", said.get("reason"), self._last)
            else:
                self._ignore()
        elif to in ("pending", "snoozed"):
            self._set_status(to)
            until = said.get("until")
            self._until = None if until is None else instant(until)
        elif to in ("resolved", "closed"):
            reason = said.get("reason")
            outcome = "no_reply_needed" if reason in NO_REPLY else None
            self._end("resolved", reason, outcome, by=actor)
        elif to == "deleted":
            self._end("closed", "deleted", "deleted", by=actor)

    def _assigned(self, told: Told) -> None:
        said = told.data["assignment"]
        to = said.get("to")
        side: dict[str, Any] = {"agent": None} if to is None else to
        before = self.labels
        self.labels = replace(
            before,
            agent=side.get("agent", before.agent),
            team=side.get("team", before.team) or "none",
            queue=side.get("queue", before.queue) or "none",
        )
        self._assigned_since_end |= self.session is None and side.get("agent") is not None
        if self.labels.queue != before.queue:
            self._routed()
        if side.get("agent") is not None:
            self._to_agent(before.agent)
        elif self.labels.agent is None and before.agent is not None:
            self._marks.append("unassigned")
            self._agent_since, self._agent_new = None, False
            if self.turn is not None and self._implicit and self.stay is None and not self.bot_has:
                self._begin_stay(explicit=False)

    def _to_agent(self, before: str | None) -> None:
        agent, session = self.labels.agent, self.session
        self._marks.append("to_agent")
        self.bot_has = False
        self._leave_queue("answered", agent)
        if agent != before:
            self._marks.append("assigned")
            self._agent_since, self._agent_new = self._now, True
        if session is None or session.assigned or session.assigned_at_opening:
            return
        session.assigned = True
        if session.initiated_by != "agent":
            start = session.handed_off_at or session.opened_at
            self._sample("time_to_assignment", start, agent=agent)

    def _entered(self, name: str) -> None:
        if self.stay is not None and self.stay.explicit and self.stay.queue == name:
            return
        self.labels = replace(self.labels, queue=name)
        session = self.session or self._open("open")
        session.queue_event = True
        if self.stay is not None and not self.stay.explicit:
            self._discard()
        self._leave_queue("transferred", self.labels.agent)
        self._begin_stay(explicit=True)
