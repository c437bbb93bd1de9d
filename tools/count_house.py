"""Counts the house and holds it to its bounds: sizes, cycles, names said twice, and the ways through the gate.

`python tools/count_house.py` from the root of the repository; `make check` runs it. Ends 1 where a bound is passed.
"""

from __future__ import annotations

import ast
import graphlib
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import grimp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "watchd"


@dataclass(frozen=True)
class Count:
    """One figure, its bound, and where it is met or passed."""

    what: str
    figure: float
    most: float
    where: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is within its bound."""
        return self.figure <= self.most

    def __str__(self) -> str:
        sign = "ok  " if self.holds else "OVER"
        return f"{sign} {self.what:<40} {self.figure:>7g}  at most {self.most:g}  {self.where}".rstrip()


def lines(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """Lines of a definition, its docstring included and its decorators not."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def place(path: Path, line: int = 1) -> str:
    """Where something stands, from the root of the repository."""
    return f"{path.relative_to(ROOT)}:{line}"


def sizes(what: str, found: Sequence[tuple[int, str]], bounds: dict[str, float]) -> Iterator[Count]:
    """Median, ninth decile and largest of some sizes, as far as they have bounds."""
    ordered = sorted(found)
    measured = {
        "median": median(size for size, _ in ordered),
        "p90": ordered[int(len(ordered) * 0.9)][0],
        "max": ordered[-1][0],
    }
    for name, most in bounds.items():
        yield Count(f"{what}, {name}, lines", measured[name], most, ordered[-1][1] if name == "max" else "")


def cycles() -> Iterator[str]:
    """Modules that import each other, imports for types alone included."""
    graph = grimp.build_graph("watchd", cache_dir=None)
    arrows = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        graphlib.TopologicalSorter(arrows).prepare()
    except graphlib.CycleError as error:
        yield " → ".join(error.args[1])


def twice(names: Iterable[tuple[str, str]]) -> list[str]:
    """Names that stand for two things."""
    places = defaultdict(set)
    for name, where in names:
        places[name].add(where)
    return [f"{name} ({', '.join(sorted(where))})" for name, where in sorted(places.items()) if len(where) > 1]


def is_protocol(node: ast.ClassDef) -> bool:
    """Whether a class is a Protocol."""
    return any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)


def ways(trees: dict[Path, ast.Module], verb: str) -> list[str]:
    """Places that say this to the gate's keeper."""
    return [
        place(path, node.lineno)
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == verb
        and isinstance(node.func.value, ast.Attribute) and node.func.value.attr == "_keeper"
    ]  # fmt: skip


def counts() -> Iterator[Count]:
    """Everything that has a bound."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
    nodes = [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]
    functions = [(path, node) for path, node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    classes = [(path, node) for path, node in nodes if isinstance(node, ast.ClassDef)]
    modules = [(len(path.read_text(encoding="utf-8").splitlines()), place(path)) for path in trees]
    yield from sizes("modules", modules, {"median": 110, "max": 320})
    told = [(lines(node), f"{place(path, node.lineno)} {node.name}") for path, node in functions]
    yield from sizes("functions", told, {"median": 7, "p90": 17, "max": 50})
    told = [(lines(node), f"{place(path, node.lineno)} {node.name}") for path, node in classes]
    yield from sizes("classes", told, {"max": 220})
    met = list(cycles())
    yield Count("import cycles", len(met), 0, "; ".join(met))
    protocols = [
        (sum(isinstance(member, ast.FunctionDef) for member in node.body), f"{place(path, node.lineno)} {node.name}")
        for path, node in classes
        if is_protocol(node)
    ]
    most, where = max(protocols)
    yield Count("methods of a Protocol, max", most, 15, where)
    doubled = twice((path.stem, place(path)) for path in trees if not path.stem.startswith("__"))
    doubled += twice((node.name, place(path, node.lineno)) for path, node in classes)
    yield Count("names that stand for two things", len(doubled), 0, "; ".join(doubled))
    for verb, meaning in (("enter", "into the gate"), ("tell", "out of the gate")):
        found = ways(trees, verb)
        yield Count(f"ways of a paid call {meaning}", len(found), 1, ", ".join(found))
    functions_typed = sum(node.returns is not None for _, node in functions)
    yield Count("functions without a return type", len(functions) - functions_typed, 0)


def main() -> int:
    """Print the table; 1 where a bound is passed."""
    found = list(counts())
    size = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in PACKAGE.rglob("*.py"))
    print(f"watchd: {len(list(PACKAGE.rglob('*.py')))} modules, {size:,} lines")
    for count in found:
        print(count)
    return 0 if all(count.holds for count in found) else 1


if __name__ == "__main__":
    sys.exit(main())
