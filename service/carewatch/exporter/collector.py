"""The board as a prometheus-client collector, built anew at every scrape (nothing keeps a value).

For programs that have a registry already; `/metrics` itself is written by `text`, which says the
same, faster.
"""

from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from carewatch.exporter.showing import Showing
from carewatch.exporter.shown import Buckets, Labels, Numbers, View


class BoardCollector(Collector):
    """Builds the families of the newest view that `view` returns."""

    def __init__(self, view: Callable[[], View]) -> None:
        self._view = view
        self._showing = Showing()

    def describe(self) -> list[Metric]:
        """Nothing in advance: registering must not build the families."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All families; each label set once, in order."""
        for family in self._showing.families(self._view()):
            yield _numbers(family) if isinstance(family, Numbers) else _buckets(family)


def _numbers(family: Numbers) -> Metric:
    suffix = {"counter": "_total", "info": "_info", "gauge": ""}[family.kind]
    metric = Metric(family.name.removesuffix(suffix), family.help, family.kind)
    for labels, value in family.values.items():
        metric.add_sample(family.name, _named(family.labels, labels), value)
    return metric


def _buckets(family: Buckets) -> Metric:
    metric = Metric(family.name, family.help, family.kind)
    for labels, counts in family.counts.items():
        named = _named(family.labels, labels)
        for bound, count in zip(family.bounds, accumulate(counts), strict=True):
            metric.add_sample(f"{family.name}_bucket", named | {"le": bound}, count)
        if family.sums is not None:
            metric.add_sample(f"{family.name}_count", named, sum(counts))
            metric.add_sample(f"{family.name}_sum", named, family.sums[labels])
    return metric


def _named(names: Labels, values: Labels) -> dict[str, str]:
    return dict(zip(names, values, strict=True))
