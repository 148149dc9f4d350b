"""How a figure is made of the points of some windows; every one is a value, so that equal ones are
worked out once."""

from collections.abc import Hashable
from typing import Final, Literal, NamedTuple, Protocol

from carewatch.domain.points import Spread
from carewatch.wall.figures import Figures, Question, ask

Rank = Literal["p50", "p90"]

NEEDED: Final[dict[Rank, int]] = {"p50": 5, "p90": 10}
"""Samples below which a percentile is not shown: the ninth of ten stands for nobody but himself."""

BURN_NEEDED: Final = 10
"""Judged clocks below which no burn rate is shown: one late of one is no trend."""

_EVALUATIONS: Final = "sla_evaluations"
_BREACHES: Final = "sla_breaches"


class Measure(Hashable, Protocol):
    """What makes one integer of some windows; None where there is none."""

    def of(self, figures: Figures) -> int | None:
        """The figure."""


class Counted(NamedTuple):
    """How many."""

    question: Question

    def of(self, figures: Figures) -> int | None:
        return figures.count(self.question)


class Ranked(NamedTuple):
    """A percentile in milliseconds; None with too few samples."""

    question: Question
    rank: Rank

    def of(self, figures: Figures) -> int | None:
        return ranked(figures.spread(self.question), self.rank)


class Shared(NamedTuple):
    """Permille of a ratio; None of nothing."""

    question: Question

    def of(self, figures: Figures) -> int | None:
        share = figures.share(self.question)
        return permille(share.n, share.d)


class Kept(NamedTuple):
    """Permille of the judged SLA clocks that were not breached (S17); None of nothing."""

    picks: tuple[tuple[str, str], ...] = ()

    def of(self, figures: Figures) -> int | None:
        n, d = kept(figures, self.picks)
        return permille(n, d)


class Burned(NamedTuple):
    """Breaches in thousandths of those that the objectives allow, of the policy that is worst;
    None while no policy has enough judged clocks."""

    objectives: tuple[tuple[str, int], ...]

    def of(self, figures: Figures) -> int | None:
        burnt = [
            burn(figures, policy, objective)
            for policy, objective in self.objectives
            if judged(figures, policy) >= BURN_NEEDED
        ]
        return max(burnt, default=None)


def ranked(spread: Spread, rank: Rank) -> int | None:
    """A percentile, where there are enough samples for it."""
    if spread.count < NEEDED[rank]:
        return None
    return spread.p50 if rank == "p50" else spread.p90


def kept(figures: Figures, picks: tuple[tuple[str, str], ...] = ()) -> tuple[int, int]:
    """Judged SLA clocks that were not breached, and all."""
    evaluations = figures.count(Question(_EVALUATIONS, picks))
    return evaluations - figures.count(Question(_BREACHES, picks)), evaluations


def judged(figures: Figures, policy: str) -> int:
    """The judged clocks of a policy."""
    return figures.count(ask(_EVALUATIONS, policy=policy))


def burn(figures: Figures, policy: str, objective: int) -> int:
    """Breaches of a policy in thousandths of those that its objective (percent) allows; one of
    100 % allows none, and is taken to allow one in a thousand."""
    allowed = max(1, (100 - objective) * 10)  # permille of the judged clocks
    breaches = figures.count(ask(_BREACHES, policy=policy))
    clocks = judged(figures, policy)
    return rounded(breaches * 1_000_000, clocks * allowed) if clocks else 0


def permille(n: int, d: int) -> int | None:
    """Thousandths, rounded half up; None of nothing."""
    return rounded(n * 1000, d) if d > 0 else None


def rounded(n: int, d: int) -> int:
    """The whole number nearest to a quotient, half up."""
    return (2 * n + d) // (2 * d)
