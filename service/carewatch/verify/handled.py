"""What people spent on contacts, which calls they let pass, and how queues were served (5.5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from carewatch.verify.admission import Event
from carewatch.verify.calling import CALL_ENDS
from carewatch.verify.instants import MINUTE, length
from carewatch.verify.rulebook import Rulebooks
from carewatch.verify.sessions import SPANS
from carewatch.verify.state import Count, Moment, Session, Span, Stay, in_hours
from carewatch.verify.topics import ELSEWHERE
from carewatch.verify.visits import STAFF, Visit, visits, writer

AT_MOST = 2 * MINUTE
"""So much one act of a person accounts for in a chat."""

QUEUE_ANSWER = ("20s",)
"""Times of `within.queue_answer`, unless the tenant names others."""


def taking_part(moments: list[Moment]) -> Iterator[Count]:
    """Who handled a session: wrote, noted, changed its state or took a call; once each."""
    for visit in visits(moments):
        seen: set[str] = set()
        for one in visit.moments:
            agent = _acts(one)
            if agent is not None and agent not in seen:
                seen.add(agent)
                yield Count("handled_sessions", one.at, one.labels, agent=agent)


def _acts(one: Moment) -> str | None:
    event = one.event
    if event is None or not one.heard:
        return None
    actor = event.data["actor"]
    took = "took_call" in one.marks or event.type == "care.conversation.status_changed"
    if (took and actor["kind"] == "agent") or writer(one) in STAFF:
        return actor.get("key") or "unknown"
    return None


def let_pass(moments: list[Moment]) -> Iterator[Count]:
    """Calls offered to an agent and not taken, once per offer."""
    offers: set[tuple[str, str | None, str | None]] = set()
    for one in moments:
        event = one.event
        if event is None or not one.heard or event.type != "care.call.phase":
            continue
        call, agent = event.data["call"], _who(event)
        offer = (call["call_key"], call.get("leg_key"), agent)
        named = offer[1:] != (None, None)
        if call["phase"] == "missed" and named and offer not in offers:
            offers.add(offer)
            yield Count("agent_non_response", one.at, one.labels, agent=agent)


@dataclass(slots=True)
class Phone:
    """A call, as far as time is spent on it; `summed_up`: the contact centre has said how much."""

    agent: str | None = None
    answered: int | None = None
    ended: int | None = None
    wrapup: int | None = None
    summed_up: bool = False
    by_summary: bool = False

    @property
    def is_contact(self) -> bool:
        """No phase told of it: it is known from a summary alone."""
        return self.by_summary and self.answered is None and self.ended is None


class HandleTime:
    """The time people spent on each contact, measured in one way, which `method` says."""

    def __init__(
        self, moments: list[Moment], sessions: Sequence[Session], books: Rulebooks
    ) -> None:
        self._books = books
        self._sessions = {one.number: one for one in sessions}
        self._final: list[Count] = []
        self._told: dict[str | None, Count] = {}
        """What was said last of each call; of None the last session that is over."""
        self._phones: dict[str, Phone] = {}
        self._summed_up: set[int] = set()
        self._replier: str | None = None
        ended = {id(one.last): one for one in visits(moments) if one.end is not None}
        for one in moments:
            self._hear(one)
            if id(one) in ended:
                self._session(ended[id(one)])

    @property
    def counts(self) -> list[Count]:
        """What stands."""
        return [*self._final, *self._told.values()]

    def _hear(self, one: Moment) -> None:
        if {"opened", "reopened"} & set(one.marks) and None in self._told:
            self._final.append(self._told.pop(None))
        if writer(one) == "person":
            self._replier = one.agent
        if one.event is None or not one.heard:
            return
        if one.event.type == "care.call.phase":
            self._phase(one, one.event)
        elif one.event.type == "care.interaction.summary":
            self._summary(one, one.event)

    def _phase(self, one: Moment, event: Event) -> None:
        """From answered to ended, and from then (or from wrap-up) to completed."""
        said, phase = event.data["call"], event.data["call"]["phase"]
        phone = self._phones.setdefault(said["call_key"], Phone())
        if "took_call" in one.marks:
            phone.answered, phone.agent = one.at, _who(event)
            self._summed_up.add(one.session)
        elif phase == "wrapup" and phone.wrapup is None:
            phone.wrapup = one.at
        last = phase in CALL_ENDS or (phase == "missed" and not said.get("leg_key"))
        ends = last and phone.ended is None
        phone.ended = one.at if ends else phone.ended
        if not (ends or phase == "completed") or phone.answered is None or phone.summed_up:
            return
        talk = phone.answered, phone.ended or one.at
        spans = [self._span(one, *talk), self._span(one, max(talk[1], phone.wrapup or 0), one.at)]
        self._told[said["call_key"]] = _spent("phases", one, spans, phone.agent)

    def _summary(self, one: Moment, event: Event) -> None:
        """Nothing else counts for the contact; one that is no call is all that was told here, but
        for what was said of others like it."""
        said = event.data["summary"]
        parts = [said.get(name) for name in ("talk_ms", "hold_ms", "acw_ms")]
        stated = [part for part in parts if part is not None]
        spent = sum(stated) if stated else said.get("handle_ms")
        if spent is None:
            return
        contact = said["replaces_key"]
        known = self._phones.get(contact)
        of_all = known is None or known.is_contact
        for key, phone in self._phones.items():
            if key == contact or (of_all and not phone.is_contact):
                phone.summed_up = True
                self._told.pop(key, None)
        if of_all:
            self._told.pop(None, None)
            self._phones[contact] = Phone(summed_up=True, by_summary=True)
            self._summed_up.add(one.session)
        agent = _who(event) or (known.agent if known is not None else self._replier)
        told = _spent("summary", one, [Span(0, spent, None)], agent)
        self._told[contact] = told

    def _session(self, visit: Visit) -> None:
        last, acts = visit.last, [one for one in visit.moments if writer(one) in STAFF]
        profile = self._books.at(last.at).profile(last.labels.channel, last.labels.account)
        replied = any(writer(one) == "person" for one in visit.moments)
        match profile.handle_time:
            case "activity":
                spans = list(self._activity(visit))
            case "agent_work" if replied:
                held = self._sessions[visit.number].spans
                spans = [one for state in SPANS["agent_work_time"] for one in held.get(state, ())]
            case "open" if replied:
                waits = (one for one in visit.moments if one.status == "pending")
                until = next(waits, last if visit.end == "resolved" else None)
                if until is None:
                    return
                spans = [self._span(until, visit.opening.at, until.at)]
            case _:
                return
        if visit.number in self._summed_up or visit.end in ELSEWHERE or not acts:
            return
        self._told[None] = _spent(profile.handle_time, last, spans, acts[-1].agent)

    def _activity(self, visit: Visit) -> Iterator[Span]:
        """Each act accounts for the time since what it may answer, or the act before."""
        since, before = visit.opening.at, visit.opening
        for one in visit.moments:
            if {"handoff", "assigned"} & set(one.marks):
                since = one.at
            if writer(one) in STAFF:
                asked = since if before.turn is None else before.turn[0]
                yield self._span(one, max(since, asked, one.at - AT_MOST), one.at)
                since = one.at
            before = one

    def _span(self, one: Moment, start: int, end: int) -> Span:
        """A span, by the schedule of the moment's queue."""
        hours = self._books.at(one.at).hours_of(one.labels.tenant, one.labels.queue)
        return Span(start, end, None if hours is None else hours.elapsed(start, end))


