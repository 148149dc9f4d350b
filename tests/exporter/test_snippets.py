"""The snippets of docs/board-api.md are run as they stand there, with a token and without."""

import asyncio
import os
import shutil
import sys

import pytest

from carewatch.domain.points import Point, Spread
from carewatch.secrets import Secret
from carewatch.settings import BoardSettings
from support.boards import FilledFeed, board_of, running_board, sample_outputs
from support.documents import ROOT, blocks
from support.partial_log import T0

PAGE = ROOT / "docs" / "board-api.md"
TOKEN = "0123456789abcdef"
WATERMARK = "2026-01-05T10:00:05.250Z"

TABLE = """\
oldest_unanswered	support	2026-01-05T09:58:58.750Z
oldest_unanswered	support	2026-01-05T09:59:59.995Z
waiting_conversations	support	2
waiting_conversations	support	1
"""

SNIPPETS = {
    "sh": (
        ["bash"],
        ("curl", "jq"),
        TABLE,
    ),
    "python": ([sys.executable], (), f"complete up to {WATERMARK}\nweb support 91136 ms\n"),
    "js": (["node", "--input-type=module"], ("node",), f"1 in queues, as of {WATERMARK}\n"),
}


def snippet(language: str) -> str:
    """The one snippet of a language."""
    [found] = [one.text for one in blocks(PAGE) if one.language == language]
    return found


def feed() -> FilledFeed:
    """The sample board, with a last hour."""
    board = board_of(sample_outputs())
    spread = Spread(
        count=2, sum=132_500, min=42_000, max=90_500, p50=42_496, p90=91_136, p95=91_136,
        p99=91_136, buckets=(),
    )  # fmt: skip
    hour = Point(
        metric="first_response_time", labels=("acme", "web", "support", "normal"),
        window="last_1h", start=T0 - 3_600_000, ends=T0, pane="on_time", revision=1, time=T0,
        value=spread,
    )  # fmt: skip
    board.fold(b"hour", hour)
    return FilledFeed(board)


@pytest.mark.parametrize("language", SNIPPETS)
@pytest.mark.parametrize("token", [None, TOKEN])
async def test_a_snippet_prints_what_the_board_shows(language: str, token: str | None) -> None:
    command, needed, expected = SNIPPETS[language]
    for program in needed:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is missing: it comes with the Debian package of that name")
    settings = BoardSettings(port=0, token=None if token is None else Secret(token))
    async with running_board(feed(), settings) as (server, _):
        environ = {**os.environ, "BOARD": server.url, "BOARD_TOKEN": token or ""}
        process = await asyncio.create_subprocess_exec(
            *command, env=environ,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        printed, _ = await process.communicate(snippet(language).encode())

    assert (process.returncode, printed.decode()) == (0, expected)
