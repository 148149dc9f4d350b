"""What all runs add up to, for people: `docs/chaos.md`, written from the reports.

    python -m chaos.summary docs/chaos.json

Beside the reports stands what the same kills do to a stock Faust table (`python -m chaos.baseline
--append docs/chaos-baseline.json`), if somebody has measured it.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

Document = dict[str, Any]

KILLS: Final = ("kill", "failpoint")
"""Faults that end a worker by SIGKILL."""

HEAD: Final = """\
# Chaos runs

Written by `make chaos ARGS="--append docs/chaos.json"` from the reports in
[chaos.json](chaos.json); what each fault is for: [failures.md](failures.md).

A run feeds signed webhooks through the gateway while a seeded plan of faults strikes the workers
and Kafka. Then four judges must find nothing: the simulator's own arithmetic, the ids of the
results (each there once), an undisturbed replay of the log, and `carewatch verify`, which shares no
code with the worker.
"""

BASELINE: Final = """\
## The same kills on a stock Faust table

One agent that counts events by key in a table, default settings, the worker killed and started
again (`python -m chaos.baseline`). Lost and counted twice are sums over the keys.

| kills | events written | counted | lost | counted twice |
|---:|---:|---:|---:|---:|"""


def write_summary(reports: Path) -> Path:
    """Writes the summary beside the reports, under their name with `.md`; returns where."""
    target = reports.with_suffix(".md")
    target.write_text(summarise(*read_reports(reports)), encoding="utf-8")
    return target


def add(reports: Path, other: Path) -> None:
    """Appends what another list has and this one has not."""
    known = json.loads(reports.read_text(encoding="utf-8"))
    more = [one for one in json.loads(other.read_text(encoding="utf-8")) if one not in known]
    reports.write_text(json.dumps([*known, *more], indent=2) + "\n", encoding="utf-8")


def read_reports(reports: Path) -> tuple[list[Document], list[Document]]:
    """The reports, and the baselines of the file beside them that is called `-baseline`."""
    beside = reports.with_name(f"{reports.stem}-baseline.json")
    baselines = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else []
    return json.loads(reports.read_text(encoding="utf-8")), baselines


def summarise(reports: Sequence[Document], baselines: Sequence[Document]) -> str:
    """The whole page."""
    passed = [one for one in reports if one["verdict"] == "passed"]
    failed = [one for one in reports if one["verdict"] != "passed"]
    parts = [HEAD, _in_short(passed, failed), _by_kind(passed), _by_run(reports), *_told(failed)]
    if baselines:
        parts.append(_beside(baselines))
    return "\n".join(parts)


def _in_short(reports: Sequence[Document], failed: Sequence[Document]) -> str:
    faults = sum(one["faults"] for one in reports)
    kills = _kills(reports)
    events, results = (sum(one[name] for one in reports) for name in ("events", "results"))
    slowest = max((one["catch_up_seconds"] for one in reports), default=0)
    aborted = sum(one["aborted_records"] for one in reports)
    found = (
        f"**{len(reports)} runs passed: {faults:,} faults, {kills:,} of them kills, over "
        f"{events:,} records of `care.events` and {results:,} results, and no difference.** "
        f"{len(failed)} failed{': see below' if failed else ''}."
    )
    moved = sum(one.get("leader_moves", 0) for one in reports)
    beyond = (
        f"Every one of them caught up within {slowest} s of its last event. {moved:,} partitions "
        f"came to be led by another broker. {aborted:,} records were written by "
        "transactions that never committed, and no reader of committed records saw one."
    )
    if kills and all("cause" in one for one in failed):
        beyond += f" The chance that a kill does harm is below 3/{kills} (95 %, rule of three)."
    return f"{found}\n\n{beyond}\n"


def _kills(reports: Sequence[Document]) -> int:
    return sum(one["by_kind"].get(kind, 0) for one in reports for kind in KILLS)


def _by_kind(reports: Sequence[Document]) -> str:
    kinds: Counter[str] = Counter()
    for one in reports:
        kinds.update(one["by_kind"])
    rows = [f"| {kind} | {kinds[kind]:,} |" for kind in sorted(kinds)]
    return "\n".join(["| fault | times |", "|---|---:|", *rows, ""])


def _by_run(reports: Sequence[Document]) -> str:
    rows = [
        f"| {one['seed']} | {one.get('commit', '-')} | {one['workers']} | {one.get('brokers', 1)} "
        f"| {one['faults']} | {one['seconds']} s | {one['events']:,} | {one['results']:,} "
        f"| {_judged(one)} | {one['verdict']} |"
        for one in reports
    ]
    head = [
        "| seed | commit | workers | brokers | faults | took | events | results | points | says |",
        "|---:|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    versions = sorted({_versions(one) for one in reports})
    return "\n".join([*head, *rows, "", f"Versions: {'; '.join(versions)}.", ""])


def _told(failed: Sequence[Document]) -> list[str]:
    """What was found in each run that failed, and why: `cause`, added to its report by hand."""
    if not failed:
        return []
    told = [
        f"- Seed {one['seed']}: {_found(one)}. {one.get('cause', 'The cause is not known yet.')}"
        for one in failed
    ]
    return ["Runs that failed:\n", *told, ""]


def _found(report: Document) -> str:
    differences = report["differences"].items()
    return "; ".join(f"{name}: {', '.join(found)}" for name, found in differences if found)


def _judged(report: Document) -> str:
    """How many metric points the oracle compared."""
    compared = report.get("oracle", {}).get("compared", {})
    return f"{compared.get('care.metrics', 0):,}"


def _versions(report: Document) -> str:
    return ", ".join(f"{name} {number}" for name, number in report["versions"].items())


def _beside(baselines: Sequence[Document]) -> str:
    rows = [
        f"| {one['kills']} | {one['written']:,} | {one['counted']:,} | {one['lost']:,} "
        f"| {one['doubled']:,} |"
        for one in baselines
    ]
    return "\n".join([BASELINE, *rows, ""])


@click.command()
@click.argument("reports", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--add", "others", multiple=True,
              type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Append the reports of this list first; once.")  # fmt: skip
def main(*, reports: Path, others: tuple[Path, ...]) -> None:
    """Write the summary of REPORTS (a list of chaos reports) beside it."""
    for other in others:
        add(reports, other)
    click.echo(f"wrote {write_summary(reports)}")


if __name__ == "__main__":
    main()
