"""The workers of a run, and the supervisor that starts again whoever has died."""

import asyncio
import os
import signal
from collections import Counter
from dataclasses import dataclass

from support.deployment import Deployment, Worker

LOOK_S = 0.1


@dataclass
class _Slot:
    """One place for a worker: what is started there next, and whether it is wanted at all."""

    number: int
    wanted: bool = True
    worker: Worker | None = None
    failpoints: str = ""


class Crew:
    """Workers in numbered slots; what ends although it is wanted is started again, as a service
    manager would."""

    def __init__(self, deployment: Deployment, size: int, settings: dict[str, str]) -> None:
        self._deployment = deployment
        self._settings = settings
        self._slots = [_Slot(number) for number in range(size)]
        self.deaths: Counter[int] = Counter()
        """How often a worker ended, by exit status (137: killed)."""
        self.started = 0

    @property
    def wanted(self) -> list[int]:
        """The numbers of the slots in which a worker is to run."""
        return [slot.number for slot in self._slots if slot.wanted]

    async def supervise(self) -> None:
        """Starts and restarts until it is cancelled."""
        while True:
            for slot in self._slots:
                if slot.worker is not None and (status := slot.worker.child.status) is not None:
                    self.deaths[status] += 1
                    await slot.worker.child.ended()
                    slot.worker = None
                if slot.wanted and slot.worker is None:
                    self._start(slot)
            await asyncio.sleep(LOOK_S)

    def _start(self, slot: _Slot) -> None:
        settings = dict(self._settings)
        if slot.failpoints:
            settings |= {"CAREWATCH_TESTING": "true", "CAREWATCH_FAILPOINTS": slot.failpoints}
            slot.failpoints = ""
        slot.worker = self._deployment.worker(slot=str(slot.number), **settings)
        self.started += 1

    def join(self, number: int) -> None:
        """One more worker, if that slot was empty."""
        self._slots[number % len(self._slots)].wanted = True

    def leave(self, number: int) -> None:
        """That worker ends in order, unless it is the last one."""
        slot = self._slots[number % len(self._slots)]
        if slot.wanted and len(self.wanted) > 1:
            slot.wanted = False
            self._ask_to_stop(slot)

    def restart(self, number: int) -> None:
        """SIGTERM; the supervisor starts it again."""
        self._ask_to_stop(self._pick(number))

    def kill(self, number: int, failpoints: str = "") -> None:
        """SIGKILL; the next one in that slot may carry failpoints."""
        slot = self._pick(number)
        slot.failpoints = failpoints
        if slot.worker is not None:
            slot.worker.kill()

    async def freeze(self, number: int, seconds: float) -> None:
        """SIGSTOP for so long: a worker that others take for dead, and that wakes up again."""
        slot = self._pick(number)
        pid = slot.worker.child.program_pid if slot.worker is not None else None
        if pid is None:
            return
        if not _signal(pid, signal.SIGSTOP):
            return
        try:
            await asyncio.sleep(seconds)
        finally:
            _signal(pid, signal.SIGCONT)

    def _pick(self, number: int) -> _Slot:
        wanted = self.wanted
        return self._slots[wanted[number % len(wanted)]]

    @staticmethod
    def _ask_to_stop(slot: _Slot) -> None:
        if slot.worker is not None:
            slot.worker.child.ask_to_stop()


def _signal(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
