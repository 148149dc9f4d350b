"""The files of the spool: appended to, synced, read and removed by one thread.

Every operation blocks, and all of them belong on the same thread. Files are numbered in the order
of their making; a process never appends to a file of an earlier one.
"""

import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from carewatch.domain.errors import ConfigError, InvalidRecord
from carewatch.gateway.frames import payload_of, scan

logger = logging.getLogger(__name__)

_SUFFIX: Final = ".spool"
_DAMAGED: Final = ".damaged"
_PRIVATE: Final = 0o600


class Place(NamedTuple):
    """Where a frame stands: the number of its file, the offset, and the length."""

    file: int
    at: int
    size: int


@dataclass(slots=True)
class _File:
    path: Path
    size: int = 0
    left: int = 0
    """How many of its frames are still wanted."""
    damaged: bool = False


class Journal:
    """A folder of files that one gateway has for itself."""

    def __init__(self, folder: Path, file_bytes: int) -> None:
        self._folder = folder
        self._file_bytes = file_bytes
        self._files: dict[int, _File] = {}
        self._active: int | None = None
        self._handle = -1
        self._lock = -1
        self.size = 0
        """Bytes of all files."""
        self.torn = 0
        self.damaged = 0

    def open(self) -> None:
        """Takes possession of the folder; raises ConfigError for one that cannot be used."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, _PRIVATE)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise ConfigError(
                f"gateway.spool_dir: {self._folder} is in use by another gateway; give each a"
                " folder of its own"
            ) from error
        except OSError as error:
            self.close()
            raise ConfigError(
                f"gateway.spool_dir: {self._folder} cannot be written ({error.strerror}); name a"
                " folder that can, or set gateway.spool_limit_bytes to 0 to go without a spool"
            ) from error

    def recover(self) -> Iterator[tuple[Place, bytes]]:
        """What an earlier process left, in its order: where it stands, and its payload.

        A torn end, which was never acknowledged to anybody, is cut off and counted in `torn`; a
        place that is damaged within a file is passed over, counted in `damaged`, and the file kept
        for people to look at.
        """
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            yield from self._recover(path)

    def write(self, frames: Sequence[bytes]) -> list[Place]:
        """Appends the frames with one write and one sync; they are safe when it returns.

        Raises OSError; what was begun is then cut off again as far as the disk lets.
        """
        number = self._appendable()
        file = self._files[number]
        content = b"".join(frames)
        try:
            _write_all(self._handle, content)
            os.fdatasync(self._handle)
        except OSError:
            self._abandon(file)
            raise
        places = []
        at = file.size
        for one in frames:
            places.append(Place(number, at, len(one)))
            at += len(one)
        file.size = at
        file.left += len(frames)
        self.size += len(content)
        return places

    def read(self, place: Place) -> bytes | None:
        """The payload at a place; None when the disk gives back something else than was written."""
        file = self._files[place.file]
        with file.path.open("rb") as content:
            content.seek(place.at)
            try:
                return payload_of(content.read(place.size))
            except InvalidRecord:
                self._found_damage(file, 1)
                return None

    def release(self, places: Sequence[Place]) -> None:
        """These are no longer wanted; a file of which nothing is wanted goes."""
        for place in places:
            file = self._files[place.file]
            file.left -= 1
            if file.left == 0:
                self._remove(place.file)

    def close(self) -> None:
        """Gives the folder free; what is in it stays."""
        self._close_active()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _recover(self, path: Path) -> Iterator[tuple[Place, bytes]]:
        number = int(path.stem)
        content = path.read_bytes()
        found = scan(content)
        file = _File(path, len(content) - found.torn, len(found.frames))
        self._files[number] = file
        self.size += file.size
        if found.torn:
            self.torn += 1
            logger.warning("%s: cut off %s bytes that were never acknowledged", path, found.torn)
            os.truncate(path, file.size)
        if found.gaps:
            self._found_damage(file, found.gaps)
        if not found.frames:
            self._remove(number)
        for one in found.frames:
            framed = content[one.at : one.at + one.size]
            yield Place(number, one.at, one.size), payload_of(framed)

    def _appendable(self) -> int:
        """The number of the file to append to; the next one when it has its size."""
        if self._active is not None and self._files[self._active].size < self._file_bytes:
            return self._active
        self._close_active()
        number = max(self._files, default=0) + 1
        path = self._folder / f"{number:012}{_SUFFIX}"
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, _PRIVATE)
        self._files[number] = _File(path)
        self._active = number
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)  # else the name could be lost, and with it the file
        finally:
            os.close(folder)
        return number

    def _abandon(self, file: _File) -> None:
        """After a failed write nothing more is appended here: what is on the disk is not known."""
        try:
            os.ftruncate(self._handle, file.size)
        except OSError as error:
            logger.warning("%s: could not be cut back: %s", file.path, error)
        number = self._active
        self._close_active()
        if number is not None and file.left == 0:
            self._remove(number)

    def _remove(self, number: int) -> None:
        if number == self._active:
            self._close_active()
        file = self._files.pop(number)
        self.size -= file.size
        if file.damaged:
            file.path.rename(file.path.with_suffix(_DAMAGED))
        else:
            file.path.unlink()

    def _close_active(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self._active = -1, None

    def _found_damage(self, file: _File, places: int) -> None:
        file.damaged = True
        self.damaged += places
        logger.error(
            "%s: damaged in %s places; the rest goes on, and the file is kept as *%s",
            file.path,
            places,
            _DAMAGED,
        )


def _write_all(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]
