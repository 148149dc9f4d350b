"""The dashboards as files: they are what the code says, and keep the rules of walls."""

import json
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from ruamel.yaml import YAML

DEPLOY = Path(__file__).parents[2] / "deploy"
sys.path.insert(0, str(DEPLOY / "grafana"))

# The folder is no package: its two files are run as a script.
boards: Any = import_module("boards")
generate: Any = import_module("generate")

FILES = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
DOCUMENTS: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text()) for path in FILES}
WALLS = [name for name in DOCUMENTS if name.endswith("-wall")]
PANELS = [
    pytest.param(name, panel, id=f"{name}: {panel['title']}")
    for name, document in DOCUMENTS.items()
    for panel in document["panels"]
]


def expressions(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel["targets"]]


def test_the_files_are_what_the_code_says() -> None:
    """After a change: make dashboards, then read the diff."""
    assert {path.name: path.read_text() for path in FILES} == generate.dashboards()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_dashboard_says_nothing_that_grafanas_own_model_does_not_know(name: str) -> None:
    """A misspelt key is lost on the way through the model."""
    document = DOCUMENTS[name]
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(document)))
    misspelt = json.loads(
        JSONEncoder().encode(Dashboard.from_json(document | {"refrsh": document["refresh"]}))
    )

    assert again == document
    assert misspelt != document | {"refrsh": document["refresh"]}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_dashboard_has_a_fixed_name_and_cannot_be_edited_away(name: str) -> None:
    document = DOCUMENTS[name]

    assert document["uid"] == name
    assert document["editable"] is False
    assert document["schemaVersion"] >= 42
    assert document["refresh"] in ("5s", "30s")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_can_be_narrowed_down_and_finds_its_source_by_kind(name: str) -> None:
    variables = {one["name"]: one for one in DOCUMENTS[name]["templating"]["list"]}

    assert list(variables) == ["datasource", "runbooks", "tenant", "channel"]
    for kind in ("tenant", "channel"):
        assert variables[kind]["refresh"] == 2  # when the time range changes
        assert variables[kind]["datasource"]["uid"] == "$datasource"


@pytest.mark.parametrize(("name", "panel"), PANELS)
def test_a_panel_explains_itself(name: str, panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]

    assert panel["title"]
    assert panel["description"].endswith(".")
    assert defaults["unit"]
    assert defaults["noValue"] == "no data", name
    assert panel["datasource"] == {"type": "prometheus", "uid": "$datasource"}


@pytest.mark.parametrize(("name", "panel"), PANELS)
def test_counters_are_rated_before_they_are_summed(name: str, panel: dict[str, Any]) -> None:
    """And replicas are not summed: each of them shows everything."""
    for expr in expressions(panel):
        counters = re.findall(r"(\w+\()?care_\w+_(?:total|bucket|count)\b(?!:)", expr)
        assert all(before in ("rate(", "increase(") for before in counters), (name, expr)
        assert "by (instance" not in expr
        if re.search(r"(rate|increase)\(care_(?!webhook)", expr):
            assert "max without (instance, pod)" in expr


@pytest.mark.parametrize(
    ("name", "panel"), [one for one in PANELS if str(one.values[0]).endswith("-wall")]
)
def test_a_number_on_a_wall_is_of_now_or_missing(name: str, panel: dict[str, Any]) -> None:
    """And can be read from across a room: at least 96 points, a name of at least 36."""
    assert panel["type"] == "stat"
    assert [target.get("instant") for target in panel["targets"]] == [True], name
    assert panel["options"]["reduceOptions"]["calcs"] == ["last"]
    assert panel["options"]["text"]["valueSize"] >= 96
    assert panel["options"]["text"]["titleSize"] >= 36


@pytest.mark.parametrize("name", WALLS)
def test_a_wall_has_few_numbers_and_the_age_of_its_data(name: str) -> None:
    panels = DOCUMENTS[name]["panels"]

    assert 4 <= len(panels) <= 6
    assert "Data as of" in [panel["title"] for panel in panels]


@pytest.mark.parametrize("name", WALLS)
def test_a_tile_leads_to_its_desk_and_the_desk_to_a_runbook(name: str) -> None:
    desk = name.replace("-wall", "-desk")
    urls = {
        link["url"].split("?")[0]
        for panel in DOCUMENTS[name]["panels"]
        for link in panel["fieldConfig"]["defaults"]["links"]
    }
    runbooks = [link["url"] for link in DOCUMENTS[desk]["links"]]

    assert urls == {f"/d/{desk}"}
    assert desk in DOCUMENTS
    for url in runbooks:
        assert (DEPLOY / "runbooks" / url.removeprefix("${runbooks}/")).is_file()


def test_every_board_has_both() -> None:
    names = {f"carewatch-{one.name}-{kind}" for one in boards.BOARDS for kind in ("wall", "desk")}

    assert set(DOCUMENTS) == names


def test_colours_are_those_that_everybody_tells_apart() -> None:
    used = {
        step["color"]
        for document in DOCUMENTS.values()
        for panel in document["panels"]
        for step in panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    }

    assert used <= {"#0072B2", "#E69F00", "#D55E00"}


def test_provisioning_reads_the_folder_and_allows_no_edits() -> None:
    folder = DEPLOY / "grafana" / "provisioning"
    provider = YAML(typ="safe").load(folder / "dashboards" / "carewatch.yml")["providers"][0]
    source = YAML(typ="safe").load(folder / "datasources" / "prometheus.yml")["datasources"][0]
    compose = YAML(typ="safe").load(DEPLOY.parent / "docker-compose.yml")
    mounted = dict(volume.split(":")[1::-1] for volume in compose["services"]["grafana"]["volumes"])

    assert provider["allowUiUpdates"] is False
    assert mounted[provider["options"]["path"]] == "./deploy/grafana/dashboards"
    assert source["type"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
