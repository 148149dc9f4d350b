"""The oracle judges all that is published: its own list of metrics beside the documented one."""

import re
from pathlib import Path

from carewatch.verify.measures import MEASURES, UNJUDGED, Kind

METRICS = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"\| `(\w+)` \| computed \| (\w+) \| .*? \| (.*?) \|")

KINDS: dict[Kind, str] = {"time": "distribution", "spread": "distribution"}
"""Kinds that the documents call otherwise."""


def documented() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Kind and windows of every computed metric."""
    rows = ROW.findall(METRICS.read_text())
    return {name: (kind, tuple(re.findall(r"`(\w+)`", said))) for name, kind, said in rows}


def test_every_computed_metric_is_judged_or_left_out_for_a_reason() -> None:
    assert {*MEASURES, *UNJUDGED} == set(documented())
    assert all(UNJUDGED.values())


def test_each_is_judged_as_what_it_is_in_every_window_that_it_has() -> None:
    ours = {name: (KINDS.get(one.kind, one.kind), one.windows) for name, one in MEASURES.items()}

    assert ours == {name: said for name, said in documented().items() if name not in UNJUDGED}
