"""Holds what an oracle worked out against what was found."""

from carewatch.verify.comparison import Content, Difference, Report, What, compare
from carewatch.verify.found import DEAD, FACTS, LATE, SLA, Found
from carewatch.verify.found import METRICS as POINTS
from carewatch.verify.oracle import Oracle
from carewatch.verify.points import METRICS, SIZES, Key

WINDOWS = frozenset({*SIZES, "total", "now"})
FIELDS = frozenset(
    {
        *("value", "at", "count", "sum_ms", "min_ms", "max_ms", "p50_ms", "p90_ms", "p95_ms"),
        *("p99_ms", "buckets", "classic", "gross"),
    }
)
"""What a point says; pane and revision depend on timing and are not compared."""

BESIDE = frozenset({"metric", "window", "start", "end", "pane", "revision", "unit"})


def judge(oracle: Oracle, found: Found) -> Report:
    """Compares everything that both sides hold."""
    report = Report()
    for topic, id_, why in found.broken:
        report.differences.append(Difference(topic, id_, "broken", None, {"error": why}))
    _judge_conversations(report, oracle, found)
    _judge_points(report, oracle, found)
    for topic, wanted, there in (
        (LATE, len(oracle.late), found.late),
        (DEAD, len(oracle.dead), found.dead),
    ):
        report.compared[topic] = wanted
        report.differences += compare(topic, "-", [{"records": wanted}], [{"records": there}])
    return report


def _judge_conversations(report: Report, oracle: Oracle, found: Found) -> None:
    stories = oracle.stories()
    for topic, work_out in ((FACTS, oracle.facts), (SLA, oracle.transitions)):
        standing = found.net(topic)
        keys = sorted({*stories, *standing})
        report.compared["conversations"] = len(stories)
        report.compared[topic] = 0
        for key in keys:
            expected = work_out(key) if key in stories else []
            report.compared[topic] += len(expected)
            told = f"{key[0]} {key[1]}"
            report.differences += compare(topic, told, expected, standing.get(key, []))


def _judge_points(report: Report, oracle: Oracle, found: Found) -> None:
    expected = oracle.points()
    standing: dict[Key, Content] = {}
    others = 0
    for data in found.points.values():
        if data["metric"] in METRICS and data["window"] in WINDOWS:
            standing[_key(data)] = {k: v for k, v in data.items() if k in FIELDS}
        else:
            others += 1
    report.compared[POINTS] = len(expected)
    report.left_out["points of metrics and windows that are not recomputed"] = others
    for key in sorted({*expected, *standing}, key=str):
        wanted, there = expected.get(key), standing.get(key)
        if wanted != there and not (_empty(wanted) and _empty(there)):
            what: What = "missing" if there is None else "unexpected" if wanted is None else "other"
            report.differences.append(Difference(POINTS, _told(key), what, wanted, there))


def _key(data: Content) -> Key:
    labels = tuple(sorted((k, v) for k, v in data.items() if k not in FIELDS | BESIDE))
    return data["metric"], data["window"], data["start"], labels


def _told(key: Key) -> str:
    metric, window, start, labels = key
    return " ".join([metric, window, *([start] if start else []), *(f"{k}={v}" for k, v in labels)])


def _empty(fields: Content | None) -> bool:
    """A zero may stand or not: nothing published says the same."""
    if fields is None:
        return True
    return not any(fields.get(name) for name in ("value", "count", "at")) and _empty(
        fields.get("gross")
    )
