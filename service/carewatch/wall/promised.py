"""What the rulebook promises to customers of a place, and how a figure stands to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from carewatch.domain.calendar import ALWAYS_NAME
from carewatch.domain.known import NONE
from carewatch.domain.matching import Subject
from carewatch.domain.metric import BUSINESS
from carewatch.domain.policy import BEGINNING, NO_BOOK, Book, Promise
from carewatch.domain.rulebook import Document, Target

State = Literal["ok", "risk", "breach", "none", "plain"]
"""`none`: there is no figure; `plain`: there is nothing to judge it by."""

_WORSE: Final[tuple[State, ...]] = ("plain", "none", "ok", "risk", "breach")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The shortest and the longest time that is promised, in milliseconds; of open hours only if
    `business`."""

    least_ms: int
    most_ms: int
    business: bool


class Promises:
    """The promises of one rulebook, to those of whom only tenant and channel are known.

    A policy that asks for more (an account, a queue, a tag) is not theirs.
    """

    def __init__(self, number: int, document: Document | None) -> None:
        self._book = NO_BOOK if document is None else Book(number, "", BEGINNING, document)

    def of(self, at: int, tenant: str, channel: str, target: Target) -> Promise | None:
        """What is promised to a customer of a tenant on a channel, at normal priority."""
        return self._book.promise(at, target, Subject(tenant, channel, "", NONE, NONE, "normal"))

    def objectives(self, at: int) -> dict[str, int]:
        """Percent of its clocks that each policy in force must meet."""
        return {policy.policy: policy.objective.attainment for policy, _ in self._book.in_force(at)}

    def warned_before(self, policy: str, target: str, at: int) -> int:
        """How long before its deadline a promise is at risk, in milliseconds of its clock; 0 where
        nobody is warned. Of several priorities the one that is warned first counts."""
        return max(
            (
                promise.limit_ms - promise.warns[0].after_ms
                for one, promises in self._book.in_force(at)
                for (owed, _), promise in promises.items()
                if (one.policy, owed) == (policy, target) and promise.warns
            ),
            default=0,
        )

    def within(self, tenants: Iterable[str], waits_for: str) -> list[str]:
        """The times (`10m`) within which customers of the tenants should get what they wait for."""
        found = {
            text: limit
            for tenant in tenants
            for text, limit in self._book.within(tenant, waits_for).items()
        }
        return sorted(found, key=lambda text: (found[text], text))

    def tenants(self) -> list[str]:
        """The tenants that the rulebook names."""
        return sorted(self._book.document.tenants)


def worst(states: Iterable[State]) -> State:
    """The state of several together; `plain` without any."""
    return max(states, key=_WORSE.index, default="plain")


def against(promise: Promise, ms: int) -> State:
    """How a wait of so long stands to a promise."""
    if ms > promise.limit_ms:
        return "breach"
    warned = promise.warns and ms >= promise.warns[0].after_ms
    return "risk" if warned else "ok"


def clocked(metric: str, promise: Promise) -> str:
    """The metric on the clock of the promise: the business twin where open hours count."""
    return metric if promise.clock == ALWAYS_NAME else metric + BUSINESS


def limits_of(promises: Iterable[Promise]) -> Limits | None:
    """What is promised at least and at most; None where nothing is."""
    found = list(promises)
    if not found:
        return None
    return Limits(
        least_ms=min(one.limit_ms for one in found),
        most_ms=max(one.limit_ms for one in found),
        business=any(one.clock != ALWAYS_NAME for one in found),
    )
