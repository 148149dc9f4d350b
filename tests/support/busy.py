"""A board in the middle of a busy hour, made point by point: every view of the wall has something
to show, and every state stands somewhere."""

from typing import Any

from carewatch.domain.aggregates import Deadline, Distribution
from carewatch.domain.board import Board
from carewatch.domain.metric import DAY_MS, HOUR_MS, ROLLING, TUMBLING
from carewatch.domain.metrics import BY_ID
from carewatch.domain.points import (
    Moment,
    Point,
    Share,
    Soonest,
    Spread,
    Tally,
    Value,
    spread_of,
)
from carewatch.domain.rulebook import (
    Condition,
    Document,
    Match,
    Policy,
    QueueRules,
    TargetRule,
    Tenant,
    Threshold,
)
from carewatch.wall.view import Wall

AT = 1_767_621_600_000
"""2026-01-05T14:00:00Z, a whole hour: up to here the results are complete."""

MINUTE = 60_000
CHANNELS = {"web": 12, "whatsapp": 9, "messenger": 5, "email": 3}
"""Messages a minute of each channel."""


def policy(name: str, order: int, limit: str, channels: list[str]) -> Policy:
    """Promises a first and every next reply within `limit` on these channels, 90 % of them."""
    return Policy(
        policy=name,
        version=1,
        effective_from="2026-01-01T00:00:00.000Z",
        order=order,
        match=Match(all=[Condition(field="channel", in_=channels)]),
        targets={"first_reply": TargetRule(all=limit), "next_reply": TargetRule(all=limit)},
        at_risk=[Threshold(at="50%"), Threshold(at="80%")],
    )


RULEBOOK = Document(
    tenants={"acme": Tenant(queues={"support": QueueRules()})},
    policies=[
        policy("live-chat", 10, "10m", ["web", "whatsapp", "messenger"]),
        policy("email", 20, "4h", ["email"]),
    ],
)


class Busy:
    """The board; `put` changes it, as the next record would."""

    def __init__(self, *, rulebook: Document | None = RULEBOOK) -> None:
        self.board = Board()
        if rulebook is not None:
            self.board.fold_rulebook(1, rulebook)

    def put(
        self,
        metric: str,
        value: Value,
        *labels: str,
        channel: str = "web",
        tenant: str = "acme",
        window: str = "now",
        start: int | None = None,
        ends: int | None = None,
        time: int = AT,
    ) -> None:
        """The newest point of a series, in a queue `support`."""
        if BY_ID[metric].labels == ("partition",):
            tenant = channel = "none"
        queue = "none" if channel == "none" else "support"
        shown = (tenant, channel, queue, "normal", *labels)
        key = "|".join((metric, *shown, window, str(None if window in ROLLING else start)))
        self.board.fold(
            key.encode(),
            Point(
                metric=metric,
                labels=shown,
                window=window,
                start=start,
                pane="early",
                revision=1,
                time=time,
                value=value,
                ends=ends,
            ),
        )

    def reach(self, at: int) -> None:
        """Results are complete up to `at`, in two partitions of which one is a second ahead."""
        for partition in ("0", "1"):
            self.put("watermark", Moment(at), partition, time=at)
            self.put("heartbeat", Moment(at + 1_000 * int(partition)), partition, time=at)


def spread(*ms: int) -> Spread:
    """A distribution of these durations."""
    found = Distribution()
    for one in ms:
        found.add(one, 1)
    return spread_of(found)


def busy_board() -> Busy:
    """The board at AT: web has breached, WhatsApp is at risk, e-mail is well."""
    busy = Busy()
    busy.reach(AT)
    for channel, rate in CHANNELS.items():
        _present(busy, channel, rate)
        _recent(busy, channel, rate)
        _days(busy, channel, rate)
    rows = [
        Deadline(AT + 40_000, "conv-7f3a9c21", "live-chat", "next_reply"),
        Deadline(AT + 95_000, "conv-02be44d0", "live-chat", "first_reply"),
        Deadline(AT + 284_000, "conv-c8810f6e", "live-chat", "next_reply"),
        *(
            Deadline(
                AT + 320_000 + 47_000 * n, f"conv-{n * 7919 + 4096:08x}", "live-chat", "next_reply"
            )
            for n in range(9)
        ),
        *(
            Deadline(AT + HOUR_MS + 900_000 * n, f"conv-{n * 104729:08x}", "email", "first_reply")
            for n in range(5)
        ),
    ]
    busy.put("next_due", Soonest(tuple(rows)), channel="none")
    return busy


