"""A counting worker in a process of its own."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from support import counting_worker
from support.lab import Lab

START_S = 30


@asynccontextmanager
async def worker_process(
    lab: Lab, failpoints: str | None = None, /, **worker: object
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker that has started; SIGKILL at the end, if it lives until then.

    One that dies of a failpoint may do so before it can say that it has started.
    """
    settings = msgspec.structs.replace(
        lab.settings(**worker), testing=failpoints is not None, failpoints=failpoints
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(counting_worker.__file__)),
        lab.name,
        msgspec.json.encode(settings).decode(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        said = await asyncio.wait_for(process.stdout.readline(), START_S)
        assert said == b"started\n" or failpoints is not None
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
