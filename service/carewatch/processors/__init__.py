"""Framework-free stream logic, declared as data: track, customer and merge."""

from carewatch.processors.base import Processor
from carewatch.processors.customer import CUSTOMER
from carewatch.processors.merge import PROCESSOR as MERGE
from carewatch.processors.track import TRACK

PROCESSORS: tuple[Processor, ...] = (TRACK, CUSTOMER, MERGE)
"""In flow order: every processor reads below what the one before it writes."""
