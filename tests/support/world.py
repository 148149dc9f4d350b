"""A deterministic machine room: processes on one virtual clock, stepped by one seeded scheduler.

Every process is an event loop of its own, so that what happens to processes can happen here: a
killed one is never stepped again (no `except`, no `finally` runs, as after SIGKILL), a frozen one
keeps its timers and its mail until it is thawed (SIGSTOP). Nothing else suspends: no thread, no
socket, no real time. The same seed gives the same run, step by step.
"""

import asyncio
import contextvars
import heapq
import random
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Process(asyncio.AbstractEventLoop):
    """One process: an event loop that runs only when its world lets it."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.alive = True
        self.frozen = False
        self.ready: deque[asyncio.Handle] = deque()
        self.tasks: list[asyncio.Task[Any]] = []
        self.faults: list[dict[str, Any]] = []
        """What asyncio reports about exceptions that nobody took."""

    def spawn(self, coro: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Starts a task in this process; it takes its first step when the world runs."""
        return self.create_task(coro)

    def step(self) -> None:
        """Runs one callback: what one task does between two awaits."""
        handle = self.ready.popleft()
        if handle.cancelled():
            return
        events._set_running_loop(self)
        try:
            handle._run()
        finally:
            events._set_running_loop(None)

    # What asyncio asks of a loop.

    def time(self) -> float:
        return self.world.now_us / 1_000_000

    def call_soon(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        if self.alive:
            self.ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self.world.at(max(round(when * 1_000_000), self.world.now_us), lambda: self._due(timer))
        return timer

    def _due(self, timer: asyncio.TimerHandle) -> None:
        if self.alive and not timer.cancelled():
            self.ready.append(timer)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, Any],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self.tasks.append(task)
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """A thread's work, done in one piece at some instant; no loop runs in a thread."""
        assert executor is None
        done: asyncio.Future[T] = self.create_future()

        def work() -> None:
            events._set_running_loop(None)
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001 - handed on, whatever it is
                done.set_exception(error)
            else:
                if not done.cancelled():
                    done.set_result(result)

        self.call_soon(work)
        return done

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self.alive

    def is_closed(self) -> bool:
        return not self.alive

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self.alive:
            self.faults.append(context)


class World:
    """The one scheduler, clock and source of chance of a run."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.now_us = 0
        self.steps = 0
        self.processes: list[Process] = []
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def process(self, name: str) -> Process:
        """A new, live process."""
        process = Process(self, name)  # type: ignore[abstract]
        self.processes.append(process)
        return process

    def now(self) -> int:
        """The world's clock in milliseconds: what `carewatch.clock.Clock` promises."""
        return self.now_us // 1000

    def at(self, when_us: int, action: Callable[[], None]) -> None:
        """Does something at a virtual instant; equal instants in the order of asking."""
        self._count += 1
        heapq.heappush(self._timers, (when_us, self._count, action))

    def after(self, delay_us: int, action: Callable[[], None]) -> None:
        """Does something after a virtual delay."""
        self.at(self.now_us + delay_us, action)

    def kill(self, process: Process) -> None:
        """SIGKILL: no step, no timer, no clean-up any more."""
        process.alive = False
        process.ready.clear()

    def freeze(self, process: Process) -> None:
        """SIGSTOP: time passes, timers and answers pile up, nothing runs."""
        process.frozen = True

    def thaw(self, process: Process) -> None:
        """SIGCONT."""
        process.frozen = False

    def errors(self) -> list[BaseException]:
        """What tasks of any process ended with, but for those that were cancelled."""
        ended = [
            task.exception()
            for process in self.processes
            for task in process.tasks
            if task.done() and not task.cancelled()
        ]
        return [error for error in ended if error is not None]

    def step(self) -> bool:
        """One callback of a process chosen at random, else the next instant; False at the end."""
        runnable = [each for each in self.processes if each.ready and not each.frozen]
        if runnable:
            chosen = runnable[0] if len(runnable) == 1 else self.random.choice(runnable)
            chosen.step()
        elif self._timers:
            self.now_us, _, action = heapq.heappop(self._timers)
            action()
        else:
            return False
        self.steps += 1
        return True

    def run(self, done: Callable[[], bool], *, max_steps: int, every: int = 1) -> bool:
        """Steps until `done()`; False when nothing is left to do or the steps are used up.

        `every`: how many steps to take between two looks at `done()`.
        """
        limit = self.steps + max_steps
        while not done():
            for _ in range(every):
                if self.steps >= limit or not self.step():
                    return False
        return True

    def complete(self, task: asyncio.Task[T], *, max_steps: int = 1_000_000) -> T:
        """Runs until the task is over and gives its result, or raises its exception."""
        if not self.run(task.done, max_steps=max_steps):
            raise AssertionError(f"{task!r} did not finish: a deadlock, or too few steps")
        return task.result()

    def close(self) -> None:
        """Ends every task that is left, so that nothing complains when it is collected.

        Tasks are cancelled until they give in; nobody looks at what they do from here on.
        """
        for process in self.processes:
            process.alive = True
            process.frozen = False
            for _ in range(100):
                left = [task for task in process.tasks if not task.done()]
                if not left:
                    break
                for task in left:
                    task.cancel()
                while process.ready:
                    process.step()
            for task in process.tasks:
                if task.done() and not task.cancelled():
                    task.exception()
            process.faults.clear()
            process.alive = False
