"""What the wall says of a board."""

import re
from pathlib import Path

import carewatch.wall
from carewatch.domain.board import Board
from carewatch.wall.view import STALE_MS, build_view
from support.boards import board_of, sample_outputs
from support.partial_log import T0

WATERMARK = T0 + 5_250
SNAPSHOT = board_of(sample_outputs()).snapshot()
FOLDER = Path(carewatch.wall.__file__).parent


def test_wall_adds_queues_and_priorities_and_shows_net_figures() -> None:
    view = build_view(SNAPSHOT, WATERMARK + 1_000, {})

    assert view["all"] == {
        "waiting": 3,
        "oldest_at": "2026-01-05T09:58:58.750Z",
        "oldest_ms": 67_500,
        "queued": 1,
        "at_risk": 0,
        "breached_open": 1,
        "breaches": 3,
        "evaluations": 3,
        "received": 10,
        "opened": 3,
        "first_response": {"window": "1h", "count": 2, "p50_ms": 42_496, "p90_ms": 91_136},
        "queue_wait": {"window": "total", "count": 1, "p50_ms": 14_976, "p90_ms": 14_976},
    }


def test_each_channel_has_its_own_row() -> None:
    view = build_view(SNAPSHOT, WATERMARK, {})

    rows = view["channels"]
    assert isinstance(rows, list)
    assert [(row["channel"], row["waiting"], row["oldest_at"]) for row in rows] == [
        ("web", 3, "2026-01-05T09:58:58.750Z"),
        ("whatsapp", 0, None),
    ]


def test_age_is_that_of_the_data() -> None:
    fresh, stale = (build_view(SNAPSHOT, WATERMARK + age, {}) for age in (STALE_MS, STALE_MS + 1))

    assert (fresh["age_ms"], fresh["stale"]) == (STALE_MS, False)
    assert (stale["age_ms"], stale["stale"]) == (STALE_MS + 1, True)
    assert stale["watermark"] == "2026-01-05T10:00:05.250Z"


def test_empty_board_is_stale_and_says_nothing() -> None:
    view = build_view(Board().snapshot(), T0, {})

    assert (view["watermark"], view["age_ms"], view["stale"]) == (None, None, True)
    assert view["channels"] == []


def test_old_hour_gives_way_to_the_figures_since_the_beginning() -> None:
    outputs = [*sample_outputs(), *sample_outputs(T0 + 3 * 3_600_000)]
    late = board_of(one for one in outputs if b"|1h|2026-01-05T13" not in (one.key or b""))
    view = build_view(late.snapshot(), T0 + 3 * 3_600_000, {})

    everything = view["all"]
    assert isinstance(everything, dict)
    assert everything["first_response"]["window"] == "total"


def test_page_asks_nobody_else_and_runs_no_inline_code() -> None:
    page = (FOLDER / "page.html").read_text()
    sources = [page, *((FOLDER / name).read_text() for name in ("wall.js", "wall.css"))]

    assert [
        text for text in sources if re.search(r"https?:|//[a-z0-9]+\.|@import|url\(", text)
    ] == []
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=", page) == []


def test_every_figure_of_the_page_is_in_the_message() -> None:
    page = (FOLDER / "page.html").read_text()
    everything = build_view(SNAPSHOT, WATERMARK, {})["all"]
    assert isinstance(everything, dict)

    names = re.findall(r'data-all="([^"]+)"', page) + re.findall(r'data-note="([^"]+)"', page)
    assert {name.split(".")[0] for name in names} <= set(everything)
    nested = [name.split(".") for name in names if "." in name]
    assert all(field in everything[tile] for tile, field in nested)
