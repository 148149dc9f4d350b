"""Kafka's jars: fetched once by locked coordinate, kept in a cache, checked before every use."""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Final

from carewatch.domain.errors import Refused
from carewatch.local.lock import LockedJar, digest_of, read_lock

Progress = Callable[[int, int], None]
"""Called as (jars at hand, jars needed) after each jar that was fetched."""

_TIMEOUT_S: Final = 60
_PARALLEL: Final = 6


def cache_folder() -> Path:
    """Where downloads are kept: `CAREWATCH_CACHE`, else `carewatch` in the user's cache folder."""
    chosen = os.environ.get("CAREWATCH_CACHE")
    if chosen:
        return Path(chosen)
    user = os.environ.get("XDG_CACHE_HOME")
    return (Path(user) if user else Path.home() / ".cache") / "carewatch"


def ensure_jars(
    progress: Progress | None = None,
    *,
    folder: Path | None = None,
    jars: Sequence[LockedJar] | None = None,
) -> list[Path]:
    """The paths of all locked jars, each with the locked checksum.

    Missing ones are fetched; no metadata is asked for, since the lock names every jar. Processes
    that fetch at the same time do not disturb each other: a jar appears whole or not at all.
    Raises Refused when a jar cannot be had, or is not the one that was locked.
    """
    folder = folder or cache_folder() / "kafka"
    jars = read_lock() if jars is None else jars
    missing = [jar for jar in jars if not (folder / jar.filename).exists()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        _fetch_all(missing, folder, len(jars), progress or (lambda _done, _needed: None))
    for jar in jars:
        _check(jar, folder / jar.filename)
    return [folder / jar.filename for jar in jars]


def _check(jar: LockedJar, path: Path) -> None:
    if digest_of(path) != jar.sha256:
        raise Refused(
            f"{path} is not the {jar.coordinate} that was locked: its SHA-256 differs. "
            "Delete the file to fetch it again; if that gives the same, the repository serves "
            "another file: do not use it"
        )


def _fetch_all(missing: Sequence[LockedJar], folder: Path, needed: int, progress: Progress) -> None:
    done = needed - len(missing)
    progress(done, needed)
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=".incoming-") as incoming,
        ThreadPoolExecutor(_PARALLEL) as pool,
    ):
        waiting = {
            pool.submit(_fetch, jar, Path(incoming), folder / jar.filename): jar for jar in missing
        }
        try:
            for finished in as_completed(waiting):
                finished.result()
                done += 1
                progress(done, needed)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch(jar: LockedJar, incoming: Path, target: Path) -> None:
    """Brings one jar to `target`; a jar of the machine's own Maven folder is copied from there."""
    try:
        from jgo.constants import default_maven_repo  # noqa: PLC0415 - an extra
        from jgo.maven import MavenContext  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise Refused(
            "The local Kafka needs the extra `local`: pip install 'carewatch[local]'"
        ) from error
    maven = MavenContext(
        repo_cache=incoming, local_repos=[default_maven_repo()], timeout=_TIMEOUT_S
    )
    try:
        found: Path = maven.create_dependency(jar.coordinate).artifact.resolve()
    except (OSError, RuntimeError) as error:
        # requests' errors are OSErrors; jgo says RuntimeError for an artifact nobody has.
        raise Refused(
            f"Cannot fetch {jar.coordinate}: {type(error).__name__}. The local Kafka is fetched "
            "once from the Maven repository: connect to the network (HTTPS_PROXY is heeded), or "
            f"copy {jar.filename} into {target.parent}, or point CAREWATCH_CACHE at the cache of "
            "another machine, or use a Kafka of your own: kafka.bootstrap_servers"
        ) from error
    _check(jar, found)
    partial = incoming / f"{jar.filename}.copy"
    shutil.copyfile(found, partial)
    partial.replace(target)
