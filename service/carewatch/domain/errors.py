"""Every exception carewatch raises on purpose, as one tree:

CarewatchError
├── ConfigError         the configuration or a command's argument is wrong: exit code 2
├── Permanent           the same input fails again: it becomes a dead letter
│   └── InvalidRecord   a record on a topic cannot be understood; carries the reason
├── Retryable           trying again may help: back off, keep the input
└── Refused             carewatch declines to start or go on; names topic, partition and remedy

Anything else that is raised is a bug.
"""


class CarewatchError(Exception):
    """The root: catch it where a person is told what went wrong."""


class ConfigError(CarewatchError):
    """A mistake in the configuration; the text names file, line, key and remedy."""


class Permanent(CarewatchError):
    """The same input fails again: never retry, make it a dead letter."""


class InvalidRecord(Permanent):
    """A record that cannot be understood.

    `reason` is one of `wire.dead.REASONS`, safe to publish: it never quotes the payload.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Retryable(CarewatchError):
    """A passing fault: try again later with the same input."""


class Refused(CarewatchError):
    """Going on could give wrong results, so carewatch stops; the text names the remedy."""
