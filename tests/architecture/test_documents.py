"""Documents that could drift are compared with the code."""

import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from carewatch.channels import CHANNELS
from carewatch.cli import COMMANDS, main
from carewatch.domain.metrics import CATALOGUE
from carewatch.engine.failpoints import FAILPOINTS
from carewatch.engine.metrics import ProcessMetrics
from carewatch.gateway.metrics import GatewayMetrics, SpoolMetrics
from carewatch.overrides import list_variables
from carewatch.settings import Settings
from support.documents import DOCUMENTS, ROOT


def rows_between(path: Path, name: str) -> list[list[str]]:
    """The cells of a Markdown table between `<!-- name -->` and `<!-- end -->`, without head."""
    text = path.read_text(encoding="utf-8")
    table = text.split(f"<!-- {name} -->\n")[1].split("\n<!-- end -->")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.split("\n")[2:]]


def update_rows(path: Path, name: str, rows: list[list[str]]) -> None:
    """Writes the rows of a table anew, below its head."""
    before, _, rest = path.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    table, _, after = rest.partition("\n<!-- end -->")
    head = table.split("\n")[:2]
    body = [f"| {' | '.join(cells)} |" for cells in rows]
    text = "\n".join([*head, *body])
    path.write_text(f"{before}<!-- {name} -->\n{text}\n<!-- end -->{after}", encoding="utf-8")


def test_the_readme_lists_every_command_with_its_one_line() -> None:
    expected = [[f"`carewatch {name}`", says] for name, says in COMMANDS.items()]

    assert rows_between(ROOT / "README.md", "commands") == expected


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_exists_and_explains_itself(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])

    assert result.exit_code == 0, result.output
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.help


def test_every_setting_is_documented_with_its_default() -> None:
    expected = [
        [
            f"`{'.'.join(str(key) for key in one.keys)}`",
            f"`{one.name}`",
            {None: "none", False: "no"}.get(one.default, str(one.default)),  # type: ignore[call-overload]
            one.says,
        ]
        for one in list_variables(Settings).values()
    ]

    assert rows_between(ROOT / "docs" / "configuration.md", "settings") == expected


def test_every_metric_is_documented_as_the_catalogue_says(pytestconfig: pytest.Config) -> None:
    expected = [
        [
            f"`{one.id}`",
            one.status,
            str(one.kind),
            ", ".join(f"`{label}`" for label in one.labels) or "-",
            ", ".join(f"`{window}`" for window in one.windows) or "-",
            one.rules or "-",
            one.help + "".join(f" From `{source}`." for source in one.sources),
        ]
        for one in CATALOGUE
    ]

    if pytestconfig.getoption("update_tables"):
        update_rows(ROOT / "docs" / "metrics.md", "metrics", expected)
    assert rows_between(ROOT / "docs" / "metrics.md", "metrics") == expected


def test_every_metric_of_a_worker_is_documented(pytestconfig: pytest.Config) -> None:
    registry = CollectorRegistry()
    ProcessMetrics(registry, lambda: 0)
    expected = []
    collectors: list[Any] = list(registry._collector_to_names)
    for collector in collectors:
        (family,) = collector.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(f"`{label}`" for label in collector._labelnames)
        expected.append([f"`{name}`", labels or "-", family.documentation])

    if pytestconfig.getoption("update_tables"):
        update_rows(ROOT / "docs" / "operations.md", "process metrics", expected)
    assert rows_between(ROOT / "docs" / "operations.md", "process metrics") == expected


def test_every_metric_of_a_gateway_is_documented(pytestconfig: pytest.Config) -> None:
    registry = CollectorRegistry()
    GatewayMetrics(registry, ())
    registry.register(SpoolMetrics(None, lambda: 0))
    labels = {
        name: getattr(collector, "_labelnames", ())
        for collector, names in registry._collector_to_names.items()
        for name in names
    }
    expected = [
        [
            f"`{family.name}_total`" if family.type == "counter" else f"`{family.name}`",
            ", ".join(f"`{label}`" for label in labels.get(family.name, ())) or "-",
            family.documentation,
        ]
        for family in registry.collect()
    ]

    if pytestconfig.getoption("update_tables"):
        update_rows(ROOT / "docs" / "operations.md", "gateway metrics", expected)
    assert rows_between(ROOT / "docs" / "operations.md", "gateway metrics") == expected


def test_every_failpoint_is_documented(pytestconfig: pytest.Config) -> None:
    expected = [[f"`{name}`", says] for name, says in FAILPOINTS.items()]

    if pytestconfig.getoption("update_tables"):
        update_rows(ROOT / "docs" / "operations.md", "failpoints", expected)
    assert rows_between(ROOT / "docs" / "operations.md", "failpoints") == expected


def test_the_readme_names_every_channel() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [one.name for one in CHANNELS if f"`{one.name}`" not in text] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]

    assert [link for link in links if not (path.parent / link).exists()] == []


def headings(path: Path) -> set[str]:
    """What a link may name behind `#`, as GitHub makes it of a heading."""
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_into_a_page_lead_to_a_heading(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", text)

    assert [
        f"{page}#{anchor}"
        for page, anchor in links
        if anchor not in headings((path.parent / page) if page else path)
    ] == []


def test_the_runbook_leads_to_the_page_of_every_alert() -> None:
    linked = re.findall(r"\]\(runbooks/(\w+)\.md", (ROOT / "deploy/RUNBOOK.md").read_text("utf-8"))
    pages = {path.stem for path in (ROOT / "deploy" / "runbooks").glob("*.md")}

    assert pages - set(linked) == set()


def test_the_makefile_explains_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = next(line for line in text.splitlines() if line.startswith(".PHONY:")).split()[1:]

    assert re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE) == phony
