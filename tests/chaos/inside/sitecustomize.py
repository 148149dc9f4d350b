"""Every process of a soak tells how many asyncio tasks it has: nobody else can know.

Python imports this at its start, since the soak puts the folder into PYTHONPATH. The number goes
into the file `PID.tasks` of the folder CHAOS_TASKS, every second.
"""

import asyncio.tasks
import os
import threading
import time
from pathlib import Path


def _tell(folder: Path) -> None:
    told = folder / f"{os.getpid()}.tasks"
    while True:
        # The set itself, from a thread of its own: all_tasks() wants to be in the loop.
        told.write_text(str(len(asyncio.tasks._all_tasks)), encoding="utf-8")  # type: ignore[attr-defined]
        time.sleep(1)


if "CHAOS_TASKS" in os.environ:
    threading.Thread(target=_tell, args=[Path(os.environ["CHAOS_TASKS"])], daemon=True).start()
