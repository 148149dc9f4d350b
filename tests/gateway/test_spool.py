"""The spool on a real disk: what it took is there again, in order, whoever was killed when."""

import asyncio
import errno
import os
import resource
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from carewatch.domain.errors import ConfigError
from carewatch.engine.sealing import Seal
from carewatch.gateway.journal import Journal, Place
from carewatch.gateway.producer import Outgoing
from carewatch.gateway.spool import Lane, Spool, SpoolFailed, SpoolFull

SEAL = Seal("dead letter key")
LIMIT = 1_000_000


def lane_of(topic: str, key: bytes | None) -> Lane:
    """The key's first character is its partition."""
    return Lane(topic, int((key or b"0")[:1]))


ONE, TWO = Lane("care.events", 1), Lane("care.events", 2)


def record(name: str, at: int = 1000) -> Outgoing:
    """Of the lane that its name begins with."""
    return Outgoing(name.encode(), f"value of {name}".encode(), at, (("kind", b"test"),))


@asynccontextmanager
async def spooling(
    folder: Path, *, limit: int = LIMIT, seal: Seal | None = SEAL, file_bytes: int = 100_000
) -> AsyncIterator[Spool]:
    spool = Spool(folder, limit, seal, lane_of, file_bytes=file_bytes)
    try:
        await spool.open()
        yield spool
    finally:
        await spool.close()


async def append(spool: Spool, *names: str) -> None:
    await spool.append([("care.events", record(name)) for name in names])


async def names_in(spool: Spool, lane: Lane) -> list[str]:
    records, _ = await spool.head(lane, 1000)
    return [(one.key or b"").decode() for one in records]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "lock")


async def test_what_was_taken_is_there_after_a_restart_in_the_order_of_each_lane(
    tmp_path: Path,
) -> None:
    async with spooling(tmp_path) as spool:
        await append(spool, "1a", "2a", "1b")
        await append(spool, "2b")
        assert (spool.records, spool.written, spool.holds(ONE)) == (4, 4, True)
    async with spooling(tmp_path) as spool:
        found = {lane: await names_in(spool, lane) for lane in spool.lanes}
        records, _ = await spool.head(ONE, 1)

    assert found == {ONE: ["1a", "1b"], TWO: ["2a", "2b"]}
    assert records == [record("1a")]


async def test_requests_of_one_moment_share_one_write(tmp_path: Path) -> None:
    """Else a disk that syncs a hundred times a second takes a hundred requests a second."""
    async with spooling(tmp_path) as spool:
        writes = 0
        write = spool._journal.write

        def counted(frames: Sequence[bytes]) -> list[Place]:
            nonlocal writes
            writes += 1
            return write(frames)

        spool._journal.write = counted  # type: ignore[method-assign]
        await asyncio.gather(*(append(spool, f"1{number:02}") for number in range(50)))

        assert spool.records == 50
        assert writes <= 2
        assert await names_in(spool, ONE) == [f"1{number:02}" for number in range(50)]


async def test_what_has_left_does_not_come_back_and_its_files_go(tmp_path: Path) -> None:
    async with spooling(tmp_path, file_bytes=1) as spool:
        for name in ("1a", "2a", "1b"):
            await append(spool, name)
        assert len(files(tmp_path)) == 3
        await spool.drop(ONE, 1)
        assert len(files(tmp_path)) == 2
        await spool.drop(ONE, 1)
    async with spooling(tmp_path) as spool:
        assert spool.lanes == [TWO]
        await spool.drop(TWO, 1)
        assert (spool.empty, spool.size, spool.oldest_at) == (True, 0, None)

    assert files(tmp_path) == []


async def test_a_file_that_is_emptied_and_filled_again_goes_on(tmp_path: Path) -> None:
    async with spooling(tmp_path) as spool:
        for name in ("1a", "1b", "1c"):
            await append(spool, name)
            assert await names_in(spool, ONE) == [name]
            await spool.drop(ONE, 1)

    assert files(tmp_path) == []


async def test_a_torn_end_is_cut_off_and_counted(tmp_path: Path) -> None:
    """A process killed in the middle of a write had not told anybody that it was safe."""
    async with spooling(tmp_path) as spool:
        await append(spool, "1a")
        await append(spool, "1b")
    (name,) = files(tmp_path)
    path = tmp_path / name
    os.truncate(path, path.stat().st_size - 3)

    async with spooling(tmp_path) as spool:
        assert await names_in(spool, ONE) == ["1a"]
        assert (spool.torn, spool.damaged) == (1, 0)
        await append(spool, "1c")
    async with spooling(tmp_path) as spool:
        assert await names_in(spool, ONE) == ["1a", "1c"]
        assert spool.torn == 0


@pytest.mark.parametrize("when", ["at rest", "while it is open"])
async def test_damage_within_a_file_costs_one_record_and_leaves_the_file_to_look_at(
    tmp_path: Path, when: str
) -> None:
    async with spooling(tmp_path) as spool:
        await append(spool, "1a")
        await append(spool, "1b", "1c")
        if when == "while it is open":
            _strike(tmp_path)
            assert await names_in(spool, ONE) == ["1b", "1c"]
            await spool.drop(ONE, 3)
            assert (spool.damaged, spool.empty) == (1, True)
    if when == "at rest":
        _strike(tmp_path)
        async with spooling(tmp_path) as spool:
            assert await names_in(spool, ONE) == ["1b", "1c"]
            assert (spool.torn, spool.damaged) == (0, 1)
            await spool.drop(ONE, 2)

    assert [Path(name).suffix for name in files(tmp_path)] == [".damaged"]


