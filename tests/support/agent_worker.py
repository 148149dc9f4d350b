"""A worker process with an agent on `care.commands` that writes down what it reads."""

import gc
import sys

from carewatch.clock import system_clock
from carewatch.engine.engine import Engine
from carewatch.processors import PROCESSORS
from carewatch.settings import load_settings
from carewatch.streams.app import TopicAgent, build_app
from carewatch.streams.run import run_worker
from carewatch.wire.topics import COMMANDS


async def _read(value: bytes) -> None:
    if value == b"fail":
        raise ValueError("this one cannot be carried out")
    sys.stdout.write(f"agent read {value!r}, with frozen state: {gc.get_freeze_count() > 1000}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    settings = load_settings(secrets="none")
    engine = Engine(PROCESSORS, settings, system_clock)
    run_worker(build_app(settings, engine, [TopicAgent(COMMANDS, _read)]), "info")
