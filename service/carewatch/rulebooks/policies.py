"""What a policy must satisfy before it may promise anything."""

import re
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final, get_args

from carewatch.domain.durations import parse_duration
from carewatch.domain.rulebook import Condition, Policy, TargetRule
from carewatch.rulebooks.placed import Placed, parse_instant
from carewatch.rulebooks.schedules import ALWAYS
from carewatch.shape import nearest
from carewatch.wire.envelope import Channel, LifecycleState, Priority
from carewatch.yamlfile import Keys

PRIORITIES: Final[tuple[str, ...]] = get_args(Priority)
FIELDS: Final = (
    "tenant", "channel", "account_ref", "queue", "team", "tag", "topic", "language", "priority",
    "initiated_by",
)  # fmt: skip
"""What `match` can ask about, besides `customer.*`."""
NOTE_TARGETS: Final = ("periodic_update", "pausable_update")

_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "channel": get_args(Channel),
    "priority": PRIORITIES,
}
"""Fields whose values are known: a misspelt one would match nothing, silently."""

_PERCENT: Final = re.compile(r"([0-9]{1,3})%", re.ASCII)
_DAYS: Final = re.compile(r"[1-9][0-9]{0,3}d", re.ASCII)


def check_policies(policies: Sequence[Placed[Policy]], schedules: Collection[str]) -> None:
    """Notes every mistake of each policy, and of all among each other."""
    for placed in policies:
        _check_policy(placed, schedules)
    _check_among(policies)


def check_schedule_name(name: str, schedules: Collection[str]) -> str:
    """A schedule that exists; raises ValueError with the nearest one that does."""
    if name != ALWAYS and name not in schedules:
        hint = nearest(name, [*sorted(schedules), ALWAYS])
        raise ValueError(f"there is no schedule {name!r}; {hint}")
    return name


def _check_policy(placed: Placed[Policy], schedules: Collection[str]) -> None:
    policy = placed.value
    if not policy.policy.strip():
        placed.wrong(("policy",), "is empty; give the policy a name")
    if policy.version < 1:
        placed.wrong(("version",), f"{policy.version} is no version; count from 1")
    placed.parsed(("effective_from",), policy.effective_from, parse_instant)
    placed.parsed(("schedule",), policy.schedule, lambda name: check_schedule_name(name, schedules))
    for side in ("all", "any"):
        for at, condition in enumerate(getattr(policy.match, side)):
            _check_condition(placed, ("match", side, at), condition)
    for target, rule in policy.targets.items():
        _check_target(placed, ("targets", target), rule, schedules)
    _check_thresholds(placed)
    if "agent" not in policy.counts.reply_by:
        placed.wrong(("counts", "reply_by"), "must name agent; bot may only be added to it")
    for at, target in enumerate(policy.counts.note_counts_for):
        if target not in NOTE_TARGETS:
            says = f"notes cannot count for {target}; only for {' and '.join(NOTE_TARGETS)}"
            placed.wrong(("counts", "note_counts_for", at), says)
    states = get_args(LifecycleState)
    for at, status in enumerate(policy.pause.statuses):
        if status not in states:
            says = f"there is no status {status!r}; {nearest(status, states)}"
            placed.wrong(("pause", "statuses", at), says)
    placed.parsed(("reopen", "within"), policy.reopen.within, parse_duration)
    if not 1 <= policy.objective.attainment <= 100:
        says = f"{policy.objective.attainment} is no percentage; write 1 to 100"
        placed.wrong(("objective", "attainment"), says)
    if not _DAYS.fullmatch(policy.objective.window):
        says = f"{policy.objective.window!r} is no number of days; write it as in 28d"
        placed.wrong(("objective", "window"), says)


