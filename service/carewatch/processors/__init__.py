"""Framework-free stream logic, declared as data: track and merge (customer follows)."""

from carewatch.processors.base import Processor
from carewatch.processors.merge import PROCESSOR as MERGE
from carewatch.processors.track import TRACK

PROCESSORS: tuple[Processor, ...] = (TRACK, MERGE)
"""In flow order: every processor reads below what the one before it writes."""
