"""Policies that promise everything, with random terms, and a schedule that opens often."""

from typing import Literal

from hypothesis import strategies as st

from carewatch.domain.rulebook import (
    TARGETS,
    Close,
    Condition,
    Counts,
    Match,
    Pause,
    Policy,
    Reopen,
    Retarget,
    Schedule,
    Start,
    Target,
    TargetRule,
    Threshold,
)

BREAKS = Schedule(
    schedule="breaks",
    version=1,
    effective_from="2020-01-01T00:00:00Z",
    timezone="Europe/Berlin",
    weekly={"mon": ["10:00-10:03", "10:05-10:20", "10:30-13:00"], "tue": ["08:00-12:00"]},
)
"""Open and closed in turns, a few minutes after the histories begin."""

_LIMITS = ("30s", "2m", "5m", "20m")


@st.composite
def _rules(draw: st.DrawFn, *, clocks: tuple[str, ...]) -> dict[Target, TargetRule]:
    rules: dict[Target, TargetRule] = {}
    for target in TARGETS:
        every, urgent = draw(st.sampled_from(_LIMITS)), draw(st.sampled_from((None, *_LIMITS)))
        modes: st.SearchStrategy[Literal["total", "first"] | None] = st.none()
        if target == "resolution":
            modes = st.sampled_from(("total", "first"))
        schedule = draw(st.sampled_from(clocks))
        rules[target] = TargetRule(normal=every, urgent=urgent, schedule=schedule, mode=draw(modes))
    return rules


@st.composite
def policies(draw: st.DrawFn, *, clocks: tuple[str, ...] = ("24x7", "breaks")) -> list[Policy]:
    """One policy for the queue vip, another for everybody, and later versions of both."""
    written = []
    for name, order in (("vip", 10), ("all", 20)):
        for version, since in ((1, "2020-01-01T00:00:00Z"), (2, "2026-01-05T09:10:00Z")):
            match = Match(all=[Condition(field="queue", eq="vip")]) if name == "vip" else Match()
            written.append(
                Policy(
                    policy=name,
                    version=version,
                    effective_from=since,
                    order=order,
                    match=match,
                    targets=draw(_rules(clocks=clocks)),
                    counts=Counts(
                        reply_by=draw(st.sampled_from((("agent",), ("agent", "bot")))),
                        note_counts_for=draw(st.sampled_from(([], ["periodic_update"]))),
                    ),
                    start=Start(
                        first_reply=draw(
                            st.sampled_from(
                                ("first_customer_message", "created", "handoff", "assignment")
                            )
                        )
                    ),
                    pause=Pause(
                        snoozed=draw(st.booleans()),
                        resume_on=draw(st.sampled_from(("customer_message", "status"))),
                    ),
                    close=Close(unanswered=draw(st.sampled_from(("cancel", "fulfil", "keep")))),
                    reopen=Reopen(
                        within=draw(st.sampled_from(("72h", "1m"))),
                        mode=draw(st.sampled_from(("continue", "new_cycle"))),
                    ),
                    retarget=Retarget(
                        priority=draw(st.sampled_from(("keep_elapsed", "ignore"))),
                        version=draw(st.sampled_from(("open_instances", "new_instances"))),
                    ),
                    at_risk=[Threshold(at="50%"), Threshold(before="20s")],
                )
            )
    return written
