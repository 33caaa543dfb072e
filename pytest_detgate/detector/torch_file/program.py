"""A pickle, read step by step without Python's own unpickler.

`pickletools` decodes the steps; only those that weights, numbers, text and collections of them need
are known here. Nothing is looked up or called but what `find` returns.
"""

from __future__ import annotations

import pickletools
from collections import OrderedDict
from collections.abc import Callable

from pytest_detgate.detector.torch_file.limits import (
    MOST_OPERATIONS,
    Limits,
    require_short,
    require_tree,
)
from pytest_detgate.detector.torch_file.numpy_numbers import PlainDtype
from pytest_detgate.detector.torch_file.refusals import NotPlainError, UnreadableError
from pytest_detgate.detector.torch_file.stand_ins import StandIn, call

_VALUES = frozenset(
    {
        *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
        *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "SHORT_BINSTRING", "BINSTRING"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    }
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY: dict[str, Callable[[], object]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_SET": set,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MARK = object()


def run_program(
    program: bytes,
    find: Callable[[str], object],
    load: Callable[[object], object],
    limits: Limits,
) -> object:
    """Return the value that a pickle describes.

    `find` returns the meaning of a dotted name, `load` what a persistent identity refers to.
    Raises `UnreadableError` or `NotPlainError`.
    """
    machine = _Machine(find, load, limits)
    steps = pickletools.genops(program)
    try:
        for count, (operation, argument, position) in enumerate(steps):
            if count >= MOST_OPERATIONS:
                raise UnreadableError(f"it takes over {MOST_OPERATIONS:,} steps")
            if operation.name == "STOP" and position is not None:
                if position + 1 != len(program):
                    raise UnreadableError("something follows its end")
                break
            machine.step(operation.name, argument)
        value = machine.result()
    except (UnreadableError, NotPlainError):
        raise
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        # Steps that are cut off, a stack or a memo that lacks what is asked for.
        raise UnreadableError(f"its values cannot be read: {error}") from error
    require_tree(value)
    return value


class _Machine:
    """The stack and the memo of a pickle."""

    def __init__(
        self, find: Callable[[str], object], load: Callable[[object], object], limits: Limits
    ) -> None:
        self._find = find
        self._load = load
        self._limits = limits
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}

    def result(self) -> object:
        if len(self._stack) != 1 or self._stack[0] is _MARK:
            raise UnreadableError("it describes no single value")
        return self._stack[0]

    def step(self, name: str, argument: object) -> None:
        """Take one step."""
        push = self._stack.append
        if name in _VALUES:
            push(require_short(argument))
        elif name in _CONSTANTS:
            push(_CONSTANTS[name])
        elif name in _EMPTY:
            push(_EMPTY[name]())
        elif name == "MARK":
            push(_MARK)
        elif name in _TUPLES:
            push(tuple(reversed([self._pop() for _ in range(_TUPLES[name])])))
        elif name not in ("PROTO", "FRAME"):
            method = _METHODS.get(name)
            if method is None:
                raise NotPlainError(
                    f"it uses the pickle operation {name}, which weights do not need"
                )
            method(self, argument)

    def _pop(self) -> object:
        value = self._stack.pop()
        if value is _MARK:
            raise UnreadableError("a value is missing")
        return value

    def _pop_to_mark(self) -> list[object]:
        for start in range(len(self._stack) - 1, -1, -1):
            if self._stack[start] is _MARK:
                values = self._stack[start + 1 :]
                del self._stack[start:]
                return values
        raise UnreadableError("the start of a collection is missing")

    def _top(self) -> object:
        return self._stack[-1]

    def _tuple(self, _: object) -> None:
        self._stack.append(tuple(self._pop_to_mark()))

    def _list(self, _: object) -> None:
        self._stack.append(self._pop_to_mark())

    def _frozenset(self, _: object) -> None:
        self._stack.append(frozenset(map(self._limits.require_key, self._pop_to_mark())))

    def _dict(self, _: object) -> None:
        values = self._pop_to_mark()
        self._stack.append({})
        self._set(values)

    def _append(self, _: object) -> None:
        self._extend([self._pop()])

    def _appends(self, _: object) -> None:
        self._extend(self._pop_to_mark())

    def _extend(self, values: list[object]) -> None:
        target = self._top()
        if type(target) is list:
            target.extend(values)
        elif not isinstance(target, StandIn):
            raise UnreadableError(f"it appends to a {type(target).__name__}")

    def _set_item(self, _: object) -> None:
        value = self._pop()
        self._set([self._pop(), value])

    def _set_items(self, _: object) -> None:
        self._set(self._pop_to_mark())

    def _set(self, values: list[object]) -> None:
        target = self._top()
        if len(values) % 2:
            raise UnreadableError("a key has no value")
        if type(target) in (dict, OrderedDict):
            for key, value in zip(values[::2], values[1::2], strict=True):
                target[self._limits.require_key(key)] = value  # type: ignore[index]
        elif not isinstance(target, StandIn):
            raise UnreadableError(f"it sets an item of a {type(target).__name__}")

    def _add_items(self, _: object) -> None:
        values = self._pop_to_mark()
        target = self._top()
        if type(target) is set:
            target.update(map(self._limits.require_key, values))
        elif not isinstance(target, StandIn):
            raise UnreadableError(f"it adds to a {type(target).__name__}")

    def _put(self, index: object) -> None:
        self._memo[index] = self._top()  # type: ignore[index]

    def _memoize(self, _: object) -> None:
        self._memo[len(self._memo)] = self._top()

    def _get(self, index: object) -> None:
        self._stack.append(self._memo[index])  # type: ignore[index]

    def _global(self, argument: object) -> None:
        module, _, attribute = str(argument).partition(" ")
        self._stack.append(self._find(f"{module}.{attribute}"))

    def _stack_global(self, _: object) -> None:
        attribute, module = self._pop(), self._pop()
        if not isinstance(module, str) or not isinstance(attribute, str):
            raise UnreadableError("a name is no text")
        self._stack.append(self._find(f"{module}.{attribute}"))

    def _persistent(self, _: object) -> None:
        self._stack.append(self._load(self._pop()))

    def _reduce(self, _: object) -> None:
        arguments = self._pop()
        self._stack.append(call(self._pop(), arguments))

    def _build(self, _: object) -> None:
        """Set the state of an object: only of those that are ours, and only what is known."""
        state = self._pop()
        target = self._top()
        if isinstance(target, PlainDtype):
            target.set_state(state)
        elif type(target) is OrderedDict:
            # Versions of the parts of a model, which torch keeps beside the weights.
            if isinstance(state, dict) and isinstance(versions := state.get("_metadata"), dict):
                target._metadata = versions  # type: ignore[attr-defined]
        elif not isinstance(target, StandIn):
            raise NotPlainError(f"it sets the state of a {type(target).__name__}")


_METHODS: dict[str, Callable[[_Machine, object], None]] = {
    "TUPLE": _Machine._tuple,
    "LIST": _Machine._list,
    "DICT": _Machine._dict,
    "FROZENSET": _Machine._frozenset,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "ADDITEMS": _Machine._add_items,
    "BINPUT": _Machine._put,
    "LONG_BINPUT": _Machine._put,
    "MEMOIZE": _Machine._memoize,
    "BINGET": _Machine._get,
    "LONG_BINGET": _Machine._get,
    "GLOBAL": _Machine._global,
    "STACK_GLOBAL": _Machine._stack_global,
    "BINPERSID": _Machine._persistent,
    "REDUCE": _Machine._reduce,
    "NEWOBJ": _Machine._reduce,
    "BUILD": _Machine._build,
}
