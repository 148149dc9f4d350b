"""What somebody who looks at the wall asked for: whose figures, by tenant and channel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from carewatch.domain.known import CHANNELS, NONE, OTHER

EVERYBODYS: Final = ("dead_events",)
"""Metrics of records that could not be understood: nobody knows whose they are, so all who ask are
shown those of nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Some tenant's figures on some channel; None stands for all of them."""

    tenant: str | None = None
    channel: str | None = None

    def holds(self, tenant: str, channel: str) -> bool:
        """Whether what is shown of a tenant and channel is part of the place."""
        return self.tenant in (None, tenant) and self.channel in (None, channel)


def channel_of(labels: Sequence[str]) -> str:
    """The channel under which a point is shown: a name that nobody knows is `other`."""
    return labels[1] if labels[1] in CHANNELS or labels[1] == NONE else OTHER


def place_of(asked: Mapping[str, str]) -> Place:
    """The place that was asked for; an empty parameter asks for all."""
    return Place(tenant=asked.get("tenant") or None, channel=asked.get("channel") or None)
