"""A running gateway and an HTTP client, for tests of what it answers."""

import contextlib
import json
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import aiohttp

from carewatch.bootstrap import build_gateway
from carewatch.gateway.server import Gateway
from carewatch.settings import GatewaySettings, KafkaSettings, Settings
from support import hooks
from support.eventually import eventually
from support.sender import BASE

NOWHERE = "127.0.0.1:1"
SMALL = 2048
COUNTS = {"care.events": 2, "care.dead": 1}


def settings(bootstrap_servers: str, **gateway: int | str) -> Settings:
    values: dict[str, Any] = {
        "port": 0,
        "metrics_port": 0,
        "body_limit_bytes": SMALL,
        "spool_limit_bytes": 0,
        "public_base_url": BASE,
        **gateway,
    }
    return Settings(
        kafka=KafkaSettings(bootstrap_servers=bootstrap_servers, partitions=COUNTS["care.events"]),
        gateway=GatewaySettings(**values),
        accounts=hooks.account_settings(),
        privacy=hooks.PRIVACY,
        testing=True,
    )


class Door:
    """A running gateway and an HTTP client."""

    def __init__(self, gateway: Gateway, client: aiohttp.ClientSession) -> None:
        self.gateway = gateway
        self.client = client

    async def post(
        self, channel: str, body: bytes, headers: dict[str, str] | None = None, path: str = ""
    ) -> aiohttp.ClientResponse:
        account = hooks.ACCOUNTS[channel].account_ref
        signed = hooks.signature(channel, body) if headers is None else headers
        url = self.gateway.url + (path or f"/hooks/{channel}/{account}")
        async with self.client.post(url, data=BytesIO(body), headers=signed) as response:
            await response.read()
            return response

    async def get(self, path: str) -> tuple[int, str]:
        async with self.client.get(self.gateway.url + path) as response:
            return response.status, await response.text()

    async def sample(self, name: str) -> float:
        """One line of /metrics."""
        async with self.client.get(self.gateway.metrics_url + "/metrics") as response:
            lines = (await response.text()).splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(name + " "))

    async def until_ready(self) -> None:
        async def ready() -> bool | None:
            return True if (await self.get("/readyz"))[0] == 200 else None

        await eventually(ready, within_s=60)


@contextlib.asynccontextmanager
async def running(config: Settings) -> AsyncIterator[Door]:
    gateway = build_gateway(config, lambda: hooks.NOW)
    await gateway.start()
    try:
        async with aiohttp.ClientSession() as client:
            yield Door(gateway, client)
    finally:
        await gateway.stop()


def message(number: int, text: str = "hello") -> bytes:
    return json.dumps(
        {
            "type": "care.message.created",
            "timestamp": "2026-01-05T10:00:00.000Z",
            "data": {
                "conversation_key": f"c{number}",
                "actor": {"kind": "customer", "key": f"u{number}"},
                "message": {"key": f"m{number}", "direction": "inbound", "text": text},
            },
        }
    ).encode()