def _spent(method: str, one: Moment, spans: Sequence[Span], agent: str | None) -> Count:
    return Count(
        "handle_time",
        one.at,
        one.labels,
        (("method", method),),
        n=sum(span.calendar for span in spans),
        business=in_hours(spans),
        agent=agent or one.labels.agent,
    )


def _who(event: Event) -> str | None:
    """The agent whom an event names."""
    actor = event.data["actor"]
    return (actor.get("key") or "unknown") if actor["kind"] == "agent" else None


def served(
    stays: Sequence[Stay], moments: list[Moment], clock: int, books: Rulebooks
) -> Iterator[Count]:
    """`abandonment_rate`: stays given up, of those offered; wrong calls are neither.
    `service_level`: answered within a time, of these, of those given up before (not at once) and
    of waits that lasted longer: those count at the instant at which they did."""
    clock = max(clock, moments[-1].at)  # a later event lets timers fire, too (R7)
    for stay in stays:
        if stay.counted is not None and not stay.short:
            yield replace(stay.counted, metric="abandonment_rate", n=0, d=1)
        gave_up = stay.outcome == "abandoned" and not stay.short
        if gave_up and stay.ended is not None and stay.left is not None:
            yield Count("abandonment_rate", stay.ended, stay.labels_of(stay.left))
        names = {x for book in books.books for x in _times(book.tenant(moments[0].labels.tenant))}
        for x in sorted(names):
            yield from _served(stay, x, moments, clock, books)


def _served(
    stay: Stay, x: str, moments: list[Moment], clock: int, books: Rulebooks
) -> Iterator[Count]:
    reached, further = stay.start + length(x), (("within", x),)
    ended = stay.ended
    at = reached if ended is None or ended > reached else ended
    tenant = moments[0].labels.tenant
    waits = stay.suspended_at is not None and stay.suspended_at <= reached
    if waits and ended is None:
        return  # the bot has it: whether anybody waited in a queue shows later (Q3)
    if (ended is None and clock <= reached) or x not in _times(books.at(at).tenant(tenant)):
        return
    known = max(at, stay.began if ended is None or not waits else ended)
    now = [one for one in moments if one.at <= known][-1]
    labels = stay.labels_of(stay.left if known == ended and stay.left is not None else now.labels)
    if ended is None or ended > reached:
        yield Count("service_level", at, labels, further, n=0, d=1, told=known)
    elif stay.outcome == "answered":
        yield Count("service_level", at, labels, further, d=1)
    elif stay.outcome == "abandoned" and not stay.short:
        yield Count("service_level", at, labels, further, n=0, d=1)


def _times(tenant: dict[str, dict[str, list[str]]]) -> list[str]:
    return tenant.get("within", {}).get("queue_answer") or list(QUEUE_ANSWER)
