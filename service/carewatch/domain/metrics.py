"""THE catalogue of computed metrics. Topics, exporter, wall, schemas and docs derive from it."""

from typing import Final

from carewatch.domain.catalogue import (
    pipeline,
    quality,
    queues,
    resolution,
    response,
    volume,
)
from carewatch.domain.metric import Kind, Metric, family

_DEFINED: Final[tuple[Metric, ...]] = (
    *response.METRICS,
    *resolution.METRICS,
    *volume.METRICS,
    *quality.METRICS,
    *queues.METRICS,
    *pipeline.METRICS,
)

CATALOGUE: Final[tuple[Metric, ...]] = tuple(one for metric in _DEFINED for one in family(metric))
"""Every metric, in the order of the documentation, whatever its status; twins and sisters follow
what they belong to."""

COMPUTED: Final = tuple(metric for metric in CATALOGUE if metric.status == "computed")
"""Those that have points."""

BY_ID: Final = {metric.id: metric for metric in COMPUTED}

SLA_TRANSITIONS: Final = "sla_transitions"
"""What `corrections` calls a withdrawn SLA transition: it may have fed two counts, or none."""

_NO_FACTS: Final = ("time_to_action", "sla_overrun", "suspect_pause", "handle_time")
"""Durations that are not published one by one, so that no withdrawal names them."""

CORRECTABLE: Final = (
    *(
        metric.id
        for metric in _DEFINED
        if metric.kind is Kind.DISTRIBUTION and metric.unit == "ms"
        if metric.status == "computed" and metric.id not in _NO_FACTS
    ),
    "conversations",
    SLA_TRANSITIONS,
)
"""Values of the label `metric` of `corrections`: what a withdrawal takes back."""
