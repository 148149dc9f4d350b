"""What one result costs in the panes: into every window of its series, and out again at a tick.

    python bench/panes.py [--results N] [--series N]

Runs on one core, without Kafka. The baseline of the same run is one lookup and one addition in a
plain dictionary for each window, by a key that is at hand: what counting could cost at the least.
"""

import argparse
import time
from collections.abc import Callable

from carewatch.domain.metrics import BY_ID
from carewatch.domain.windows import Panes

START = 1_767_607_200_000
PER_SECOND = 1_000
LATENESS_MS = 600_000

REPLY, MESSAGES = BY_ID["reply_time"], BY_ID["messages"]
WINDOWS = len(REPLY.windows)

Result = tuple[tuple[str, ...], int, int]
"""Label values, instant and duration."""


def results(count: int, series: int) -> list[Result]:
    """Results of so many series in turn, up to a minute out of order."""
    labels = [("acme", "web", f"queue-{number}", "normal") for number in range(series)]
    return [
        (labels[n % series], START + n * 1000 // PER_SECOND - n * 7919 % 60_000, n * 7907 % 900_000)
        for n in range(count)
    ]


def plain(told: list[Result]) -> None:
    """The baseline: a dictionary and an addition for each window."""
    counts: dict[tuple[tuple[str, ...], int], int] = {}
    for labels, _, duration in told:
        for window in range(WINDOWS):
            key = labels, window
            counts[key] = counts.get(key, 0) + duration


def counted(told: list[Result]) -> None:
    """Counts: a result a time, and a tick whenever a second is over."""
    panes, labels_of = Panes(), {one[0]: (*one[0], "inbound", "customer") for one in told}
    for number, (labels, at, _) in enumerate(told, 1):
        panes.add(MESSAGES, labels_of[labels], at, 1, 1, at - LATENESS_MS)
        _tick(panes, number)


def spread(told: list[Result]) -> None:
    """Durations, which have percentiles, and classic buckets in the total."""
    panes = Panes()
    for number, (labels, at, duration) in enumerate(told, 1):
        panes.add(REPLY, labels, at, duration, 1, at - LATENESS_MS)
        _tick(panes, number)


def _tick(panes: Panes, number: int) -> None:
    if number % PER_SECOND == 0:
        panes.take_changed()
        panes.take_touched()
        panes.close(START + number // PER_SECOND * 1000 - LATENESS_MS)
        panes.take_dropped()


def cost(fold: Callable[[list[Result]], None], told: list[Result]) -> float:
    """CPU microseconds a result, the least of three runs."""
    spent = []
    for _ in range(3):
        began = time.process_time()
        fold(told)
        spent.append(time.process_time() - began)
    return min(spent) / len(told) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=int, default=100_000)
    parser.add_argument("--series", type=int, default=50)
    options = parser.parse_args()
    told = results(options.results, options.series)
    baseline = cost(plain, told)
    print(f"panes: a result into {WINDOWS} windows of {options.series} series, ticks included")
    print(f"  a plain dictionary {baseline:5.2f} us")
    for name, fold in (("a count", counted), ("a duration", spread)):
        us = cost(fold, told)
        print(f"  {name:<18} {us:5.2f} us, ratio {us / baseline:4.1f}")


if __name__ == "__main__":
    main()