def _present(busy: Busy, channel: str, rate: int) -> None:
    waits = {"web": 744_000, "whatsapp": 402_000, "messenger": 95_000, "email": 5_400_000}
    put = busy.put
    put("waiting_conversations", Tally(rate), channel=channel)
    put("oldest_unanswered", Moment(AT - waits[channel]), channel=channel)
    put("open_conversations", Tally(2 * rate), "workable", channel=channel)
    put("open_conversations", Tally(rate // 4), "unassigned", channel=channel)
    put("queue_length", Tally(rate // 3), channel=channel)
    for place, within in enumerate(("15m", "30m", "60m"), 1):
        soon = 0 if channel == "email" else place + rate // 3
        of = ("email" if channel == "email" else "live-chat", "next_reply", within)
        put("sla_due_within", Tally(soon), *of, channel=channel)
    if channel != "email":
        chat = ("live-chat", "next_reply")
        put("sla_at_risk_conversations", Tally(rate // 4), *chat, channel=channel)
        breached = 2 if channel == "web" else 0
        put("sla_breached_open_conversations", Tally(breached), *chat, channel=channel)


def _recent(busy: Busy, channel: str, rate: int) -> None:
    """The last hour, by minutes and as a whole."""
    for window, size in (("1m", TUMBLING["1m"]), ("5m", TUMBLING["5m"])):
        for back in range(HOUR_MS // size + 3):
            start = AT - back * size
            volume = rate * (size // MINUTE) * (10 + (start // size * 7) % 9) // 12
            _happened(busy, channel, volume, window, start, None)
    _happened(busy, channel, rate * 60, "last_1h", AT - HOUR_MS, AT)
    busy.put(
        "late_events", Tally(3), channel=channel, window="last_1h", start=AT - HOUR_MS, ends=AT
    )
    busy.put("dead_events", Tally(1), channel="none", tenant="none", window="last_1h",
             start=AT - HOUR_MS, ends=AT)  # fmt: skip


def _days(busy: Busy, channel: str, rate: int) -> None:
    """Today and the four weeks before."""
    midnight = AT - AT % DAY_MS
    for back in range(28):
        _happened(
            busy,
            channel,
            rate * 200,
            "1d",
            midnight - back * DAY_MS,
            midnight - (back - 1) * DAY_MS,
        )
    today: dict[str, Any] = {
        "channel": channel,
        "window": "1d",
        "start": midnight,
        "ends": midnight + DAY_MS,
    }
    busy.put("unique_customers", Tally(rate * 11), **today)
    for number, topic in enumerate(("delivery", "refund", "login")):
        busy.put("labelled_sessions_by_topic", Tally(rate * (9 - 2 * number)), topic, **today)
        for label, scored in (("positive", 3), ("negative", 1 + 2 * number), ("neutral", 4)):
            busy.put("sentiment_by_topic", Tally(scored), label, "lexicon", topic, **today)


def _happened(
    busy: Busy, channel: str, volume: int, window: str, start: int, ends: int | None
) -> None:
    slow = {"web": 5, "whatsapp": 4, "messenger": 2, "email": 40}[channel]
    times = [20_000 * slow * (1 + (n * 5 + start // MINUTE) % 7) for n in range(min(volume, 40))]
    rules = "email" if channel == "email" else "live-chat"
    of: dict[str, Any] = {"channel": channel, "window": window, "start": start, "ends": ends}
    for metric in ("first_response_time", "reply_time"):
        busy.put(metric, spread(*times), **of)
    for within, share in (("10m", 7), ("1h", 9)):
        busy.put("within_target_rate", Share(volume * share // 10, volume), within, **of)
    busy.put("messages", Tally(volume), "inbound", "customer", **of)
    busy.put("conversations", Tally(volume // 3), "opened", **of)
    busy.put("conversations", Tally(volume // 4), "resolved", **of)
    busy.put("sla_evaluations", Tally(volume // 3), rules, "next_reply", **of)
    late = 18 if channel == "web" else 40
    busy.put("sla_breaches", Tally(volume // late), rules, "next_reply", **of)
    busy.put("duplicate_events", Tally(volume // 20), **of)
    busy.put("clamped_future", Tally(0), **of)
    busy.put("corrections", Tally(volume // 50), "reply_time", **of)


def remember(wall: Wall) -> Busy:
    """The board at AT, seen by a wall in every minute of the hour before."""
    busy = busy_board()
    for number, minute in enumerate(range(AT - HOUR_MS + MINUTE, AT, MINUTE)):
        busy.reach(minute)
        wave = abs(number % 24 - 12)
        for channel, rate in CHANNELS.items():
            busy.put("waiting_conversations", Tally(rate * (8 + wave) // 16), channel=channel)
            busy.put("oldest_unanswered", Moment(minute - 30_000 * wave), channel=channel)
            busy.put("open_conversations", Tally(wave // 4), "unassigned", channel=channel)
            busy.put("open_conversations", Tally(rate + wave), "workable", channel=channel)
            for within in ("15m", "30m", "60m"):
                of = ("email" if channel == "email" else "live-chat", "next_reply", within)
                busy.put("sla_due_within", Tally(wave // 3), *of, channel=channel)
        chat = ("live-chat", "next_reply")
        busy.put("sla_breached_open_conversations", Tally(number // 50), *chat)
        wall.build_view(busy.board.snapshot(), minute + 1_000 + 100 * wave, {})
    for channel, rate in CHANNELS.items():
        _present(busy, channel, rate)
    busy.reach(AT)
    return busy
