"""A worker process that counts until it is killed: `counting_worker.py NAME SETTINGS`."""

import asyncio
import sys
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent))

from carewatch.clock import system_clock
from carewatch.engine.engine import Engine
from carewatch.settings import Settings
from support.lab import Lab


async def _main(name: str, settings: Settings) -> None:
    lab = Lab(settings.kafka.bootstrap_servers, name=name)
    engine = Engine([lab.processor], settings, system_clock)
    await engine.start()
    sys.stdout.write("started\n")
    sys.stdout.flush()
    await engine.failed()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], msgspec.json.decode(sys.argv[2], type=Settings)))
