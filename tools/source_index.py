"""Python packages as their source says they are: read with `ast`, never imported."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Scope = dict[str, list[ast.AST | str]]
"""Names with what they may stand for: definitions, expressions, or the dotted path imported."""


@dataclass(frozen=True)
class Module:
    """A module: its statements, the names that it binds, and the modules it imports `*` from."""

    name: str
    tree: ast.Module
    is_package: bool
    names: Scope = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    def absolute(self, node: ast.ImportFrom) -> str:
        """The module that an import statement of this one names."""
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        kept = parts[: len(parts) - node.level + self.is_package]
        return ".".join([*kept, *([node.module] if node.module else [])])


@dataclass(frozen=True)
class Found:
    """What a dotted name stands for: a `node` of a module, or a `path` into another package."""

    module: Module | None
    node: ast.AST | None
    path: str

    @property
    def place(self) -> str:
        """The dotted path of a definition, as `__module__` and `__qualname__` give it."""
        name: str = getattr(self.node, "name", "")
        return f"{self.module.name}.{name}" if self.module and name else self.path


# Packages that only hand on what another one defines.
_HANDED_ON = {"torch.nn": "torch.nn.modules"}


class Index:
    """The modules of some packages. `folders` are those with the packages, by import name."""

    def __init__(self, folders: dict[str, Path]) -> None:
        self.modules: dict[str, Module] = {}
        for package, folder in folders.items():
            for path in sorted(folder.rglob("*.py")):
                parts = [*package.split("."), *path.relative_to(folder).with_suffix("").parts]
                if any(not part.isidentifier() for part in parts):
                    continue  # such as `.mim`, configurations that are shipped with the package
                is_package = parts[-1] == "__init__"
                name = ".".join(parts[:-1] if is_package else parts)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # theirs, of escapes in docstrings
                    tree = ast.parse(path.read_bytes())
                self.modules[name] = module = Module(name, tree, is_package)
                bind(module, tree.body, module.names, module.stars)

    def resolve(self, module: Module, name: str, local: Scope) -> list[Found]:
        """What a dotted name may stand for where it is used; nothing for a name of Python."""
        return self._resolve(module, name, local, frozenset())

    def _resolve(
        self, module: Module, name: str, local: Scope, seen: frozenset[str]
    ) -> list[Found]:
        if f"{module.name}:{name}" in seen:
            return []
        seen |= {f"{module.name}:{name}"}
        root, _, rest = name.partition(".")
        bound = local.get(root) or module.names.get(root)
        if bound is None:
            stars = [self.modules[star] for star in module.stars if star in self.modules]
            found = (self._resolve(star, name, {}, seen) for star in stars)
            return next((some for some in found if some), [])
        results: list[Found] = []
        for value in bound:
            if isinstance(value, str):
                results += self._imported(f"{value}.{rest}" if rest else value, seen)
            else:
                results.append(Found(module, value, name))
        return results

    def _imported(self, path: str, seen: frozenset[str]) -> list[Found]:
        package, _, last = path.rpartition(".")
        path = f"{_HANDED_ON.get(package, package)}.{last}" if package else path
        parts = path.split(".")
        for end in range(len(parts), 0, -1):
            module = self.modules.get(".".join(parts[:end]))
            if module is not None and end == len(parts):
                return [Found(module, None, path)]
            if module is not None:
                found = self._resolve(module, ".".join(parts[end:]), {}, seen)
                return found or [Found(None, None, path)]
        return [Found(None, None, path)]


def bind(module: Module, body: list[ast.stmt], names: Scope, stars: list[str]) -> None:
    """Enter the names that statements bind, branches included, function bodies not."""
    for statement in body:
        for name, value in _bound(module, statement, stars):
            names.setdefault(name, []).append(value)
        for block in ("body", "orelse", "finalbody"):
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                bind(module, getattr(statement, block, []), names, stars)
        for handler in getattr(statement, "handlers", []):
            bind(module, handler.body, names, stars)


def _bound(
    module: Module, statement: ast.stmt, stars: list[str]
) -> Iterator[tuple[str, ast.AST | str]]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield statement.name, statement
    elif isinstance(statement, ast.Import):
        for alias in statement.names:
            yield (
                alias.asname or alias.name.partition(".")[0],
                (alias.name if alias.asname else alias.name.partition(".")[0]),
            )
    elif isinstance(statement, ast.ImportFrom):
        source = module.absolute(statement)
        for alias in statement.names:
            if alias.name == "*":
                stars.append(source)
            else:
                yield alias.asname or alias.name, f"{source}.{alias.name}"
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.value


def dotted(node: ast.expr) -> str | None:
    """The dotted name that an expression is, if it is one."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return ".".join(reversed([*names, node.id])) if isinstance(node, ast.Name) else None
