"""What computes results is exact and repeatable: no floats, no clocks, no order of a set.

The order of a set of texts differs from process to process, so it must never decide what is
written; a float sum depends on its order. Both are found by reading the code, before any run.
"""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "service" / "carewatch"
COMPUTING = sorted(
    path for room in ("domain", "wire", "processors") for path in (PACKAGE / room).rglob("*.py")
)
SETS = {"set", "frozenset"}
UNORDERED_IS_FINE = {"sorted", "set", "frozenset", "len", "sum", "min", "max", "any", "all"}
"""What gives the same from a set in whatever order it comes."""


class _Reader(ast.NodeVisitor):
    """Collects what may differ from run to run; names are known as sets by their annotations."""

    def __init__(self, tree: ast.AST) -> None:
        self.faults: list[str] = []
        self._sets = {name for node in ast.walk(tree) for name in _declared(node)}

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, float):
            self._fault(node, f"the float {node.value}")

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.Div):
            self._fault(node, "a division that gives a float")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name in ("float", "hash", "id"):
            self._fault(node, f"{name}()")
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("now", "utcnow", "today"):
            self._fault(node, f"a clock: {node.func.attr}()")
        joins = isinstance(node.func, ast.Attribute) and node.func.attr in ("join", "extend")
        if name in ("list", "tuple", "enumerate", "iter", "next", "zip", "dict", "map") or joins:
            for argument in node.args:
                self._ordered(argument)
        if name in UNORDERED_IS_FINE:
            for argument in node.args:
                # What it is handed may come in any order, but must itself be free of faults.
                self._inside(argument)
            return
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._ordered(node.iter)
        self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node)

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp | ast.DictComp) -> None:
        for one in node.generators:
            self._ordered(one.iter)
        self.generic_visit(node)

    def _inside(self, node: ast.AST) -> None:
        if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.comprehension):
                    for condition in child.ifs:
                        self.visit(condition)
                else:
                    self.visit(child)
        else:
            self.visit(node)

    def _ordered(self, node: ast.AST) -> None:
        if self._is_set(node):
            self._fault(node, "the order of a set; sort it")

    def _is_set(self, node: ast.AST) -> bool:
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Call(func=ast.Name(id=name)):
                return name in SETS
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return name in self._sets
            case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub(), right=right):
                return self._is_set(left) or self._is_set(right)
            case _:
                return False

    def _fault(self, node: ast.AST, what: str) -> None:
        self.faults.append(f"line {getattr(node, 'lineno', 0)}: {what}")


def _declared(node: ast.AST) -> set[str]:
    """Names that an annotation, or the value given to them, says are sets."""
    match node:
        case ast.AnnAssign(target=target, annotation=annotation) if _says_set(annotation):
            return {getattr(target, "id", getattr(target, "attr", ""))}
        case ast.arg(arg=name, annotation=ast.AST() as annotation) if _says_set(annotation):
            return {name}
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Set() | ast.SetComp()):
            return {name}
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id=called))):
            return {name} if called in SETS else set()
        case _:
            return set()


def _says_set(annotation: ast.AST) -> bool:
    return ast.unparse(annotation).startswith(("set[", "frozenset["))


def faults_of(source: str) -> list[str]:
    """What in a module may give another result in another run or on another machine."""
    tree = ast.parse(source)
    reader = _Reader(tree)
    reader.visit(tree)
    return reader.faults


@pytest.mark.parametrize("path", COMPUTING, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_computes_results_is_exact(path: Path) -> None:
    assert faults_of(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "planted",
    [
        "half = total * 0.5",
        "mean = total / count",
        "share = float(part)",
        "key = hash(text)",
        "at = datetime.now(UTC)",
        "day = date.today()",
        "for tag in {'vip', 'new'}: say(tag)",
        "names: set[str] = set()\nfor name in names: say(name)",
        "def f(names: frozenset[str]) -> str:\n    return ','.join(names)",
        "text = [say(one) for one in set(names)]",
        "first = list(left & {'a'})",
    ],
)
def test_what_is_not_exact_is_found(planted: str) -> None:
    assert len(faults_of(planted)) == 1


@pytest.mark.parametrize(
    "harmless",
    [
        "for tag in sorted({'vip', 'new'}): say(tag)",
        "names: set[str] = set()\nmost = len(names) + sum(size(one) for one in names)",
        "half = (total + 1) // 2",
        "found = 'vip' in {'vip', 'new'}",
    ],
)
def test_what_is_exact_is_left_alone(harmless: str) -> None:
    assert faults_of(harmless) == []


@pytest.mark.parametrize("planted", ["import random", "import time", "import aiokafka"])
def test_the_import_contract_bites(planted: str, tmp_path: Path) -> None:
    copy = tmp_path / "service" / "carewatch"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (copy / "domain" / "times.py").open("a", encoding="utf-8") as module:
        module.write(f"\n{planted}\n")

    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tmp_path, env={"PYTHONPATH": str(copy.parent)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert checked.returncode == 1
    assert f"carewatch.domain.times -> {planted.split()[1]}" in checked.stdout


@pytest.mark.parametrize(
    "planted",
    [
        "import time\n\nNOW = time.time()\n",
        "import datetime\n\nNOW = datetime.datetime.now(datetime.UTC)\n",
    ],
)
def test_the_lint_rule_about_clocks_bites(planted: str) -> None:
    checked = subprocess.run(
        [
            Path(sys.executable).with_name("ruff"), "check", "--no-cache", "--select", "TID251",
            "--stdin-filename", PACKAGE / "domain" / "planted.py", "-",
        ],
        input=planted, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert checked.returncode == 1
    assert "Only carewatch.clock reads the system clock" in checked.stdout
