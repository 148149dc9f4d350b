"""What a demo is told, and what it tells its children: folder, ports, environment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from carewatch.domain.errors import ConfigError
from carewatch.local import demo_config
from carewatch.local.ports import HOST, free_port, is_free


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Every port the demo listens on, all on the loopback."""

    kafka: int
    controller: int
    gateway: int
    gateway_metrics: int
    worker_metrics: int
    board: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for. `seconds` None: until Ctrl-C, without a comparison at the end."""

    folder: Path
    ports: Ports
    seconds: int | None
    rate: int
    seed: int


USUAL_PORTS: Final = Ports(
    kafka=9092, controller=9093, gateway=8080, gateway_metrics=9110, worker_metrics=9109, board=9108
)


def choose_port(option: str, asked: int | None, usual: int, say: Callable[[str], None]) -> int:
    """The port that was asked for, else the usual one, else a free one, which is said.

    Raises ConfigError when a port that was asked for is taken.
    """
    if asked is not None:
        if not is_free(asked):
            raise ConfigError(f"{option}: port {asked} of {HOST} is taken; choose another one")
        return asked
    if is_free(usual):
        return usual
    port = free_port()
    say(f"port {usual} is taken: using {port} instead ({option} chooses another)")
    return port


def refuse_used_folder(folder: Path) -> None:
    """Raises ConfigError when an earlier run left data: its totals would be in the comparison."""
    if (folder / "kafka").exists():
        raise ConfigError(
            f"--for compares totals since the beginning, and {folder} holds those of an earlier "
            "run: name a new folder with --data, leave --data out, or leave --for out"
        )


def demo_environ(environ: Mapping[str, str], ports: Ports, folder: Path) -> dict[str, str]:
    """What the children see: settings of the person's own carewatch must not leak in."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith("CAREWATCH_") or name == "CAREWATCH_CACHE"
    }
    return {
        **kept,
        **demo_config.random_secrets(),
        "PYTHONUNBUFFERED": "1",
        "CAREWATCH_CONFIG": str(demo_config.FOLDER),
        "CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{ports.kafka}",
        "CAREWATCH_GATEWAY_PORT": str(ports.gateway),
        "CAREWATCH_GATEWAY_METRICS_PORT": str(ports.gateway_metrics),
        "CAREWATCH_WORKER_METRICS_PORT": str(ports.worker_metrics),
        "CAREWATCH_BOARD_PORT": str(ports.board),
        "CAREWATCH_GATEWAY_SPOOL_DIR": str(folder / "spool"),
    }
