"""What is remembered of one conversation: its state, its recent history, and what is due next."""

from typing import Final

import msgspec

from carewatch.domain.conversation import Conversation
from carewatch.domain.events import Event, Order, order
from carewatch.domain.fold import Tell, fire_timers, next_timer
from carewatch.domain.history import History
from carewatch.domain.late_changes import forget
from carewatch.domain.naming import override_key
from carewatch.domain.policy import Books

HISTORY_MS: Final = 48 * 3_600_000
"""Events older than this are final (R6a)."""

FORGOTTEN_AFTER_MS: Final = 90 * 24 * 3_600_000
"""Who was silent for longer, with nothing open, is forgotten (R6a); exactly this is remembered."""

SAME: Final = b""
"""A base that is the state itself."""

_encode = msgspec.msgpack.Encoder().encode
_decode_state = msgspec.msgpack.Decoder(Conversation).decode


class Memory(msgspec.Struct, array_like=True):
    """What is remembered of one conversation; its changelog row.

    `base` is the state before the first of `events` (MessagePack, None for a fresh one, SAME when
    there are no events and it would be `state`), `state` the state after all of them and after
    every timer below `advanced`. Events before the instant `final_before`, or beyond the number
    that is kept, are final already though still among `events`: they are folded away a block at a
    time, when events are derived anew, or when the conversation settles. `awaited`
    are the keys of messages that replies named before they arrived (R3), `handed` the newest
    revision of what each merge among `events` handed over (E14). By the rulebooks up to number
    `due_by` the next timer is `due`. `forgotten` are the marks of messages that are folded away.
    What was taken back had become true before `retold`.
    """

    tenant: str
    key: str
    state: Conversation
    events: History
    base: bytes | None = None
    base_order: Order | None = None
    recorded: int = 0
    advanced: int = 0
    causes: dict[bytes, str] = {}
    awaited: tuple[str, ...] = ()
    handed: dict[str, int] = {}
    final_before: int = 0
    due: int | None = None
    due_by: int = -1
    forgotten: bytes = b""
    retold: int = 0

    def next_timer(self, books: Books) -> int | None:
        """When something becomes true by itself, None when nothing will."""
        if self.due_by != books.newest:
            self._expect(next_timer(self.tenant, self.state, books), books)
        return self.due

    def fire_timers(self, until: int, books: Books, tell: Tell) -> None:
        """Fires every timer below `until`, by rulebooks that may be others than before."""
        # Asked for at each event: only after a change need it be worked out.
        at = self.next_timer(books)
        if at is not None and at < until:
            self._expect(fire_timers(self.tenant, self.state, until, books, tell), books)

    def changed(self) -> None:
        """The state changed: when its next timer fires is not known any more."""
        self.due_by = -1

    def settles_by(self, clock: int) -> bool:
        """Whether nothing of the history can be derived anew at this clock, or any later one.

        Nothing is open, and nothing has come for as long as history is kept: what comes now is
        later than all of it (R4).
        """
        began = self.state.last_order is not None
        return began and self.is_over and clock - self.advanced >= HISTORY_MS

    @property
    def last_sign(self) -> int:
        """When it was last heard of, or its last session ended by time alone."""
        return max(self.recorded, self.state.ended_at or 0)

    def is_silent_at(self, instant: int) -> bool:
        """Whether nothing was heard of it for so long that it is forgotten, unless it is open."""
        return instant - self.last_sign > FORGOTTEN_AFTER_MS

    def is_forgotten_at(self, instant: int, books: Books) -> bool:
        """Whether an event of that instant is the first of a conversation of its own (R6a).

        So it is no matter when somebody gets round to forgetting. Ids that follow differ from all
        that were said: their causes do, or the instants in what they name.
        """
        if not self.is_silent_at(instant):
            return False
        # What is true at the instant may not be told before it is known that this is the end.
        then = msgspec.structs.replace(self, state=_decode_state(_encode(self.state)))
        then.fire_timers(instant, books, lambda _: None)
        return then.is_over and then.is_silent_at(instant)

    def is_beyond_recall(self, clock: int) -> bool:
        """Whether every event that is taken at this clock, or later, finds it forgotten.

        Those may be late (R4), and hand-overs come from partitions that may lag behind.
        """
        return self.is_over and self.is_silent_at(clock - HISTORY_MS)

    @property
    def is_over(self) -> bool:
        """Nothing is open, and nothing happens by time alone."""
        state = self.state
        waits = state.turn is not None or state.stay is not None
        return state.session is None and not waits and not state.obligations

    @property
    def is_settled(self) -> bool:
        """Its history is folded away, all of it."""
        return self.base == SAME

    def settle(self) -> None:
        """Folds all of the history away; for when it `settles_by` the clock.

        Of a conversation that is over most is history, and most are over. Without a `base_order`
        nothing of it was final yet when its last event came.
        """
        if self.is_settled:
            return
        open_ = {override_key(one.result, one.cause) for one in self.state.withdrawable.values()}
        self.causes = {key: cause for key, cause in self.causes.items() if key in open_}
        self.base_order = self.oldest_final()
        self.base = SAME
        self.drop(list(self.events))
        self.handed = {}

    def drop(self, oldest: list[Event]) -> None:
        """The oldest events are folded away: of their messages only marks are left."""
        self.forgotten = forget(oldest, self.forgotten)
        self.events.drop(len(oldest))

    def oldest_final(self) -> Order | None:
        """The place of an event that was final when the last one came; None if none was."""
        if self.base_order is not None:
            return self.base_order
        oldest = next(iter(self.events), None)
        # Of a settled history the newest place is known: what came since may have said nothing.
        place = self.state.last_order if oldest is None else order(oldest)
        return place if place is not None and place[0] < self.final_before else None

    def unsettle(self) -> None:
        """An event comes: from now on base and state are two."""
        if self.is_settled:
            self.base, self.base_order = _encode(self.state), self.state.last_order

    def _expect(self, due: int | None, books: Books) -> None:
        self.due, self.due_by = due, books.newest