def _check_condition(placed: Placed[Policy], keys: Keys, condition: Condition) -> None:
    name = condition.field
    if name not in FIELDS and not (name.startswith("customer.") and name != "customer."):
        says = f"cannot match {name!r}; {nearest(name, (*FIELDS, 'customer.*'))}"
        placed.wrong((*keys, "field"), says)
    used: dict[str, list[str]] = {}
    if condition.eq is not None:
        used["eq"] = [condition.eq]
    if condition.in_ is not None:
        used["in"] = condition.in_
    if condition.not_in is not None:
        used["not_in"] = condition.not_in
    if len(used) != 1:
        has = f"has {' and '.join(used)}" if used else "has none"
        placed.wrong(keys, f"needs exactly one of eq, in, not_in; it {has}")
    for operator, values in used.items():
        if not values:
            placed.wrong((*keys, operator), "is empty; name at least one value")
        known = _VALUES.get(name)
        for value in values if known else ():
            if value not in known:  # type: ignore[operator]
                says = f"there is no {name} {value!r}; {nearest(value, known)}"  # type: ignore[arg-type]
                placed.wrong((*keys, operator), says)


def _check_target(
    placed: Placed[Policy], keys: Keys, rule: TargetRule, schedules: Collection[str]
) -> None:
    written = {name: getattr(rule, name) for name in ("all", *PRIORITIES)}
    if not any(written.values()):
        says = f"promises nothing; give a duration for all, or for {', '.join(PRIORITIES)}"
        placed.wrong(keys, says)
    for name, text in written.items():
        if text is not None:
            placed.parsed((*keys, name), text, parse_duration)
    if rule.schedule is not None:
        place = (*keys, "schedule")
        placed.parsed(place, rule.schedule, lambda name: check_schedule_name(name, schedules))
    if rule.mode is not None and keys[-1] != "resolution":
        placed.wrong((*keys, "mode"), "only resolution has a mode; remove it here")


def _check_thresholds(placed: Placed[Policy]) -> None:
    seen: set[tuple[str | None, str | None]] = set()
    for number, threshold in enumerate(placed.value.at_risk):
        keys = ("at_risk", number)
        if (threshold.at is None) == (threshold.before is None):
            placed.wrong(keys, "needs exactly one of at (50%) and before (15m)")
        if threshold.at is not None:
            form = _PERCENT.fullmatch(threshold.at)
            if form is None or not 1 <= int(form[1]) <= 99:
                says = f"{threshold.at!r} is no share of the target; write 1% to 99%, as in 50%"
                placed.wrong((*keys, "at"), says)
        if threshold.before is not None:
            placed.parsed((*keys, "before"), threshold.before, parse_duration)
        if (threshold.at, threshold.before) in seen:
            placed.wrong(keys, "is given twice; keep one")
        seen.add((threshold.at, threshold.before))


def _check_among(policies: Sequence[Placed[Policy]]) -> None:
    """Versions of one name must differ; two names must not share an order at the same time."""
    versions: dict[str, list[tuple[int, Placed[Policy]]]] = {}
    for placed in policies:
        policy = placed.value
        try:
            since = parse_instant(policy.effective_from)
        except ValueError:
            continue  # already noted, and without it nothing can be compared
        known = versions.setdefault(policy.policy, [])
        for other_since, other in known:
            if other.value.version == policy.version:
                says = f"{policy.policy!r} has version {policy.version} in {other.file.name} too"
                placed.wrong(("version",), f"{says}; every change is a new version")
            elif other_since == since:
                says = f"{other.file.name} takes effect at the same instant; make them differ"
                placed.wrong(("effective_from",), says)
        known.append((since, placed))
    spans = [span for known in versions.values() for span in _spans(known)]
    for at, (since, until, placed) in enumerate(spans):
        for other_since, other_until, other in spans[:at]:
            if (
                placed.value.policy != other.value.policy
                and placed.value.order == other.value.order
                and (until is None or other_since < until)
                and (other_until is None or since < other_until)
            ):
                says = (
                    f"{placed.value.order} is also the order of {other.value.policy!r} in "
                    f"{other.file.name}, so the first match is not defined; choose another"
                )
                placed.wrong(("order",), says)


def _spans(
    versions: list[tuple[int, Placed[Policy]]],
) -> list[tuple[int, int | None, Placed[Policy]]]:
    """From when until when each version of one policy is in force; the last has no end."""
    ordered = sorted(versions, key=lambda one: one[0])
    spans: list[tuple[int, int | None, Placed[Policy]]] = [
        (since, until, placed) for (since, placed), (until, _) in pairwise(ordered)
    ]
    return [*spans, (*ordered[-1][:1], None, ordered[-1][1])]
