"""Long runs with fresh seeds: `PYTHONPATH=tests python -m support.two_stages --seeds 20000`.

Prints the table of the protocol and its ablations; exit 1 when the protocol itself was wrong for
any seed, or when the absence of a rule was not noticed. A seed printed here reproduces its run.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor

from support.two_stages.ablations import ABLATIONS, REAL
from support.two_stages.table import Tried, render, tried


def main() -> int:
    """Runs the seeds of each design, shared out among processes."""
    parser = argparse.ArgumentParser(prog="python -m support.two_stages")
    parser.add_argument("--seeds", type=int, default=1000, help="seeds of the protocol")
    parser.add_argument("--ablated", type=int, default=200, help="seeds of each ablation")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1, help="processes to use")
    options = parser.parse_args()
    chunk = 50
    results: list[Tried] = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for index, design in enumerate((REAL, *ABLATIONS), start=-1):
            count = options.seeds if design is REAL else options.ablated
            last = options.first + count
            parts = [
                pool.submit(tried, index, range(first, min(first + chunk, last)))
                for first in range(options.first, last, chunk)
            ]
            results.append(Tried.together(design, [part.result() for part in parts]))
    sys.stdout.write(render(results))
    silent = [result for result in results[1:] if not result.wrong]
    return 1 if results[0].wrong or silent else 0


if __name__ == "__main__":
    sys.exit(main())
