"""Which parts of MMDetection a stored configuration may build, found by reading their source.

A checkpoint may hold any configuration. So a part counts as known only where nothing that it can
reach evaluates text, imports by name, opens or writes files, starts processes or uses a network.

    python -m tools.known_parts FOLDER ... > pytest_detgate/detector/mmdet/known_parts.txt

reads the installed packages and those in each FOLDER (made by `pip install --no-deps --target`)
with `ast`; nothing is imported. The output has a line for each part: `+ PATH` where all versions
that have it are safe, else `- PATH: REASON`. Read what changed before you commit it.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.harm import (
    ATTRIBUTES,
    BUILTINS,
    COMPUTING,
    FILES,
    HARMLESS,
    LOOKED_INTO,
    NOT_COMPUTING,
    TRUSTED,
)
from tools.source_index import Found, Index, Module, Scope, bind, dotted

PACKAGES = ("mmdet", "mmcv", "mmengine")
_TORCH = "torch.nn.modules"
_REGISTRIES = ("MODELS", "TASK_UTILS", "TRANSFORMS", "DETECTORS")

# Is called by training only, unless a class calls it itself.
_NOT_CALLED = "init_weights"


class Reader:
    """Says for a part why it is not known to be safe."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._reasons: dict[str, str | None] = {}

    def parts(self) -> Iterator[Found]:
        """Everything that is registered to be built, and the operators of mmcv."""
        for module in self._index.modules.values():
            if module.name.partition(".")[0] not in PACKAGES:
                continue
            for node in ast.walk(module.tree):
                if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                    if any(_registers(decorator) for decorator in node.decorator_list):
                        yield Found(module, node, node.name)
                elif isinstance(node, ast.Call) and _registers(node):
                    for keyword in node.keywords:
                        if keyword.arg == "module":
                            yield from self._registered(module, keyword.value)
        operators = self._index.modules["mmcv.ops"]
        for name in operators.names:
            for found in self._index.resolve(operators, name, {}):
                # A class, a function, or `apply` of a torch function.
                if isinstance(found.node, (ast.ClassDef, ast.FunctionDef, ast.Attribute)):
                    yield Found(found.module, found.node, f"mmcv.ops.{name}")
                if isinstance(found.node, (ast.ClassDef, ast.FunctionDef)):
                    yield found

    def _registered(self, module: Module, value: ast.expr) -> Iterator[Found]:
        name = dotted(value)
        if name is None:
            return
        found = self._index.resolve(module, name, {})
        # A loop over classes, as mmcv registers activations.
        for node in ast.walk(module.tree):
            if isinstance(node, ast.For) and dotted(node.target) == name:
                assert isinstance(node.iter, (ast.List, ast.Tuple))
                for item in node.iter.elts:
                    found += self._index.resolve(module, dotted(item) or "", {})
        yield from (one for one in found if isinstance(one.node, ast.ClassDef))

    def reason(self, found: Found) -> str | None:
        """Why a class or function is not known to be safe; None where it is."""
        place = found.place
        if _is_trusted(place):
            return None
        if place.startswith(FILES):
            return f"uses {place}"
        if place not in self._reasons:
            self._reasons[place] = None  # meanwhile, for what refers to itself
            assert found.module is not None
            assert found.node is not None
            if isinstance(found.node, ast.ClassDef):
                self._reasons[place] = self._class(found.module, found.node)
            else:
                self._reasons[place] = self._code(found.module, found.node)
        return self._reasons[place]

    def _class(self, module: Module, node: ast.ClassDef) -> str | None:
        """Judge all methods, inherited ones included."""
        later: list[tuple[Module, ast.stmt]] = []
        is_called = False
        for owner, part in self._with_bases(module, node):
            if isinstance(part, str):
                return part
            for statement in part.body:
                if isinstance(statement, ast.FunctionDef) and statement.name == _NOT_CALLED:
                    later.append((owner, statement))
                    continue
                is_called |= any(
                    isinstance(inner, ast.Attribute) and inner.attr == _NOT_CALLED
                    for inner in ast.walk(statement)
                )
                if why := self._code(owner, statement):
                    return why
        reasons = (self._code(*statement) for statement in later if is_called)
        return next(filter(None, reasons), None)

    def _with_bases(
        self, module: Module, node: ast.ClassDef
    ) -> Iterator[tuple[Module, ast.ClassDef | str]]:
        """A class and those that it is derived from, trusted ones left out; or what is wrong."""
        yield module, node
        for base in node.bases:
            if isinstance(base, ast.Subscript):  # Generic[T] and the like
                base = base.value
            name = dotted(base) or ""
            found = self._index.resolve(module, name, {})
            if not found and name not in dir(builtins):
                yield module, f"its base {ast.unparse(base)} is not found ({module.name})"
            for one in found:
                if _is_trusted(one.place):
                    continue
                if isinstance(one.node, ast.ClassDef) and one.module is not None:
                    yield from self._with_bases(one.module, one.node)
                elif why := self._use(one):
                    yield module, f"{why} ({module.name}, line {node.lineno})"

    def _use(self, found: Found) -> str | None:
        """Judge what a name stands for where it is used."""
        if found.node is not None:
            return self.reason(found)
        path = found.path
        if found.module is not None or path.startswith(HARMLESS):
            return None  # of a module, what is used is looked at where it is used
        known = path.partition(".")[0] in (*COMPUTING, *PACKAGES)
        if known and not path.startswith(NOT_COMPUTING) and not _has_bad(path.split(".")[1:]):
            return None
        return f"uses {path}"

    def _code(self, module: Module, code: ast.AST) -> str | None:
        local: Scope = {}
        for node in ast.walk(code):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                bind(module, [node], local, [])
        for node in ast.walk(code):
            if isinstance(node, ast.Call) and (why := self._looked_into(module, node, local)):
                return f"{why} ({module.name}, line {node.lineno})"
        for used in _used(code):
            if why := self._name(module, used, local):
                return why if why.endswith(")") else f"{why} ({module.name}, line {used.lineno})"
        return None

    def _looked_into(self, module: Module, call: ast.Call, local: Scope) -> str | None:
        """What is wrong with a `getattr`: that it takes what it likes out of a module."""
        if dotted(call.func) != "getattr" or isinstance(call.args[1], ast.Constant):
            return None
        holder = dotted(call.args[0]) or ""
        for found in self._index.resolve(module, holder, local):
            is_module = found.node is None and found.path not in LOOKED_INTO
            if is_module and holder.partition(".")[0] not in ("self", "cls"):
                return f"looks names up in {found.path}"
        return None

    def _name(self, module: Module, node: ast.expr, local: Scope) -> str | None:
        name = dotted(node)
        if name is None:
            assert isinstance(node, ast.Attribute)
            return f"uses .{node.attr}" if _has_bad([node.attr]) else None
        if found := self._index.resolve(module, name, local):
            return next(filter(None, map(self._use, found)), None)
        root, *attributes = name.split(".")
        if root in BUILTINS and not attributes:
            return f"uses {root}"
        return f"uses {name}" if _has_bad(attributes) else None


