"""Runs one program for as long as its parent lives; a script of the standard library alone.

    python guard.py FD PROGRAM ARGUMENT...

It prints the program's process id, then waits. When its standard input ends (the parent closed
it, or died in whatever way), the program gets SIGTERM and, `GRACE_S` later, SIGKILL. When the
guard itself is killed, Linux kills the program. FD stays open in the program: a lock held on it
is released exactly when the program is gone.

A process between the two is needed because Linux's parent-death signal follows the thread that
forked, not the process: a pool's thread that ends would take the program along.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading

GRACE_S = 8.0
_PR_SET_PDEATHSIG = 1


def _run_program(arguments: list[str], guard: int) -> None:
    """Becomes the program, or ends; called in the forked child, which must never return."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(1)  # the guard died between fork and prctl
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    try:
        os.execv(arguments[0], arguments)  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(2, f"{arguments[0]}: {error.strerror}\n".encode())
    os._exit(127)


def _end_with_parent(child: int) -> None:
    """Waits for the end of standard input, then ends the program."""
    while os.read(0, 4096):
        pass
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGTERM)
    deadline = threading.Timer(GRACE_S, _kill, [child])
    deadline.daemon = True
    deadline.start()


def _kill(child: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def main(lock_fd: int, arguments: list[str]) -> int:
    """Runs the program; returns its exit status as a shell would say it."""
    # The parent decides when to stop: a signal to the whole terminal must not race with it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        _run_program(arguments, guard)
    os.close(lock_fd)
    sys.stdout.write(f"{child}\n")
    sys.stdout.flush()
    threading.Thread(target=_end_with_parent, args=[child], daemon=True).start()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
