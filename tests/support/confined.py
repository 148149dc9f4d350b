"""Runs a program within what a unit of deploy/systemd leaves it, without systemd.

`python confined.py UNIT PROGRAM ARGUMENTS...` applies the unit's system calls, families of sockets
and MemoryDenyWriteExecute by the kernel, as systemd would, and becomes the program. What a unit
says of folders and users is left out.
"""

import ctypes
import errno
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from ctypes.util import find_library
from functools import cache
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"

_SET_NO_NEW_PRIVS, _SET_MDWE = 38, 65
_ALLOW, _ERRNO, _EQUAL = 0x7FFF0000, 0x00050000, 4


class _Argument(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


def assignments(unit: Path) -> list[tuple[str, str]]:
    """Every `Key=value` of a unit, in order: systemd allows repetition."""
    lines = [line.strip() for line in unit.read_text(encoding="utf-8").splitlines()]
    return [(key, value) for key, _, value in (line.partition("=") for line in lines
            if line and line[0] not in "#;[")]  # fmt: skip


def confined(unit: str) -> list[str]:
    """What to put in front of a command; skips where the kernel or the machine cannot do it."""
    if shutil.which("systemd-analyze") is None or find_library("seccomp") is None:
        pytest.skip("systemd-analyze or libseccomp is missing: they come with systemd")
    return [sys.executable, __file__, str(UNITS / unit)]


@cache
def _groups() -> dict[str, list[str]]:
    """systemd's own named sets of system calls."""
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    found: dict[str, list[str]] = {}
    for line in told.splitlines():
        if line.startswith("@"):
            found[line.strip()] = []
        elif line.startswith("    ") and not line.strip().startswith("#") and found:
            found[list(found)[-1]].append(line.strip())
    return found


def _calls(names: Sequence[str]) -> set[str]:
    one_by_one = {name for name in names if name[0] != "@"}
    return one_by_one.union(*(_calls(_groups()[name]) for name in names if name[0] == "@"))


def allowed_calls(unit: Path) -> set[str]:
    """What SystemCallFilter= leaves, later lines taking away from earlier ones."""
    left: set[str] = _calls(["@default"])
    for key, value in assignments(unit):
        if key == "SystemCallFilter":
            named = _calls(value.removeprefix("~").split())
            left = left - named if value.startswith("~") else left | named
    return left


def _confine(unit: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    seccomp = ctypes.CDLL(find_library("seccomp"))
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(_ERRNO | errno.EPERM))
    for call in allowed_calls(unit) - {"socket"}:
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:
            seccomp.seccomp_rule_add(context, _ALLOW, number, 0)
    families = dict(assignments(unit))["RestrictAddressFamilies"].split()
    number = seccomp.seccomp_syscall_resolve_name(b"socket")
    for family in families:
        only = _Argument(0, _EQUAL, int(getattr(socket, family)), 0)
        seccomp.seccomp_rule_add_array(context, _ALLOW, number, 1, ctypes.byref(only))
    if dict(assignments(unit)).get("MemoryDenyWriteExecute") == "yes":
        libc.prctl(_SET_MDWE, 1, 0, 0, 0)  # an older kernel says no; the filter holds all the same
    libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if seccomp.seccomp_load(context) != 0:
        raise SystemExit("the kernel took no filter")


if __name__ == "__main__":
    _confine(Path(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
