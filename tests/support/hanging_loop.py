"""A process that tells systemd, and hangs in its event loop from a signal to the end of a line."""

import asyncio
import os
import signal
import sys

from carewatch.engine.systemd import Condition, Systemd


def _hang() -> None:
    sys.stdout.write("hanging\n")
    sys.stdout.flush()
    sys.stdin.readline()


async def _run() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _hang)
    Systemd(os.environ).start(lambda: Condition(ready=True, says="working"))
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(_run())