def _registers(node: ast.expr) -> bool:
    name = (dotted(node.func if isinstance(node, ast.Call) else node) or "").split(".")
    return name[-1] == "register_module" and name[0] in _REGISTRIES


def _is_trusted(place: str) -> bool:
    return any(place == name or place.startswith(f"{name}.") for name in TRUSTED)


def _has_bad(attributes: list[str]) -> bool:
    return not ATTRIBUTES.isdisjoint(attributes)


def _used(code: ast.AST) -> Iterator[ast.expr]:
    """Names and attributes that are used as values: not those in annotations, nor classes that
    something is only compared with."""
    waiting: list[ast.AST] = [code]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.expr) and dotted(node) is not None:
            yield node
            continue
        if isinstance(node, ast.Attribute):
            yield node
        if isinstance(node, ast.AnnAssign):
            waiting += [node.value] if node.value else []
        elif isinstance(node, ast.Call) and dotted(node.func) in ("isinstance", "issubclass"):
            waiting += node.args[:1]
        elif isinstance(node, ast.ExceptHandler):
            waiting += node.body
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            waiting += [*node.decorator_list, *node.body, *node.args.defaults]
            waiting += [default for default in node.args.kw_defaults if default]
        else:
            waiting += ast.iter_child_nodes(node)


def read_parts(folders: dict[str, Path]) -> dict[str, str | None]:
    """The parts of one set of packages, with the reason why each is not known to be safe."""
    reader = Reader(Index(folders))
    return {_shown(part): reader.reason(part) for part in reader.parts()}


def _shown(part: Found) -> str:
    """The name that a configuration can reach a part by: for an operator of mmcv, as `mmcv.ops`
    has it; else where it is defined."""
    return part.path if part.path.startswith("mmcv.ops.") else part.place


def installed() -> dict[str, Path]:
    """The folders of the installed packages, of which none is imported."""
    folders = {}
    for package in (*PACKAGES, "torch"):
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise SystemExit(f"{package} is not installed")
        folders[package] = Path(spec.origin).parent
    modules = folders.pop("torch") / "nn" / "modules"
    return {**folders, _TORCH: modules}


def merged(versions: list[dict[str, str | None]]) -> dict[str, str | None]:
    """The parts of several sets: known where every set that has them says so."""
    names = sorted({name for parts in versions for name in parts})
    return {n: next(filter(None, (parts.get(n) for parts in versions)), None) for n in names}


def as_text(parts: dict[str, str | None]) -> str:
    """The list as it is kept."""
    lines = (f"- {name}: {why}" if why else f"+ {name}" for name, why in sorted(parts.items()))
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, help="folders with other versions")
    here = installed()
    others = [
        {**{name: folder / name for name in PACKAGES}, _TORCH: here[_TORCH]}
        for folder in parser.parse_args().folders
    ]
    sys.stdout.write(as_text(merged([read_parts(folders) for folders in (here, *others)])))
