"""Writes the dashboards of this folder: `python deploy/grafana/generate.py`.

For each board of the field two dashboards: a *wall*, four to six numbers to be read from across a
room, and a *desk* with what stands behind them. The JSON is what is deployed; a test compares it
with what this file says, and asks a real Prometheus for every expression.

Rules all of them keep: instant queries on walls, so that a dead pipeline shows "no data" instead of
its last number; the age of the data on every wall; colours never alone (thresholds have words on
the desk); never a sum over `instance`, since every board shows everything.
"""

import sys
from pathlib import Path
from typing import Final

from boards import BOARDS, Board, Tile
from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as units
from grafana_foundation_sdk.models import dashboard as model

FOLDER: Final = Path(__file__).parent / "dashboards"

OK, AT_RISK, BREACH = "#0072B2", "#E69F00", "#D55E00"
"""Okabe-Ito: blue, orange, vermilion; told apart by everybody."""

SOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="$datasource")


def _query(tile: Tile, *, instant: bool) -> Builder[object]:
    query = prometheus.Dataquery().expr(tile.expr).ref_id("A")
    if tile.legend:
        query = query.legend_format(tile.legend)
    return query.instant() if instant else query.range()


def _thresholds(tile: Tile) -> build.ThresholdsConfig:
    warn, bad = tile.limits or (0, 0)
    if tile.limits is None:
        steps = [model.Threshold(value=None, color=OK)]
    elif tile.rising:
        steps = [
            model.Threshold(value=None, color=OK),
            model.Threshold(value=warn, color=AT_RISK),
            model.Threshold(value=bad, color=BREACH),
        ]
    else:
        steps = [
            model.Threshold(value=None, color=BREACH),
            model.Threshold(value=bad, color=AT_RISK),
            model.Threshold(value=warn, color=OK),
        ]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _wall_panel(tile: Tile, desk: str) -> stat.Panel:
    panel = (
        stat.Panel()
        .title(tile.title)
        .description(tile.says)
        .datasource(SOURCE)
        .with_target(_query(tile, instant=True))
        .unit(tile.unit)
        .no_value("no data")
        .thresholds(_thresholds(tile))
        .color_mode(units.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(units.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["last"]))
        .text(common.VizTextDisplayOptions().title_size(40).value_size(120))
        .data_links(
            [build.DashboardLink("What stands behind it").url(f"/d/{desk}?${{__all_variables}}")]
        )
    )
    return panel if tile.decimals is None else panel.decimals(tile.decimals)


def _desk_panel(tile: Tile) -> timeseries.Panel | bargauge.Panel:
    panel: timeseries.Panel | bargauge.Panel
    if tile.bars:
        panel = bargauge.Panel().orientation(units.VizOrientation.HORIZONTAL)
    else:
        panel = timeseries.Panel().show_points(units.VisibilityMode.NEVER)
    panel = (
        panel.title(tile.title)
        .description(tile.says)
        .datasource(SOURCE)
        .with_target(_query(tile, instant=tile.bars))
        .unit(tile.unit)
        .no_value("no data")
    )
    return panel if tile.decimals is None else panel.decimals(tile.decimals)


def _variable(name: str, label: str, query: str) -> build.QueryVariable:
    return (
        build.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def _frame(uid: str, title: str, board: Board, span: str) -> build.Dashboard:
    runbook = (
        build.DashboardLink("Runbook")
        .type(model.DashboardLinkType.LINK)
        .url(f"${{runbooks}}/{board.runbook}.md")
        .target_blank(True)
    )
    return (
        build.Dashboard(title)
        .uid(uid)
        .tags(["carewatch", "wall" if uid.endswith("wall") else "desk"])
        .description(f"{board.title}, by carewatch.")
        .refresh("5s" if uid.endswith("wall") else "30s")
        .time(span, "now")
        .readonly()
        .timezone("browser")
        .link(runbook)
        .with_variable(build.DatasourceVariable("datasource").label("Source").type("prometheus"))
        .with_variable(
            build.TextBoxVariable("runbooks")
            .label("Runbooks")
            .description("Address of the folder deploy/runbooks, where your people read it.")
            .default_value("deploy/runbooks")
            .hide(model.VariableHide.HIDE_VARIABLE)
        )
        .with_variable(
            _variable("tenant", "Tenant", "label_values(care_waiting_conversations, tenant)")
        )
        .with_variable(
            _variable(
                "channel",
                "Channel",
                'label_values(care_waiting_conversations{tenant=~"$tenant"}, channel)',
            )
        )
    )


def dashboards() -> dict[str, str]:
    """Every dashboard as JSON, by the name of its file."""
    found = {}
    for board in BOARDS:
        wall, desk = f"carewatch-{board.name}-wall", f"carewatch-{board.name}-desk"
        columns = 3 if len(board.wall) > 4 else 2
        width = 24 // columns
        frame = _frame(wall, f"{board.title} (wall)", board, "now-1h")
        for tile in board.wall:
            frame = frame.with_panel(_wall_panel(tile, desk).span(width).height(11))
        found[wall] = JSONEncoder(sort_keys=True, indent=1).encode(frame.build())
        frame = _frame(desk, board.title, board, "now-6h")
        for tile in board.desk:
            frame = frame.with_panel(_desk_panel(tile).span(12).height(9))
        found[desk] = JSONEncoder(sort_keys=True, indent=1).encode(frame.build())
    return {f"{name}.json": f"{text}\n" for name, text in found.items()}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    written = dashboards()
    for path in FOLDER.glob("*.json"):
        if path.name not in written:
            path.unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {len(written)} dashboards to {FOLDER}\n")


if __name__ == "__main__":
    main()
