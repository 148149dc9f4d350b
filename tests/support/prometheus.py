"""A real Prometheus with the rules of deploy/, made impatient: minutes of waiting are a second."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from carewatch.local.ports import HOST, free_port
from support.eventually import eventually

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules"

_CONFIG = """\
global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
rule_files: ["{rules}/*.yml"]
scrape_configs:
{jobs}"""
_JOB = '  - {{job_name: {name}, static_configs: [{{targets: ["{target}"]}}]}}\n'


def tool(name: str) -> str:
    """The path of a program that Debian packages, or the test is skipped and says which."""
    found = shutil.which(name)
    if found is None:
        package = "prometheus-alertmanager" if name == "amtool" else "prometheus"
        pytest.skip(f"{name} is missing: it comes with the Debian package {package}")
    return found


async def promtool_says(page: str) -> tuple[int, str]:
    """What `promtool check metrics` makes of a page: its status and its complaints."""
    checking = await asyncio.create_subprocess_exec(
        *(tool("promtool"), "check", "metrics"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await checking.communicate(page.encode())
    return checking.returncode or 0, said.decode()


class Prometheus:
    """What a running server says; `url` is its address."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def rules(self) -> list[dict[str, Any]]:
        """Every rule with its health, its last error and, for an alert, its state."""
        groups = (await self._get("/api/v1/rules"))["groups"]
        return [rule for group in groups for rule in group["rules"]]

    async def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        alerts = (await self._get("/api/v1/alerts"))["alerts"]
        return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}

    async def values(self, query: str) -> list[float]:
        """The values of an instant query."""
        result = (await self._get("/api/v1/query", query=query))["result"]
        return [float(one["value"][1]) for one in result]

    async def until(self, alert: str, *, fires: bool, within_s: float = 60) -> None:
        """Returns when the alert fires, or does not any more."""

        async def seen() -> bool | None:
            return (alert in await self.firing()) == fires or None

        await eventually(seen, within_s=within_s)

    async def _get(self, path: str, **query: str) -> dict[str, Any]:
        async with self._session.get(self.url + path, params=query) as answer:
            document = await answer.json()
            assert document["status"] == "success", document
            data: dict[str, Any] = document["data"]
            return data


@asynccontextmanager
async def prometheus(
    folder: Path, jobs: Mapping[str, str], *, limits: Mapping[str, int] | None = None
) -> AsyncIterator[Prometheus]:
    """A server that scrapes `jobs` (name to host:port); `limits` replace those of limits.yml."""
    rules = folder / "rules"
    rules.mkdir(parents=True)
    for path in RULES.glob("*.yml"):
        text = re.sub(r"\bfor: \d+[mh]", "for: 1s", path.read_text(encoding="utf-8"))
        for name, limit in (limits or {}).items():
            text = re.sub(rf"(record: {name}\n +expr: vector)\(\d+\)", rf"\1({limit})", text)
        (rules / path.name).write_text(text, encoding="utf-8")
    config = folder / "prometheus.yml"
    listed = "".join(_JOB.format(name=name, target=target) for name, target in jobs.items())
    config.write_text(_CONFIG.format(rules=rules, jobs=listed), encoding="utf-8")
    address = f"{HOST}:{free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        server = await asyncio.create_subprocess_exec(
            tool("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={address}",
            stdout=log,
            stderr=log,
        )
        try:
            async with aiohttp.ClientSession() as session:
                running = Prometheus(f"http://{address}", session)

                async def ready() -> bool | None:
                    assert server.returncode is None, (folder / "prometheus.log").read_text()
                    try:
                        async with session.get(f"{running.url}/-/ready") as answer:
                            return answer.status == 200 or None
                    except aiohttp.ClientError:
                        return None

                await eventually(ready, within_s=60)
                yield running
        finally:
            if server.returncode is None:
                server.terminate()
            await server.wait()
