"""The workers of a run, and the supervisor that starts again whoever has died."""

import asyncio
import os
import signal
from collections import Counter
from dataclasses import dataclass

from carewatch.domain.errors import Refused
from support.deployment import Deployment, Worker

LOOK_S = 0.1
ROLL_S = 60


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

    def working(self) -> list[tuple[int, Worker]]:
        """The workers that are there now, with the numbers of their slots."""
        return [(slot.number, slot.worker) for slot in self._slots if slot.worker is not None]

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

    def join(self, number: int) -> bool:
        """One more worker, if that slot was empty; whether it was."""
        slot = self._slots[number % len(self._slots)]
        joins, slot.wanted = not slot.wanted, True
        return joins

    def leave(self, number: int) -> bool:
        """That worker ends in order, unless it has left or is the last one; whether it does."""
        slot = self._slots[number % len(self._slots)]
        if not slot.wanted or len(self.wanted) == 1:
            return False
        slot.wanted = False
        self._ask_to_stop(slot)
        return True

    def restart(self, number: int) -> bool:
        """SIGTERM; the supervisor starts it again. Whether there was one to be told."""
        return self._ask_to_stop(self._pick(number))

    async def roll(self) -> bool:
        """SIGTERM to each in turn, as an upgrade does it: the next one when the new one is ready.

        Whether all came to be ready in time; that a run goes on nevertheless is judged at its end.
        """
        try:
            async with asyncio.timeout(ROLL_S):
                for slot in [slot for slot in self._slots if slot.wanted]:
                    await self._replace(slot)
        except TimeoutError:
            return False
        return True

    async def _replace(self, slot: _Slot) -> None:
        former = slot.worker
        self._ask_to_stop(slot)
        while True:
            while (successor := slot.worker) is None or successor is former:
                await asyncio.sleep(LOOK_S)
            try:
                return await successor.ready()
            except Refused:
                former = successor  # it has ended: the supervisor starts another

    def kill(self, number: int, failpoints: str = "") -> bool:
        """SIGKILL, and the next one in that slot carries the failpoints. Whether anything dies."""
        slot = self._pick(number)
        slot.failpoints = failpoints
        if slot.worker is not None:
            slot.worker.kill()
        return slot.worker is not None or failpoints != ""

    async def freeze(self, number: int, seconds: float) -> bool:
        """SIGSTOP for so long: a worker that others take for dead, and that wakes up again.

        Whether there was one to be stopped.
        """
        slot = self._pick(number)
        pid = slot.worker.child.program_pid if slot.worker is not None else None
        return pid is not None and await frozen(pid, seconds)

    def _pick(self, number: int) -> _Slot:
        wanted = self.wanted
        return self._slots[wanted[number % len(wanted)]]

    @staticmethod
    def _ask_to_stop(slot: _Slot) -> bool:
        if slot.worker is None:
            return False
        slot.worker.child.ask_to_stop()
        return True


async def frozen(pid: int, seconds: float) -> bool:
    """Stands still for so long, SIGSTOP to SIGCONT; False when it had ended before."""
    if not _signal(pid, signal.SIGSTOP):
        return False
    try:
        await asyncio.sleep(seconds)
    finally:
        _signal(pid, signal.SIGCONT)
    return True


def _signal(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
