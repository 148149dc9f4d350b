"""`python -m fuzz`: every target for its share of the time, findings kept as files."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import click

from fuzz.targets import TARGETS, Target

FOUND = Path("fuzz-found")


@click.command()
@click.option("--minutes", type=click.FloatRange(0.1), default=5, show_default=True, help="In all.")
@click.option("--target", "names", multiple=True, type=click.Choice(sorted(TARGETS)), help="Only.")
@click.option("--seed", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".fuzz"),
    show_default=True,
    help="Inputs that reached new code are kept here, and are where the next run begins.",
)
def main(minutes: float, names: tuple[str, ...], seed: int, corpus: Path) -> None:
    """Fuzz every reader of bytes from outside, guided by coverage.

    Targets: the parser and the verifiers of every channel, the decoders of the topics. A finding
    is an exception nobody may see, an item that fails in a way its channel did not foresee, an
    event that is read as another one, or a forged request taken for genuine. Its input is kept in
    fuzz-found/; once mended it becomes a fixture of its channel. Exit code 1: something was found.
    """
    chosen = [TARGETS[name] for name in names or TARGETS]
    seconds = max(1, round(minutes * 60 / len(chosen)))
    click.echo(f"{len(chosen)} targets, {seconds} s each, seed {seed}")
    failed = [target.name for target in chosen if not _run(target, seconds, seed, corpus)]
    if failed:
        click.echo(f"found something: {', '.join(failed)}; inputs and traces are in {FOUND}/")
        sys.exit(1)
    click.echo("nothing found")


def _run(target: Target, seconds: int, seed: int, corpus: Path) -> bool:
    """Whether a target held; prints one line about it."""
    folder = corpus / target.name
    folder.mkdir(parents=True, exist_ok=True)
    for body in target.seeds:
        (folder / hashlib.sha256(body).hexdigest()[:16]).write_bytes(body)
    FOUND.mkdir(exist_ok=True)
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "fuzz.child",
            target.name,
            str(folder),
            f"-max_total_time={seconds}",
            f"-seed={seed}",
            "-timeout=20",
            "-max_len=65536",
            f"-artifact_prefix={FOUND}/{target.name}-",
            "-print_final_stats=1",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    told = finished.stdout.decode("utf-8", "replace")
    runs = re.findall(r"stat::number_of_executed_units:\s*(\d+)", told)
    covered = re.findall(r" (?:cov|ft): (\d+)", told)
    verdict = "held" if finished.returncode == 0 else "FOUND SOMETHING"
    click.echo(
        f"{target.name:<24} {int(runs[-1]) if runs else 0:>9,} inputs,"
        f" {covered[-1] if covered else '?':>5} features  {verdict}"
    )
    if finished.returncode != 0:
        (FOUND / f"{target.name}.log").write_text(told)
    return finished.returncode == 0


if __name__ == "__main__":
    main()
