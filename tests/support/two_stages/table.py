"""How many seeds came out wrong for a design, and the table that says so."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from support.two_stages.ablations import ABLATIONS, REAL
from support.two_stages.cluster import Cluster, Design


@dataclass
class Tried:
    """What came of a design over some seeds."""

    design: str
    rule: str
    seeds: int = 0
    wrong: list[int] = field(default_factory=list)
    findings: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    """What the log saw happen: a fault that never happened proves nothing."""

    @classmethod
    def together(cls, design: Design, parts: Sequence["Tried"]) -> "Tried":
        """The same design over more seeds."""
        whole = cls(design.name, design.rule)
        for part in parts:
            whole.seeds += part.seeds
            whole.wrong += part.wrong
            whole.findings += part.findings
            whole.seen += part.seen
        return whole


def try_seeds(design: Design, seeds: Iterable[int], *, until_wrong: bool = False) -> Tried:
    """Runs every seed once; with `until_wrong` only up to the first that comes out wrong."""
    result = Tried(design.name, design.rule)
    for seed in seeds:
        cluster = Cluster(seed, design)
        findings = cluster.run()
        result.seeds += 1
        result.seen += cluster.log.seen
        result.findings.update(findings)
        if findings:
            result.wrong.append(seed)
            if until_wrong:
                break
    return result


def tried(index: int, seeds: range) -> Tried:
    """The same for another process: -1 is the protocol, else an index into the ablations."""
    return try_seeds(REAL if index < 0 else ABLATIONS[index], seeds)


def render(results: Sequence[Tried]) -> str:
    """The table, with the first wrong seeds: each reproduces its run."""
    lines = [f"{'design':44}{'rule':6}{'wrong':>12}  found (first seeds)"]
    for each in results:
        share = f"{len(each.wrong)} of {each.seeds}"
        found = ", ".join(f"{name} {count}" for name, count in each.findings.most_common(3))
        first = f" ({', '.join(map(str, each.wrong[:3]))})" if each.wrong else ""
        lines.append(f"{each.design:44}{each.rule:6}{share:>12}  {found}{first}")
    return "\n".join(lines) + "\n"
