"""How often a property is tried: for a few seconds in every run, much longer in a long one."""

import os

from hypothesis import settings

TIMES = int(os.environ.get("CAREWATCH_EXAMPLES", "1"))
"""How many times as many examples as in an ordinary run; `make properties` takes 20."""


def examples(count: int, *, same: bool = False) -> settings:
    """The decorator of a property whose examples are dear: so many of them in an ordinary run.

    New ones in each, so that runs add up, unless they are to be the `same` in every ordinary one.
    """
    return settings(max_examples=count * TIMES, derandomize=same and TIMES == 1)
