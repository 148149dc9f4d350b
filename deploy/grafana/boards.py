"""What the dashboards ask: one board for each subject of those who look at them."""

from dataclasses import dataclass, field
from typing import Final

PLACE: Final = 'tenant=~"$tenant",channel=~"$channel"'
DATA_AGE: Final = 'time() - max(care_board_data_timestamp_seconds{job="care-board"})'


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One panel: its question, where the answer comes from, and from where on it is bad.

    `limits` are (at risk, breach), in the unit of the expression; `rising` says whether more is
    worse. `legend` names the series of a panel with several.
    """

    title: str
    says: str
    expr: str
    unit: str = "short"
    decimals: int | None = None
    limits: tuple[float, float] | None = None
    rising: bool = True
    legend: str = ""
    bars: bool = False


@dataclass(frozen=True, kw_only=True)
class Board:
    """One subject: `wall` numbers, and the `desk` behind them."""

    name: str
    title: str
    runbook: str
    wall: tuple[Tile, ...]
    desk: tuple[Tile, ...] = field(default=())


AGE: Final = Tile(
    title="Data as of",
    says="Seconds since the newest second that every number here knows. Grows when the pipeline"
    " stands still, whatever the other tiles say.",
    expr=DATA_AGE,
    unit="s",
    decimals=0,
    limits=(30, 120),
)


def total(recorded: str) -> str:
    """The sum of a recorded gauge over the chosen places."""
    return f"sum({recorded}{{{PLACE}}})"


def by(labels: str, recorded: str) -> str:
    return f"sum by ({labels}) ({recorded}{{{PLACE}}})"


def rated(counter: str, window: str, more: str = "") -> str:
    """How fast a counter of the board grows: rated in each replica, then the greatest of them."""
    return f"max without (instance, pod) (rate({counter}{{{PLACE}{more}}}[{window}]))"


def grown(counter: str, window: str, more: str = "") -> str:
    return f"max without (instance, pod) (increase({counter}{{{PLACE}{more}}}[{window}]))"


def quantile(share: str, histogram: str, window: str, labels: str = "") -> str:
    """A quantile of a classic histogram over all chosen places."""
    more = ',by="human"' if histogram == "care_first_response" else ""
    kept = f"le{labels}"
    return (
        f"histogram_quantile({share}, sum by ({kept}) "
        f"({rated(f'{histogram}_seconds_bucket', window, more)}))"
    )


def within(bound: str, window: str) -> str:
    """The share of first responses that took at most `bound` seconds."""
    quick = rated("care_first_response_seconds_bucket", window, f',by="human",le="{bound}"')
    every = rated("care_first_response_seconds_count", window, ',by="human"')
    return f"sum({quick}) / (sum({every}) > 0)"


def newest(gauge: str) -> str:
    """A gauge of the board with the newest data."""
    return (
        f"max without (instance, pod) ({gauge}{{{PLACE}}}"
        " and on (job, instance) instance:care_board:freshest)"
    )


ATTAINMENT: Final = (
    f"1 - sum({newest('care_sla_breaches_today')})"
    f" / (sum({newest('care_sla_evaluations_today')}) > 0)"
)

BOARDS: Final = (
    Board(
        name="queue",
        title="Queue now",
        runbook="CareOldestUnanswered",
        wall=(
            Tile(
                title="Waiting for an answer",
                says="Conversations whose newest message of the customer nobody has answered.",
                expr=total("channel:care_waiting_conversations:max"),
                decimals=0,
                limits=(20, 50),
            ),
            Tile(
                title="Longest wait",
                says="Of the customer who has waited longest for any answer.",
                expr="time() - min(channel:care_oldest_unanswered_timestamp_seconds:min"
                f"{{{PLACE}}})",
                unit="s",
                decimals=0,
                limits=(600, 1800),
            ),
            Tile(
                title="In a queue",
                says="Conversations in a queue that no person has taken yet.",
                expr=total("channel:care_queue_length:max"),
                decimals=0,
                limits=(20, 50),
            ),
            Tile(
                title="At risk",
                says="Promises past a warning whose deadline has not passed.",
                expr=total("channel:care_sla_at_risk_conversations:max"),
                decimals=0,
                limits=(1, 10),
            ),
            Tile(
                title="Breached, still open",
                says="Promises past their deadline to customers who still wait.",
                expr=total("channel:care_sla_breached_open_conversations:max"),
                decimals=0,
                limits=(1, 5),
            ),
            AGE,
        ),
        desk=(
            Tile(
                title="Waiting by channel",
                says="Conversations that wait for an answer.",
                expr=by("channel", "channel:care_waiting_conversations:max"),
                legend="{{channel}}",
            ),
            Tile(
                title="Queues",
                says="Conversations in each queue now.",
                expr=by("channel, queue", "channel:care_queue_length:max"),
                legend="{{channel}} {{queue}}",
                bars=True,
            ),
            Tile(
                title="Open conversations by state",
                says="Everything that is not resolved.",
                expr=by("state", "channel:care_open_conversations:max"),
                legend="{{state}}",
            ),
            Tile(
                title="Age of open waits, 90 % below",
                says="Nine of ten who wait now have waited for less than this.",
                expr="histogram_quantile(0.9, sum by (le, channel) "
                f"(channel:care_open_wait_age_seconds_bucket:max{{{PLACE}}}))",
                unit="s",
                legend="{{channel}}",
            ),
        ),
    ),
    Board(
        name="speed",
        title="Speed",
        runbook="CareOldestUnanswered",
        wall=(
            Tile(
                title="First response, median of the last hour",
                says="Half of all first responses by a person came faster.",
                expr=quantile("0.5", "care_first_response", "1h"),
                unit="s",
                limits=(300, 600),
            ),
            Tile(
                title="First response, 90 % of the last hour",
                says="Nine of ten first responses by a person came faster.",
                expr=quantile("0.9", "care_first_response", "1h"),
                unit="s",
                limits=(600, 3600),
            ),
            Tile(
                title="Answered within 10 min",
                says="Of the first responses of the last hour.",
                expr=within("600.0", "1h"),
                unit="percentunit",
                limits=(0.9, 0.6),
                rising=False,
            ),
            Tile(
                title="Every reply, 90 % of the last hour",
                says="From the oldest unanswered message to the reply of a person.",
                expr=quantile("0.9", "care_reply", "1h"),
                unit="s",
                limits=(600, 3600),
            ),
            Tile(
                title="Queue wait, 90 % of the last hour",
                says="Until a person answered who was in a queue.",
                expr=quantile("0.9", "care_queue_wait", "1h"),
                unit="s",
                limits=(60, 600),
            ),
            AGE,
        ),
        desk=(
            Tile(
                title="First response by channel, median",
                says="By a person; of the chosen interval.",
                expr=quantile("0.5", "care_first_response", "$__rate_interval", ", channel"),
                unit="s",
                legend="{{channel}}",
            ),
            Tile(
                title="First response by channel, 90 %",
                says="By a person; of the chosen interval.",
                expr=quantile("0.9", "care_first_response", "$__rate_interval", ", channel"),
                unit="s",
                legend="{{channel}}",
            ),
            Tile(
                title="Replies by channel, 90 %",
                says="Every turn, not only the first.",
                expr=quantile("0.9", "care_reply", "$__rate_interval", ", channel"),
                unit="s",
                legend="{{channel}}",
            ),
            Tile(
                title="Queue wait by queue, 90 %",
                says="Until it was answered.",
                expr=quantile("0.9", "care_queue_wait", "$__rate_interval", ", queue"),
                unit="s",
                legend="{{queue}}",
            ),
        ),
    ),
    Board(
        name="sla",
        title="Promises",
        runbook="CareSlaFastBurn",
        wall=(
            Tile(
                title="Kept today",
                says="Share of today's judged promises that were not broken; withdrawn breaches"
                " do not count.",
                expr=ATTAINMENT,
                unit="percentunit",
                decimals=1,
                limits=(0.95, 0.9),
                rising=False,
            ),
            Tile(
                title="Broken today",
                says="Breaches of today that were not withdrawn.",
                expr=f"sum({newest('care_sla_breaches_today')})",
                decimals=0,
                limits=(1, 10),
            ),
            Tile(
                title="At risk now",
                says="Promises past a warning whose deadline has not passed.",
                expr=total("channel:care_sla_at_risk_conversations:max"),
                decimals=0,
                limits=(1, 10),
            ),
            Tile(
                title="Breached, still open",
                says="Promises past their deadline to customers who still wait.",
                expr=total("channel:care_sla_breached_open_conversations:max"),
                decimals=0,
                limits=(1, 5),
            ),
            Tile(
                title="Burn of the budget, last hour",
                says="1 uses up exactly what the objective allows; the worst policy is shown.",
                expr=f"max(channel:care_sla_breaches:ratio_rate1h{{{PLACE}}}"
                " / on (job, policy) group_left () policy:care_sla_budget:ratio)",
                decimals=1,
                limits=(1, 3),
            ),
            AGE,
        ),
        desk=(
            Tile(
                title="Breaches by policy and target, last hour",
                says="Share of the clocks that were judged.",
                expr=f"channel:care_sla_breaches:ratio_rate1h{{{PLACE}}}",
                unit="percentunit",
                legend="{{channel}} {{policy}} {{target}}",
            ),
            Tile(
                title="Breaches an hour",
                says="As counted by Prometheus: gross, a withdrawn breach stays counted.",
                expr=f"sum by (policy, target) ({grown('care_sla_breaches_total', '1h')})",
                legend="{{policy}} {{target}}",
            ),
            Tile(
                title="At risk by target",
                says="Promises past a warning.",
                expr=by("policy, target", "channel:care_sla_at_risk_conversations:max"),
                legend="{{policy}} {{target}}",
                bars=True,
            ),
            Tile(
                title="Judged in the last hour",
                says="How many clocks stand behind the shares: one of one is no trend.",
                expr=f"channel:care_sla_evaluations:increase1h{{{PLACE}}}",
                decimals=0,
                legend="{{channel}} {{policy}} {{target}}",
            ),
        ),
    ),
    Board(
        name="channels",
        title="Channels",
        runbook="CareOutputSilent",
        wall=(
            Tile(
                title="Customers' messages today",
                says="Inbound messages of today, in the tenant's own day.",
                expr="sum(max without (instance, pod) (care_messages_today"
                f'{{{PLACE},direction="inbound"}}'
                " and on (job, instance) instance:care_board:freshest))",
                decimals=0,
            ),
            Tile(
                title="New conversations today",
                says="Cases that opened today.",
                expr="sum(max without (instance, pod) (care_conversations_today"
                f'{{{PLACE},transition="opened"}}'
                " and on (job, instance) instance:care_board:freshest))",
                decimals=0,
            ),
            Tile(
                title="Resolved today",
                says="Cases that were resolved today, reopened ones taken off.",
                expr="sum(max without (instance, pod) (care_conversations_today"
                f'{{{PLACE},transition="resolved"}}'
                " and on (job, instance) instance:care_board:freshest))",
                decimals=0,
            ),
            Tile(
                title="Messages a minute",
                says="Of all directions and authors, in the last five minutes.",
                expr=f"60 * {total('channel:care_messages:rate5m')}",
                decimals=1,
            ),
            AGE,
        ),
        desk=(
            Tile(
                title="Messages by channel",
                says="A minute, in the last five minutes.",
                expr=f"60 * {by('channel', 'channel:care_messages:rate5m')}",
                legend="{{channel}}",
            ),
            Tile(
                title="Messages by author",
                says="A minute: customers, people, bots, systems.",
                expr=f"60 * {by('author', 'channel:care_messages:rate5m')}",
                legend="{{author}}",
            ),
            Tile(
                title="Conversations by what happened",
                says="An hour: opened, resolved, reopened, closed.",
                expr=f"3600 * {by('transition', 'channel:care_conversations:rate5m')}",
                legend="{{transition}}",
            ),
            Tile(
                title="Open by channel",
                says="Conversations that are not resolved.",
                expr=by("channel", "channel:care_open_conversations:max"),
                legend="{{channel}}",
                bars=True,
            ),
        ),
    ),
    Board(
        name="pipeline",
        title="Pipeline",
        runbook="CarePipelineStalled",
        wall=(
            AGE,
            Tile(
                title="Slowest heartbeat",
                says="Age of the newest tick that came through, of the slowest partition.",
                expr="time() - min(max without (instance, pod)"
                ' (care_heartbeat_timestamp_seconds{job="care-board"}))',
                unit="s",
                decimals=0,
                limits=(30, 120),
            ),
            Tile(
                title="Lag in time",
                says="How far the slowest partition is behind, by the time of its records.",
                expr='max(care_consumer_lag_seconds{job="care-worker"} and on'
                " (job, instance, topic, partition) partition:care_owner:latest)",
                unit="s",
                limits=(10, 60),
            ),
            Tile(
                title="Webhooks a second",
                says="Requests of all channels that the gateways answered.",
                expr='sum(rate(care_webhook_requests_total{job="care-gateway"}[5m]))',
                decimals=1,
            ),
            Tile(
                title="Refused or not understood, 1 h",
                says="Requests that a provider will repeat, or that ended as dead letters.",
                expr="sum(increase(care_webhook_requests_total"
                '{job="care-gateway",outcome=~"unavailable|fault|dead_lettered"}[1h]))'
                " or vector(0)",
                decimals=0,
                limits=(1, 50),
            ),
        ),
        desk=(
            Tile(
                title="Requests by outcome",
                says="A second, as the gateways answered.",
                expr="sum by (channel, outcome) (rate(care_webhook_requests_total"
                '{job="care-gateway"}[$__rate_interval]))',
                legend="{{channel}} {{outcome}}",
            ),
            Tile(
                title="Lag by partition",
                says="By the time of the records, of the newest owner of each partition.",
                expr='care_consumer_lag_seconds{job="care-worker"} and on'
                " (job, instance, topic, partition) partition:care_owner:latest",
                unit="s",
                legend="{{topic}} {{partition}}",
            ),
            Tile(
                title="Late events",
                says="An hour, beyond what may come late: in care.late with the reason.",
                expr=f"sum by (tenant, channel) ({grown('care_late_events_total', '1h')})",
                legend="{{tenant}} {{channel}}",
            ),
            Tile(
                title="Series of the board",
                says="Shown to Prometheus; a scrape above the limit of the job fails whole.",
                expr='max(care_exposed_series{job="care-board"})',
                decimals=0,
                legend="series",
            ),
        ),
    ),
)
