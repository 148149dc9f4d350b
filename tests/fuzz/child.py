"""One target under libFuzzer: `python -m fuzz.child TARGET [libFuzzer's arguments]`."""

import sys
from random import Random

import atheris

from fuzz.mutate import mutated

with atheris.instrument_imports(include=["carewatch"]):
    from fuzz.targets import TARGETS


def _mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Mostly a changed document; sometimes changed bytes, for all that stands before a document."""
    random = Random(seed)
    changed = mutated(data, random) if random.random() < 0.8 else None
    if changed is None or len(changed) > max_size:
        return bytes(atheris.Mutate(data, max_size))
    return changed


def main() -> None:
    target = TARGETS[sys.argv[1]]
    arguments = [sys.argv[0], *sys.argv[2:]]
    atheris.Setup(arguments, target.check, custom_mutator=_mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
