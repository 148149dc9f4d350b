"""The independent oracle: computes the results of a log again, and compares.

It shares no code with what it checks and no thinking either: it was written from the rules, reads
every conversation as one sorted story, and is slow on purpose. Nothing of `domain`, `wire` or
`processors` may be imported here.

    records -> admission (R1) -> arrivals (R2 to R6a) -> lives (R6a), each a story (sessions,
            turns, stays) -> promises (SLA) -> points (windows) -> verdict
"""
