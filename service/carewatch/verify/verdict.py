"""Holds what an oracle worked out against what was found."""

from carewatch.verify.comparison import Difference, Report, compare
from carewatch.verify.found import DEAD, FACTS, LATE, Found
from carewatch.verify.oracle import Oracle


def judge(oracle: Oracle, found: Found) -> Report:
    """Compares everything that both sides hold."""
    report = Report()
    for topic, id_, why in found.broken:
        report.differences.append(Difference(topic, id_, "broken", None, {"error": why}))
    _judge_facts(report, oracle, found)
    for topic, wanted, there in (
        (LATE, len(oracle.late), found.late),
        (DEAD, len(oracle.dead), found.dead),
    ):
        report.compared[topic] = wanted
        report.differences += compare(topic, "-", [{"records": wanted}], [{"records": there}])
    return report


def _judge_facts(report: Report, oracle: Oracle, found: Found) -> None:
    standing = found.net(FACTS)
    stories = oracle.stories()
    keys = sorted({*stories, *standing})
    report.compared["conversations"] = len(keys)
    report.compared[FACTS] = 0
    for key in keys:
        expected = oracle.facts(key) if key in stories else []
        report.compared[FACTS] += len(expected)
        told = f"{key[0]} {key[1]}"
        report.differences += compare(FACTS, told, expected, standing.get(key, []))
