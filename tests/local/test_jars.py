"""The jars: only what was locked is used, and every failure says what to do."""

from hashlib import sha256
from pathlib import Path

import pytest

from carewatch.domain.errors import Refused
from carewatch.local.jars import cache_folder, ensure_jars
from carewatch.local.lock import LockedJar, digest_of, kafka_version, read_lock, write_lock

JAR = LockedJar("com.example:thing:1.0", sha256(b"the thing").hexdigest())
OTHER = LockedJar("com.example.more:other:2.0", sha256(b"the other").hexdigest())


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's own Maven folder, with two jars; the network refuses everything."""
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    for coordinate, body in ((JAR, b"the thing"), (OTHER, b"the other")):
        group, artifact, version = coordinate.coordinate.split(":")
        folder = tmp_path / "m2" / group.replace(".", "/") / artifact / version
        folder.mkdir(parents=True)
        (folder / coordinate.filename).write_bytes(body)
    return tmp_path / "m2"


def test_jars_are_taken_from_the_machines_maven_folder_and_then_from_the_cache(
    maven: Path, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []

    def progress(done: int, needed: int) -> None:
        told.append((done, needed))

    first = ensure_jars(progress, folder=tmp_path / "cache", jars=[JAR, OTHER])
    second = ensure_jars(progress, folder=tmp_path / "cache", jars=[JAR, OTHER])

    assert [path.read_bytes() for path in first] == [b"the thing", b"the other"]
    assert second == first
    assert told == [(0, 2), (1, 2), (2, 2)]
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [
        "other-2.0.jar",
        "thing-1.0.jar",
    ]


def test_a_jar_that_is_not_the_locked_one_never_enters_the_cache(
    maven: Path, tmp_path: Path
) -> None:
    forged = LockedJar(JAR.coordinate, "0" * 64)

    with pytest.raises(Refused, match=r"com\.example:thing:1\.0 .*SHA-256 differs"):
        ensure_jars(folder=tmp_path / "cache", jars=[forged])

    assert list((tmp_path / "cache").iterdir()) == []


def test_a_damaged_jar_in_the_cache_is_refused_with_its_path(tmp_path: Path) -> None:
    damaged = tmp_path / JAR.filename
    damaged.write_bytes(b"something else")

    with pytest.raises(Refused) as refusal:
        ensure_jars(folder=tmp_path, jars=[JAR])

    assert str(damaged) in str(refusal.value)
    assert "Delete the file" in str(refusal.value)


def test_without_network_the_ways_out_are_named(maven: Path, tmp_path: Path) -> None:
    unknown = LockedJar("com.example:elsewhere:1.0", "0" * 64)

    with pytest.raises(Refused) as refusal:
        ensure_jars(folder=tmp_path / "cache", jars=[unknown])

    for remedy in ("HTTPS_PROXY", "elsewhere-1.0.jar", "CAREWATCH_CACHE", "bootstrap_servers"):
        assert remedy in str(refusal.value)


def test_the_lock_round_trips_sorted(tmp_path: Path) -> None:
    write_lock((OTHER, JAR), tmp_path / "lock")

    assert read_lock(tmp_path / "lock") == (OTHER, JAR)


def test_a_lock_that_cannot_be_read_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("# fine\ncom.example:thing:1.0 md5:abc\n")

    with pytest.raises(Refused, match=r"lock:2: .*carewatch\.local\.lock"):
        read_lock(tmp_path / "lock")


def test_the_shipped_lock_holds_one_kafka_4_1_and_no_address() -> None:
    jars = read_lock()

    assert kafka_version().startswith("4.1.")
    assert len({jar.filename for jar in jars}) == len(jars)
    assert not [jar for jar in jars if "//" in jar.coordinate]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"CAREWATCH_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/carewatch"),
        ({"HOME": "/c"}, "/c/.cache/carewatch"),
    ],
)
def test_the_cache_is_where_the_user_wants_it(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CAREWATCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert cache_folder() == Path(expected)


def test_the_digest_is_the_one_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"the thing")

    assert digest_of(tmp_path / "file") == JAR.sha256
