"""What the demo shows, on a terminal and elsewhere."""

from typing import Any

import pytest

from carewatch.local.screen import (
    LINES_EVERY,
    PlainScreen,
    TerminalScreen,
    data_age,
    duration,
    rows,
)

TILE: dict[str, Any] = {
    "waiting": 3,
    "oldest_ms": 4_250,
    "at_risk": 1,
    "breached_open": 2,
    "breaches": 5,
    "evaluations": 20,
    "received": 77,
    "first_response": {"window": "1h", "count": 9, "p50_ms": 4_096, "p90_ms": 61_999},
    "queue_wait": {"window": "1h", "count": 9, "p50_ms": None, "p90_ms": None},
}
VIEW: dict[str, Any] = {
    "age_ms": 800,
    "stale": False,
    "all": TILE,
    "channels": [{"channel": "web", **TILE}],
}


@pytest.mark.parametrize(
    ("ms", "text"),
    [(None, "-"), (0, "0.0 s"), (999, "0.9 s"), (59_999, "59.9 s"), (200_000, "3 min 20 s")],
)
def test_durations_are_read_at_a_glance(ms: int | None, text: str) -> None:
    assert duration(ms) == text


def test_one_row_for_each_channel_and_one_for_all() -> None:
    figures = ["3", "4.2 s", "4.0 s", "1 min 1 s", "9", "-", "1", "2", "5 of 20", "77"]

    assert rows(VIEW) == [["web", *figures], ["all", *figures]]


def test_old_figures_are_called_stale() -> None:
    assert data_age(VIEW) == "data 0.8 s old"
    assert data_age({**VIEW, "age_ms": 9000, "stale": True}) == "data 9.0 s old, STALE"


def test_without_a_terminal_every_fifth_view_is_printed() -> None:
    said: list[str] = []
    screen = PlainScreen(said.append)

    with screen.live():
        for _ in range(2 * LINES_EVERY):
            screen.show(VIEW)

    assert [line for line in said if line.startswith("data")] == ["data 0.8 s old"] * 2
    assert said[1].startswith("  web: waiting 3, oldest 4.2 s, first response p50 4.0 s, p90 1 min")


def test_on_a_terminal_the_table_has_every_figure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    screen = TerminalScreen()

    with screen.live():
        screen.say("worker ready [1]")
        screen.show(VIEW)

    shown = capsys.readouterr().out
    assert "worker ready [1]" in shown
    for text in ("carewatch demo: data 0.8 s old", "web", "all", "4.2 s", "1 min 1 s", "5 of 20"):
        assert text in shown
