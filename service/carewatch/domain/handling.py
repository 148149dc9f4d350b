"""What people spend on a session, and who takes part in it.

How the time is measured depends on the profile of the account, and the metric says which way:

- `activity` (chats): each public message and note of a person accounts for the time since the
  latest of the customer's unanswered message, the act before, the hand-off and the assignment,
  but for two minutes at most: nobody knows what an agent does who says nothing.
- `agent_work` (e-mail): the time that the session was new, queued or open.
- `open` (comments): from the opening to the first time pending, else to the resolution.
- `phases` and `summary` (voice): see `calls`.

The second and third need a reply of a person. Whoever acted last is who handled the session. A
summary of the contact centre takes the place of all of them: the two are never added.
"""

from typing import Final

from carewatch.domain.conversation import Session, Spent, Step
from carewatch.domain.facts import Tally

ACTIVE_MS: Final = 120_000
"""So much of the time before an act counts as spent on it."""
PEOPLE_KEPT: Final = 16
"""So many people of one session are known one by one; more count as nobody."""
WORKING_STATES: Final = ("new", "queued", "open")
KEPT_AS: Final = "handle:session"
"""The name under which the last session's time can be taken back."""
_ELSEWHERE: Final = ("merged", "spam")


def acted(step: Step, session: Session, agent: str | None) -> None:
    """A person did something in the session: a message, a note, a change of state, a call."""
    if agent is None or agent in session.people or len(session.people) >= PEOPLE_KEPT:
        return
    session.people = (*session.people, agent)
    step.say(Tally(step.labels(agent=agent), "handled_sessions", step.at))


def wrote(step: Step, session: Session, agent: str | None) -> None:
    """A person wrote a public message or a note; asked before the turn is answered."""
    acted(step, session, agent)
    turn, assigned_at = step.state.turn, step.state.assigned_at
    began = max(
        session.opened_at,
        step.at - ACTIVE_MS,
        session.acted_at or 0,
        session.last_handoff_at or 0,
        turn.started_at if turn is not None else 0,
        assigned_at or 0,
    )
    session.active += step.spent_since(began)
    session.acted_at = step.at
    session.actor = agent or session.actor


def pending(step: Step, session: Session) -> None:
    """The session waits for the customer, for the first time."""
    if session.until_pending is None:
        session.until_pending = step.spent_since(session.opened_at)


def session_opened(step: Step) -> None:
    """What the session before took is final."""
    step.forget(KEPT_AS)


def session_ended(step: Step, session: Session, ending: str) -> None:
    """What people spent on the session, if anybody did and nobody else says it."""
    method = step.profile.handle_time
    if session.summed_up or ending in _ELSEWHERE:
        return
    spent: Spent | None = None
    if method == "activity" and session.acted_at is not None:
        spent = session.active
    elif method == "agent_work" and session.person_wrote:
        times = (session.spent.get(state, Spent()) for state in WORKING_STATES)
        spent = sum(times, start=Spent())
    elif method == "open" and session.person_wrote:
        spent = session.until_pending
        if spent is None and ending == "resolved":
            spent = step.spent_since(session.opened_at)
    if spent is not None:
        say(step, method, spent, session.actor, KEPT_AS)


def say(step: Step, method: str, spent: Spent, agent: str | None, name: str) -> None:
    """A contact took that long; under `name` it can be taken back, which the next one does."""
    step.take_back(name)
    tally = Tally(
        step.labels(agent=agent),
        "handle_time",
        step.at,
        (method,),
        amount=spent.calendar_ms,
        business_ms=spent.business_ms,
    )
    step.say(tally, keep=name)