def _strike(folder: Path) -> None:
    """A bit of the first record turns."""
    (name,) = files(folder)
    content = bytearray((folder / name).read_bytes())
    content[20] ^= 1
    (folder / name).write_bytes(content)


async def test_a_full_spool_takes_nothing_and_promises_nothing(tmp_path: Path) -> None:
    async with spooling(tmp_path, limit=400) as spool:
        await append(spool, "1a")
        room = (400 - spool.size) // spool.size
        taken = ["1a", *(f"1{number}" for number in range(room))]
        for name in taken[1:]:
            await append(spool, name)
        with pytest.raises(SpoolFull, match="the spool is full"):
            await append(spool, "1b", "1c")

        assert room >= 1
        assert await names_in(spool, ONE) == taken
        assert spool.size <= 400
        await spool.drop(ONE, len(taken))
        await append(spool, "1z")


async def test_a_disk_that_fails_is_told_and_forgotten_once_it_works(tmp_path: Path) -> None:
    """A full or read-only disk: nobody is told that his event is safe, and nothing half is left."""
    async with spooling(tmp_path) as spool:
        await append(spool, "1a")
        journal: Journal = spool._journal
        write = journal.write

        def full(frames: Sequence[bytes]) -> list[Place]:
            raise OSError(errno.ENOSPC, "No space left on device")

        journal.write = full  # type: ignore[method-assign]
        with pytest.raises(SpoolFailed, match="No space left"):
            await append(spool, "1b", "2b")
        told = spool.failed
        assert (spool.lanes, spool.records) == ([ONE], 1)
        journal.write = write  # type: ignore[method-assign]
        await append(spool, "1c")

        assert (told, spool.failed) == (
            f"{tmp_path} cannot be written: No space left on device",
            None,
        )
        assert await names_in(spool, ONE) == ["1a", "1c"]


async def test_a_write_that_fails_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    """On a real file that cannot grow: the kernel takes a part, then refuses."""
    journal = Journal(tmp_path, 100_000)
    journal.open()
    journal.write([b"first"])
    whole = journal.size
    limit = os.sysconf("SC_PAGESIZE")
    with largest_file(limit), pytest.raises(OSError, match="File too large"):
        journal.write([b"x" * (limit - 10), b"y" * 100])

    (name,) = files(tmp_path)
    assert (tmp_path / name).stat().st_size == whole == journal.size
    assert journal.write([b"next"])[0].file == 2
    journal.close()


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Files may not grow beyond so many bytes while it lasts."""
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, heard)


async def test_files_are_sealed_and_their_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    async with spooling(folder) as spool:
        await append(spool, "1Ada")
        (name,) = files(folder)
        content = (folder / name).read_bytes()
        modes = {path.stat().st_mode & 0o777 for path in (folder / name, folder / "lock")}

    assert b"Ada" not in content
    assert modes == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


async def test_another_key_than_the_records_were_sealed_with_refuses_to_start(
    tmp_path: Path,
) -> None:
    async with spooling(tmp_path) as spool:
        await append(spool, "1a")

    for seal in (Seal("another key"), None):
        with pytest.raises(ConfigError, match=r"privacy\.dead_letter_key does not open"):
            async with spooling(tmp_path, seal=seal):
                pass
    async with spooling(tmp_path) as spool:
        assert await names_in(spool, ONE) == ["1a"]


async def test_two_gateways_never_share_a_folder(tmp_path: Path) -> None:
    async with spooling(tmp_path):
        with pytest.raises(ConfigError, match="in use by another gateway"):
            async with spooling(tmp_path):
                pass


async def test_a_folder_that_cannot_be_made_names_the_setting_and_the_way_out(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match=r"gateway\.spool_dir: .*spool_limit_bytes to 0"):
        async with spooling(tmp_path / "file" / "spool"):
            pass


async def test_the_age_of_the_oldest_is_that_of_the_first_that_waits(tmp_path: Path) -> None:
    async with spooling(tmp_path) as spool:
        await spool.append(
            [("care.events", record("1a", 1000)), ("care.events", record("2a", 3000))]
        )
        await spool.append([("care.events", record("1b", 5000))])
        before = spool.oldest_at
        await spool.drop(ONE, 1)
        await spool.head(ONE, 10)

        assert (before, spool.oldest_at) == (1000, 3000)


async def test_a_lane_is_taken_up_in_pieces(tmp_path: Path) -> None:
    async with spooling(tmp_path) as spool:
        await append(spool, "1a", "1b", "1c")
        records, places = await spool.head(ONE, 2)

        assert [one.key for one in records] == [b"1a", b"1b"]
        assert (places, spool.ends_with(ONE, 2), spool.ends_with(ONE, 3)) == (2, False, True)
        assert await spool.head(TWO, 2) == ([], 0)
