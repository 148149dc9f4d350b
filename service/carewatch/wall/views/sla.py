"""Promises: how many were kept, how fast the allowance is used up, and what comes next."""

from typing import Final

from carewatch.wall.figures import Figures, ask
from carewatch.wall.measures import (
    BURN_NEEDED,
    Burned,
    Kept,
    burn,
    judged,
    kept,
    permille,
)
from carewatch.wall.promised import State, worst
from carewatch.wall.scene import Scene, cell
from carewatch.wall.tile import Board, Cell, Goal, Table, Tile
from carewatch.wall.trends import Gauge, Trend
from carewatch.wall.views.queue import next_to_breach

DUE: Final = tuple(
    (text, Gauge(ask("sla_due_within", within=text))) for text in ("15m", "30m", "60m")
)
GAUGES: Final = tuple(gauge for _, gauge in DUE)
"""What must be remembered for the trends of this view."""

_DAYS: Final = 28
_FAST_BURN: Final = 14_400
"""Thousandths: a budget of 28 days would be gone in two. Alerts go by the same."""


def board(scene: Scene) -> Board:
    """Attainment, burn and what falls due, by policy and target beside it."""
    return Board(
        tiles=(
            _attained(scene, "kept_today", "Kept today", scene.today, scene.steps(Kept())),
            _attained(scene, "kept_28d", "Kept, 28 days", scene.days(_DAYS), None),
            _burned(scene),
            *(_due(scene, text, gauge) for text, gauge in DUE),
        ),
        panels=(_by_policy(scene), next_to_breach(scene)),
    )


def _attained(scene: Scene, id_: str, label: str, figures: Figures, trend: Trend | None) -> Tile:
    n, d = kept(figures)
    objectives = scene.promises.objectives(scene.now)
    heard = [one for one in _policies(figures) if one in objectives]
    wanted = [objectives[one] * 10 for one in heard]
    return Tile(
        id=id_,
        label=label,
        unit="permille",
        value=permille(n, d),
        state="none" if not d else worst(_state(figures, one, objectives[one]) for one in heard),
        as_of=scene.watermark,
        goal=Goal(unit="permille", least=min(wanted), most=max(wanted)) if wanted else None,
        of=(n, d) if d else None,
        trend=trend,
    )


def _burned(scene: Scene) -> Tile:
    measure = Burned(tuple(sorted(scene.promises.objectives(scene.now).items())))
    value = measure.of(scene.hour)
    clocks = max((judged(scene.hour, policy) for policy, _ in measure.objectives), default=0)
    state: State = "none" if value is None else "ok"
    if value is not None and value > 1000:
        state = "breach" if value >= _fast(scene, value) else "risk"
    return Tile(
        id="burn",
        label="Burn rate",
        unit="times",
        value=value,
        state=state,
        as_of=scene.hour_until,
        goal=Goal(unit="times", least=1000, most=1000) if measure.objectives else None,
        few=(clocks, BURN_NEEDED) if value is None and clocks else None,
        note="last hour",
        trend=scene.steps(measure),
    )


def _fast(scene: Scene, value: int) -> int:
    """The burn rate of a breach: what alerts wake somebody for.

    An objective that allows much cannot burn so fast: there it is half of the way to the most.
    """
    worst_of = [
        objective
        for policy, objective in scene.promises.objectives(scene.now).items()
        if burn(scene.hour, policy, objective) == value
    ]
    allowed = max(1, 100 - min(worst_of, default=0))
    return min(_FAST_BURN, (100 + allowed) * 1000 // (2 * allowed))


def _due(scene: Scene, text: str, gauge: Gauge) -> Tile:
    count = scene.present.count(gauge.question)
    minutes = text.removesuffix("m")
    state: State = "risk" if count and text == "15m" else "ok"
    return scene.standing(f"due_{text}", f"Due in {minutes} min", gauge, state)


def _by_policy(scene: Scene) -> Table:
    today, month = scene.today, scene.days(_DAYS)
    objectives = scene.promises.objectives(scene.now)
    rows: list[tuple[Cell, ...]] = []
    for policy in _policies(month):
        for target in month.values(ask("sla_evaluations", policy=policy), "target"):
            picks = (("policy", policy), ("target", target))
            rows.append(
                (
                    Cell(unit="name", value=policy, note=target.replace("_", " ")),
                    _share(today, picks, objectives.get(policy)),
                    _share(month, picks, objectives.get(policy)),
                )
            )
    return Table(
        id="policies",
        title="Kept promises",
        columns=("Policy", "Today", "28 d"),
        rows=rows,
        empty="No promise was judged yet.",
    )


def _share(figures: Figures, picks: tuple[tuple[str, str], ...], objective: int | None) -> Cell:
    n, d = kept(figures, picks)
    value = permille(n, d)
    if value is None or objective is None:
        return cell("permille", value)
    return cell("permille", value, "ok" if n * 100 >= objective * d else "breach")


def _state(figures: Figures, policy: str, objective: int) -> State:
    """A policy that missed its objective is broken; one that used up most of what is allowed is at
    risk."""
    n, d = kept(figures, (("policy", policy),))
    if n * 100 < objective * d:
        return "breach"
    return "risk" if (d - n) * 500 > (100 - objective) * d * 4 else "ok"


def _policies(figures: Figures) -> list[str]:
    return figures.values(ask("sla_evaluations"), "policy")
