"""What a partition refuses to work on, each with what was found, what was expected, the remedy.

Guessing would be a silent reset: a wrong number on somebody's wall, weeks later. So nothing here
mends anything; it says what a person can do.
"""

from typing import NoReturn

from carewatch.domain.errors import InvalidRecord, Permanent, Refused
from carewatch.engine.changelog import Restored
from carewatch.engine.tally import Driven, Tally, TooManyDead, read_driven
from carewatch.processors.base import Processor, Record, Stage


class Refusals:
    """The checks of one source partition; each raises Refused or returns what can be trusted."""

    def __init__(self, processor: Processor, number: int) -> None:
        self._processor = processor
        self._number = number

    def rows(self, restored: Restored, committed: int | None) -> None:
        """Rows and a group's offset both need a marker: without it, state was lost."""
        source, changelog = self._processor.reads, self._processor.changelog
        if restored.marker is None and restored.newest:
            self._refuse(
                f"{changelog} has {len(restored.newest)} rows but no marker",
                f"restore {changelog} from a backup; or, to compute from the beginning again, "
                "delete every care.state.* and results topic and the groups' offsets",
            )
        if restored.marker is None and committed is not None:
            self._refuse(
                f"group {self._processor.group} stands at offset {committed} of {source}, but "
                f"{changelog} is empty: it was lost or created anew",
                f"restore {changelog} from a backup; or, to compute from the beginning again, "
                "delete the group's offsets and every results topic",
            )

    def stage(self, stage: Stage, restored: Restored) -> int:
        """The marker's next source offset, from rows that can be trusted."""
        try:
            return stage.restore(restored.take_rows(), restored.marker)
        except (Refused, Permanent) as error:
            self._refuse(str(error), f"restore {self._processor.changelog} from a backup", error)

    def driven(self, restored: Restored) -> Driven:
        """The driver's own part of the marker."""
        try:
            return read_driven(restored.headers)
        except InvalidRecord as error:
            changelog = self._processor.changelog
            what = f"the marker of {changelog} cannot be trusted ({error})"
            self._refuse(what, f"restore {changelog} from a backup", error)

    def beyond_the_end(self, marker: int, end: int) -> None:
        """The source cannot be shorter than what was read of it."""
        source = self._processor.reads
        if marker > end:
            self._refuse(
                f"the marker says {marker}, but {source} ends at {end}: it was created anew or "
                "has lost its end",
                f"restore {source} from a backup; if it is to begin anew, create every care.* "
                "topic anew with it, since state and results speak of the old one",
            )

    def another_source(self, driven: Driven, found: Record | None) -> None:
        """A topic that was deleted and created anew may be as long as the old one was."""
        if not driven.knows(found):
            source = self._processor.reads
            self._refuse(
                f"offset {driven.read_offset} of {source} holds another record than was read "
                "there: it was created anew",
                f"restore {source} from a backup; if it is to begin anew, create every care.* "
                "topic anew with it, since state and results speak of the old one",
            )

    def before_the_beginning(self, marker: int, first: int) -> None:
        """What retention removed unread is missing in the results."""
        source = self._processor.reads
        if marker < first:
            self._refuse(
                f"the marker says {marker}, but {source} begins at {first}: "
                f"{first - marker} offsets were removed before they were read",
                f"restore {source} from a backup, or go on without them: carewatch state "
                f"accept-gap --stage {self._processor.name} --partition {self._number}; and make "
                "its retention longer than a worker may be away",
            )

    def behind_the_group(self, marker: int, committed: int | None) -> None:
        """The group's offset follows the marker: one ahead of it saw a newer changelog."""
        if committed is not None and marker < committed:
            self._refuse(
                f"the marker says {marker}, but group {self._processor.group} was already at "
                f"{committed}: {self._processor.changelog} has lost its tail",
                f"carewatch state accept-replay --stage {self._processor.name} --partition "
                f"{self._number} goes on from the marker; results from there on are written "
                "again, with the same ids",
            )

    def too_many_dead(self, tally: Tally, at: int) -> None:
        """Above the limits of dead letters a partition stops; what led there is committed."""
        if tally.over:
            stage = self._processor.name
            raise TooManyDead(
                f"{self._processor.reads} partition {self._number} is stopped at offset {at}: "
                f"{tally.over}. Remedy: see them with carewatch dead list, mend what writes them, "
                f"then carewatch dead allow --stage {stage} --partition {self._number} "
                "--until OFFSET (what stands below it is no longer counted)"
            )

    def _refuse(self, what: str, remedy: str, cause: Exception | None = None) -> NoReturn:
        where = f"{self._processor.reads} partition {self._number}"
        raise Refused(f"{where} is not processed: {what}. Remedy: {remedy}") from cause
