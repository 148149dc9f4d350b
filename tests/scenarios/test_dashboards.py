"""Every expression of every dashboard, asked of a real Prometheus that scrapes real processes."""

import json
from pathlib import Path

import pytest

from support.deployment import Deployment, deployed
from support.eventually import eventually
from support.prometheus import Prometheus, prometheus

pytestmark = [pytest.mark.broker, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy" / "config"
VARIABLES = {"$tenant": ".*", "$channel": ".*", "$__rate_interval": "1m"}


def sample_secrets() -> dict[str, str]:
    lines = (CONFIG / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def expressions() -> dict[str, str]:
    """Every expression as Prometheus gets it, by dashboard and panel."""
    found = {}
    for path in sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel["targets"]:
                text = target["expr"]
                for name, value in VARIABLES.items():
                    text = text.replace(name, value)
                found[f"{path.stem}: {panel['title']}"] = text
    return found


async def unanswered(running: Prometheus, asked: dict[str, str]) -> list[str]:
    """The panels whose expression gives no data."""
    return [panel for panel, expr in asked.items() if not await running.values(expr)]


def jobs(deployment: Deployment) -> dict[str, str]:
    return {
        name: url.removeprefix("http://")
        for name, url in {
            "care-board": deployment.board_url,
            "care-gateway": deployment.gateway_metrics_url,
            "care-worker": deployment.first_worker.url,
        }.items()
    }


async def test_every_panel_shows_data_under_traffic(tmp_path: Path) -> None:
    asked = expressions()
    assert len(asked) > 40
    async with deployed(tmp_path / "d", CONFIG, sample_secrets()) as deployment:
        async with prometheus(tmp_path / "p", jobs(deployment)) as running:
            traffic = deployment.start(
                "simulate", "--gateway", deployment.gateway_url, "--rate", "15", "--for", "40"
            )

            async def all_shown() -> bool | None:
                return None if await unanswered(running, asked) else True

            try:
                await eventually(all_shown, within_s=120)
            except TimeoutError:
                assert await unanswered(running, asked) == []
            misspelt = {"misspelt": 'sum(care_waitin_conversations{tenant=~".*"})'}
            assert await unanswered(running, misspelt) == ["misspelt"]
            await traffic.succeed()
        assert deployment.ended_early == []
