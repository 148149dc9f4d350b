"""What a session adds to the counts of its kind: when it is reopened, and when it ends.

What did happen stays counted: a reopening is one more event, and takes back nothing but the last
resolution's full time (R22). So a session that was resolved was resolved, however the case goes on.
"""

from typing import Final

from carewatch.domain.conversation import Session, Step
from carewatch.domain.days import days_of
from carewatch.domain.facts import Result, Tally

RESOLVED_WITHIN_MS: Final = 7 * 24 * 3_600_000
"""A session counts as resolved when it was within seven days (the resolution rate's horizon)."""


def reopened(step: Step, resolution: Result | None) -> None:
    """The last resolution was reopened: counted where it was, as one of those resolved then."""
    if resolution is not None:
        step.say(Tally(resolution.labels, "reopen_rate", step.state.ended_at or step.at))


def ended(step: Step, session: Session, *, resolved: bool) -> None:
    """The session ended, however it did; promises are judged by the breaches that fell in it.

    A reply that is owed beyond the end, as a policy may have it, spoils no session any more.
    """
    labels, at = step.labels(), step.at
    step.say(Tally(labels, "thread_size", at, amount=session.messages))
    step.say(Tally(labels, "hops_per_session", at, amount=session.transfers))
    if session.promised:
        clean = int(not session.breached)
        step.say(Tally(labels, "policy_clean_rate", at, amount=clean, of=1))
    if resolved:
        step.say(Tally(labels, "replies_to_resolution", at, amount=session.replies))
        once = int(session.replies == 1)
        step.say(Tally(labels, "one_touch_rate", at, amount=once, of=1))
        _resolved(step, session)


def _resolved(step: Step, session: Session) -> None:
    """Sessions count at their opening, conversations once in a local day of the tenant."""
    opened = session.opened_as
    if opened is not None and step.at - session.opened_at <= RESOLVED_WITHIN_MS:
        step.say(Tally(opened, "resolution_rate", session.opened_at))
    day = days_of(step.books).day(step.tenant, step.at).start
    if day != step.state.resolved_on:
        step.state.resolved_on = day
        step.count("resolved_conversations")
