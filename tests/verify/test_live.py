"""The oracle beside a real worker on a real Kafka: it agrees, and a forged fact is found."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from carewatch.cli import main
from carewatch.local import demo_config
from carewatch.wire import topics
from support.deployment import Stored, deployed
from support.lab import produce

pytestmark = [pytest.mark.broker, pytest.mark.slow]

SECONDS = 12
RATE = 30
SEED = 20260105


def verify(environ: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """The exit code and the report of the command."""
    result = CliRunner().invoke(main, ["verify", "--json"], env=environ)
    assert result.stdout, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return result.exit_code, report


def forged(facts: list[Stored]) -> tuple[Stored, bytes]:
    """A fact that nothing led to: the last one again, under another id."""
    fact = facts[-1]
    value = json.loads(fact.value or b"")
    return fact, json.dumps(value | {"id": "forged"}).encode()


async def test_the_oracle_agrees_with_the_worker_until_a_fact_is_forged(tmp_path: Path) -> None:
    secrets = demo_config.random_secrets()
    manifest_file = tmp_path / "manifest.json"
    async with deployed(tmp_path, demo_config.FOLDER, secrets) as deployment:
        await deployment.run(
            "simulate",
            *("--gateway", deployment.gateway_url, "--manifest", str(manifest_file)),
            *("--for", str(SECONDS), "--rate", str(RATE), "--seed", str(SEED)),
            *("--policy", demo_config.POLICY, "--first-reply", demo_config.FIRST_REPLY),
            *("--next-reply", demo_config.NEXT_REPLY),
        )
        settled = json.loads(manifest_file.read_text(encoding="utf-8"))["settled_at_ms"]
        await deployment.passed(settled + 2000)

        agreed, report = await asyncio.to_thread(verify, deployment.environ)
        fact, value = forged(await deployment.committed(topics.FACTS))
        await produce(
            deployment.bootstrap_servers,
            topics.FACTS,
            [(fact.key or b"").decode()],
            fact.partition,
            value,
        )
        differed, after = await asyncio.to_thread(verify, deployment.environ)

    assert (agreed, report["differences"]) == (0, [])
    assert report["compared"]["care.facts"] > 100
    assert (differed, [one["what"] for one in after["differences"]]) == (1, ["unexpected"])
