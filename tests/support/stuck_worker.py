"""A worker process whose engine never stops."""

import asyncio

from carewatch.clock import system_clock
from carewatch.engine.engine import Engine
from carewatch.processors import PROCESSORS
from carewatch.settings import load_settings
from carewatch.streams.app import build_app
from carewatch.streams.run import run_worker


class Stuck(Engine):
    """Waits for something that does not come."""

    async def stop(self) -> None:
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    settings = load_settings(secrets="none")
    run_worker(build_app(settings, Stuck(PROCESSORS, settings, system_clock)), "info")
