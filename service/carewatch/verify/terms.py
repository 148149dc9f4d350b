"""Which policy holds for a conversation at an instant, and what it promises (8.1)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from carewatch.verify.hours import Hours
from carewatch.verify.instants import length
from carewatch.verify.rulebook import Policy, Rulebook, Rulebooks
from carewatch.verify.state import Moment

PAUSING: dict[str, tuple[str, ...] | None] = {
    "pausable_update": None,
    "requester_wait": ("pending",),
    "agent_work": ("pending", "snoozed", "bot"),
    "resolution": None,
}
"""Targets that pause, and in which statuses; None: as the policy says."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A warning: `50%`, `before 15m`; at so many milliseconds of the target's clock."""

    name: str
    ms: int


@dataclass(frozen=True, slots=True)
class Term:
    """What one version of a policy promises for one target and priority."""

    policy: Policy
    target: str
    priority: str
    ms: int
    schedule: str

    @property
    def says(self) -> tuple[str, int, int, str]:
        """What a retarget compares (S8): policy, version, target and clock."""
        return self.policy.name, self.policy.version, self.ms, self.schedule

    def option(self, section: str, name: str, default: Any) -> Any:
        """A term of the policy, or what holds if it does not say."""
        return self.policy.option(section, name, default)

    def thresholds(self) -> list[Threshold]:
        """The warnings before the deadline, in order (S18)."""
        found: list[Threshold] = []
        for one in self.policy.body.get("at_risk") or ():
            if one.get("at") is not None:
                percent = int(one["at"].rstrip("%"))
                found.append(Threshold(one["at"], -(-self.ms * percent // 100)))
            else:
                found.append(Threshold(f"before {one['before']}", self.ms - length(one["before"])))
        return sorted((one for one in found if 0 < one.ms < self.ms), key=lambda one: one.ms)

    def pauses(self, moment: Moment) -> bool:
        """Whether the clock stands still (S7): in the statuses of the list, until a customer
        message that needs a reply, or, with `resume_on: status`, until a status says so. In status
        bot a message ends no pause: the bot goes on, and agents do not work yet (5.2)."""
        if self.target not in PAUSING or moment.stated is None:
            return False
        statuses = PAUSING[self.target]
        if statuses is None:
            statuses = tuple(self.option("pause", "statuses", ["pending"]))
            statuses += ("snoozed",) if self.option("pause", "snoozed", True) else ()
        waits = self.option("pause", "resume_on", "customer_message") == "customer_message"
        waits = waits and moment.stated != "bot"
        return moment.stated in statuses and not (waits and moment.written_since)


def policy_for(books: Rulebooks, moment: Moment, at: int) -> Policy | None:
    """The policy that holds as things stand: the first that matches, without a second choice."""
    for policy in books.at(at).versions_in_force(at):
        if _matches(policy.body.get("match") or {}, moment):
            return policy
    return None


def promise(policy: Policy, target: str, priority: str) -> Term | None:
    """What a policy promises; a priority without an entry has no target."""
    rule = policy.body["targets"].get(target)
    if rule is None:
        return None
    text = rule.get(priority) or rule.get("all")
    if text is None:
        return None
    named = rule.get("schedule") or policy.body.get("schedule") or "24x7"
    hours = rule.get("hours") or ("calendar" if named == "24x7" else "business")
    schedule = named if hours == "business" else "24x7"
    return Term(policy, target, priority, length(text), schedule)


def clock(books: Rulebooks, schedule: str, at: int) -> Hours:
    """The schedule of a name, as the rulebook in force at `at` has it, else as the last one had."""
    held: Rulebook = books.at(at)
    if schedule in held.schedules:
        return held.schedules[schedule]
    return next(one.schedules[schedule] for one in books.books if schedule in one.schedules)


def _matches(match: dict[str, Any], moment: Moment) -> bool:
    every, some = match.get("all") or [], match.get("any") or []
    return all(_holds(one, moment) for one in every) and (
        not some or any(_holds(one, moment) for one in some)
    )


def _holds(condition: dict[str, Any], moment: Moment) -> bool:
    values = set(_values(condition["field"], moment))
    if condition.get("eq") is not None:
        return condition["eq"] in values
    if condition.get("in") is not None:
        return bool(values & set(condition["in"]))
    return not values & set(condition.get("not_in") or ())


def _values(name: str, moment: Moment) -> Iterable[str]:
    labels = moment.labels
    one: str | None
    match name:
        case "tag":
            return moment.tags
        case "topic":
            return moment.topics
        case "account_ref":
            one = labels.account
        case "language":
            one = moment.language
        case "initiated_by":
            one = moment.initiated_by
        case "tenant" | "channel" | "queue" | "team" | "priority":
            one = getattr(labels, name)
        case _:
            one = None
    return () if one is None else (one,)
