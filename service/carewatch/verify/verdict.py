"""Holds what an oracle worked out against what was found."""

from carewatch.verify.comparison import Difference, Report, compare
from carewatch.verify.found import DEAD, FACTS, LATE, SLA, Found
from carewatch.verify.oracle import Oracle


def judge(oracle: Oracle, found: Found) -> Report:
    """Compares everything that both sides hold."""
    report = Report()
    for topic, id_, why in found.broken:
        report.differences.append(Difference(topic, id_, "broken", None, {"error": why}))
    _judge_conversations(report, oracle, found)
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
