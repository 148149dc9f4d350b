"""The page about the soak, for people: `docs/soak.md`, written from its report."""

from pathlib import Path
from typing import Any, Final

from chaos.samples import EMPTY_KIB, KEPT_BYTES, TOLERATED

HEAD: Final = """\
# Soak

Written by `make soak` from the report in [soak.json](soak.json).

First as much traffic as goes through tells what the machine can do; then half of that comes, signed
webhooks through the gateway, while every 20 seconds a fault strikes: the first of two workers is
killed, frozen and restarted, Kafka is killed and restarted, requests are delayed, cut and lost. The
second worker, the gateway and the board live through all of it, and are looked at every 10 seconds.
The medians of the last quarter must be those of the second one, within a tolerance, and afterwards
every number must be right, as after a [chaos run](chaos.md).
"""

UNITS: Final = {
    "memory_kib": "memory, KiB",
    "files": "open files",
    "tasks": "asyncio tasks",
    "threads": "threads",
    "series": "series on `/metrics`",
    "lag_records": "records behind",
}


def write_soak_summary(report: Path, document: dict[str, Any]) -> Path:
    """Writes the summary beside the report, under its name with `.md`; returns where."""
    target = report.with_suffix(".md")
    target.write_text(summarise_soak(document), encoding="utf-8")
    return target


def summarise_soak(document: dict[str, Any]) -> str:
    """The whole page."""
    return "\n".join([HEAD, _in_short(document), _table(document), _tolerances(document)])


def _in_short(document: dict[str, Any]) -> str:
    minutes = round(document["seconds"] / 60)
    measured = document["capacity_deliveries_per_second"]
    rate = document["rate_deliveries_per_second"]
    of = f", of {measured} that went through at most" if measured else ""
    ended = f", {', '.join(document['ended'])} ended in between" if document["ended"] else ""
    grown = sum(not one["tolerated"] for one in document["growth"])
    wrong = sum(len(found) for found in document["differences"].values())
    return (
        f"**{minutes} minutes at {rate} deliveries a second{of}, {document['faults']} faults, "
        f"{document['events']:,} records of `care.events`: {grown} of {len(document['growth'])} "
        f"measures have grown, {wrong} differences{ended}: {document['verdict']}.** "
        f"Commit {document['commit']}.{_note(document)}\n"
    )


def _note(document: dict[str, Any]) -> str:
    """What somebody has added to the report by hand."""
    return f"\n\n{document['note']}" if "note" in document else ""


def _table(document: dict[str, Any]) -> str:
    rows = [
        f"| {one['process']} | {UNITS[one['measure']]} | {one['before']:,} | {one['after']:,} "
        f"| {'no' if one['tolerated'] else 'YES'} |"
        for one in document["growth"]
    ]
    head = [
        "| process | measure | second quarter | last quarter | more than explained |",
        "|---|---|---:|---:|---|",
    ]
    return "\n".join([*head, *rows, ""])


def _tolerances(document: dict[str, Any]) -> str:
    told = ", ".join(
        f"{UNITS[measure]} {one.percent} % and {one.more:,}" for measure, one in TOLERATED.items()
    )
    each = ", ".join(f"{kind} {size:,}" for kind, size in KEPT_BYTES.items())
    return (
        f"Tolerated: {told}; memory over that of an empty process ({EMPTY_KIB:,} KiB) also grows "
        "as the most that it has held of its state does, since that is kept for longer than a soak "
        f"lasts (entries weigh, in bytes: {each}).\n\n{_entries(document)}"
    )


def _entries(document: dict[str, Any]) -> str:
    """By which entries each process has held more."""
    rows = [
        f"| {one['process']} | {kind} | {count:,} |"
        for one in document["growth"]
        if one["measure"] == "memory_kib"
        for kind, count in one["kept"].items()
    ]
    return "\n".join(["| process | entries | more at the most |", "|---|---|---:|", *rows, ""])
