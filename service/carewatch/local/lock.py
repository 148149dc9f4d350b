"""The lock of the local Kafka: each jar by coordinate and SHA-256, without download addresses.

`python -m carewatch.local.lock` resolves `ROOTS` anew and rewrites `kafka.lock`.
"""

import hashlib
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from carewatch.domain.errors import Refused

LOCK_FILE: Final = Path(__file__).with_name("kafka.lock")

ROOTS: Final = (
    "org.apache.kafka:kafka_2.13:4.1.2",
    # The binding of the slf4j-api that this Kafka declares: its log goes to standard error.
    "org.slf4j:slf4j-simple:1.7.36",
)
"""What is wanted; everything else in the lock follows from it."""

_HEADER: Final = """\
# The jars of the local Kafka: Maven coordinate and SHA-256, checked before each start.
# Written by `python -m carewatch.local.lock`; do not edit.
"""


@dataclass(frozen=True, slots=True, order=True)
class LockedJar:
    """One jar as it was when the lock was written; `coordinate` is group:artifact:version."""

    coordinate: str
    sha256: str

    @property
    def filename(self) -> str:
        """The name of the file in the cache."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def read_lock(path: Path = LOCK_FILE) -> tuple[LockedJar, ...]:
    """The locked jars, in the order of the file; raises Refused for a line it cannot read."""
    jars = []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        coordinate, _, digest = line.partition(" sha256:")
        if coordinate.count(":") != 2 or len(digest) != 64:
            raise Refused(
                f"{path}:{number}: not `group:artifact:version sha256:<64 hex digits>`; "
                "write the lock anew with `python -m carewatch.local.lock`"
            )
        jars.append(LockedJar(coordinate, digest))
    return tuple(jars)


def write_lock(jars: tuple[LockedJar, ...], path: Path = LOCK_FILE) -> None:
    """Writes the jars sorted by coordinate, so that a diff shows what changed and nothing else."""
    lines = [f"{jar.coordinate} sha256:{jar.sha256}\n" for jar in sorted(jars)]
    path.write_text(_HEADER + "".join(lines), encoding="ascii")


def kafka_version() -> str:
    """The Kafka version that the lock holds, such as `4.1.2`."""
    for jar in read_lock():
        if jar.coordinate.startswith("org.apache.kafka:kafka_2.13:"):
            return jar.coordinate.rpartition(":")[2]
    raise Refused(
        f"{LOCK_FILE} holds no Kafka; write it anew with `python -m carewatch.local.lock`"
    )


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def resolve() -> tuple[LockedJar, ...]:
    """Resolves `ROOTS` and all they need from the repository; downloads each jar once."""
    from jgo.maven import MavenContext  # noqa: PLC0415 - an extra, and slow to import

    with tempfile.TemporaryDirectory() as folder:
        maven = MavenContext(repo_cache=Path(folder), timeout=30)
        roots = [maven.create_dependency(root) for root in ROOTS]
        wanted, implied = maven.resolver.resolve(roots)
        return tuple(
            LockedJar(
                f"{found.groupId}:{found.artifactId}:{found.version}",
                digest_of(found.artifact.resolve()),
            )
            for found in [*wanted, *implied]
        )


if __name__ == "__main__":
    write_lock(resolve())
    sys.stdout.write(f"{LOCK_FILE}: {len(read_lock())} jars, Kafka {kafka_version()}\n")
