"""`python -m chaos`: faults under live traffic, a report, and exit 1 if any number is wrong."""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

import click

from carewatch.engine.failpoints import FAILPOINTS
from carewatch.local.cluster import SIZE
from chaos.plan import plan
from chaos.report import Report
from chaos.run import chaos
from chaos.summary import write_summary


@click.command()
@click.option("--faults", type=click.IntRange(1), default=60, show_default=True,
              help="How many; sixty take about five minutes.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same plan.")
@click.option("--workers", type=click.IntRange(1, 3), default=2, show_default=True)
@click.option("--brokers", type=click.Choice(["1", str(SIZE)]), default="1", show_default=True,
              help="With three some are always there, and leaders move.")  # fmt: skip
@click.option("--rate", type=click.IntRange(1), default=40, show_default=True,
              help="Deliveries a second.")  # fmt: skip
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), default=None,
              help="Write the whole report to this file.")  # fmt: skip
@click.option("--append", type=click.Path(dir_okay=False, path_type=Path), default=None,
              help="Add the report, without its plan, to the list in this file, and write the "
              "summary of the list beside it (.md).")  # fmt: skip
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), default=None,
              help="Keep Kafka's data and all logs in this folder.")  # fmt: skip
def main(
    *,
    faults: int,
    seed: int,
    workers: int,
    brokers: str,
    rate: int,
    report: Path | None,
    append: Path | None,
    keep: Path | None,
) -> None:
    """Kill, freeze and cut off workers and Kafka under live traffic, then check every number.

    Workers die by SIGKILL at any moment and at every failpoint, freeze longer than their session,
    restart, join and leave; Kafka is killed and restarted; a proxy delays, stalls, resets and cuts
    requests, all of them or one kind. With three brokers these are killed, frozen and cut off from
    each other while two go on. Afterwards the totals must be what the simulator says, every
    result must be there once, all must equal an undisturbed replay of the log, and the independent
    oracle (`carewatch verify`) must find no difference.
    """
    with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        done, _ = asyncio.run(
            chaos(
                folder,
                list(plan(seed, faults, tuple(FAILPOINTS), brokers=int(brokers))),
                seed=seed,
                workers=workers,
                brokers=int(brokers),
                rate=rate,
                say=lambda text: click.echo(text, err=True),
            )
        )
    _write(done, report, append)
    click.echo(_summary(done))
    sys.exit(0 if done.passed else 1)


def _write(done: Report, report: Path | None, append: Path | None) -> None:
    document = done.document()
    if report is not None:
        report.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if append is not None:
        earlier = json.loads(append.read_text(encoding="utf-8")) if append.exists() else []
        brief = {key: value for key, value in document.items() if key != "plan"}
        append.write_text(json.dumps([*earlier, brief], indent=2) + "\n", encoding="utf-8")
        write_summary(append)


def _summary(done: Report) -> str:
    document = done.document()
    wrong = [f"  {name}: {', '.join(found)}" for name, found in done.differences.items() if found]
    head = f"{document['faults']} faults with seed {done.seed} in {done.seconds} s"
    head += f" ({done.missed} found nobody)" if done.missed else ""
    judged = ", ".join(f"{name} {count}" for name, count in done.oracle.get("compared", {}).items())
    seen = f"{done.events} events, {done.results} results, {done.aborted_records} aborted records"
    struck = f"{done.spoiled_requests} requests spoiled, {done.leader_moves} leaders moved"
    return "\n".join(
        [
            f"{head}: {document['verdict']}",
            f"  {seen}, {struck}",
            f"  workers ended by status: {done.deaths}; caught up in {done.catch_up_s} s",
            f"  compared by the oracle: {judged or 'nothing'}",
            *wrong,
        ]
    )


if __name__ == "__main__":
    main()
