"""The names that a file may use, and the meaning of each."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

from pytest_detgate.detector.name_lists import shown_name
from pytest_detgate.detector.torch_file.limits import Limits
from pytest_detgate.detector.torch_file.numpy_numbers import make_bytes, make_dtype, make_scalar
from pytest_detgate.detector.torch_file.refusals import NotPlainError, UnreadableError
from pytest_detgate.detector.torch_file.stand_ins import Maker, StandIn, call

# Data of Python and torch that the gate does not need. MMEngine's histories of logged values ask
# for `getattr`: it gets nothing.
_NOT_NEEDED = frozenset(
    {
        *("builtins.getattr", "builtins.slice", "builtins.object", "builtins.complex"),
        *("builtins.bytearray", "builtins.range", "copyreg._reconstructor"),
        *("builtins.bool", "builtins.int", "builtins.float", "builtins.str"),
        *("builtins.list", "builtins.tuple", "builtins.dict"),
        *("argparse.Namespace", "types.SimpleNamespace", "collections.deque", "uuid.UUID"),
        *("datetime.datetime", "datetime.date", "datetime.time", "datetime.timedelta"),
        *("datetime.timezone", "decimal.Decimal", "fractions.Fraction"),
        *("pathlib.Path", "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.PurePath"),
        *("pathlib.PurePosixPath", "pathlib.PureWindowsPath", "pathlib._local.PosixPath"),
        *("pathlib._local.WindowsPath", "torch.device", "torch.torch_version.TorchVersion"),
        *("torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"),
    }
)
# Of these packages a file may use the names that are known here, and no other: there is nothing
# that a checkpoint needs, and to ask for it is what an attack does. Objects of all other packages
# have no meaning.
_CLOSED = frozenset({*sys.stdlib_module_names, "torch"})
_OLD_NAMES = {"__builtin__": "builtins", "copy_reg": "copyreg"}


class KnownNames:
    """Finds the meaning of a name in a file."""

    def __init__(
        self,
        makers: Mapping[str, Callable[..., object]],
        values: Mapping[str, object],
        limits: Limits,
    ) -> None:
        """`makers` and `values` are those of the tensors, by name."""
        functions = {**makers, **_MAKERS, **_collections(limits)}
        self._known = {
            **values,
            **{name: Maker(name, make, limits.copy) for name, make in functions.items()},
        }

    def find(self, name: str) -> object:
        """Return the meaning of a dotted name; `NotPlainError` if it has none."""
        package, _, rest = name.partition(".")
        package = _OLD_NAMES.get(package, package)
        name = f"{package}.{rest}"
        if name in self._known:
            return self._known[name]
        if name in _NOT_NEEDED or package not in _CLOSED:
            return StandIn(name)
        raise NotPlainError(f"it asks for {shown_name(name)}, which weights do not need")


def _default_dict(_: object = None) -> dict[object, object]:
    """Make what is then filled; what makes missing values is not needed."""
    return {}


def _counter(counts: object = None) -> dict[object, object]:
    if counts is not None and type(counts) is not dict:
        raise UnreadableError("the counts of a counter are none")
    return dict(counts or {})


def _collections(limits: Limits) -> dict[str, Callable[..., object]]:
    """Return the makers of collections with keys."""

    def ordered_dict(pairs: object = ()) -> OrderedDict[object, object]:
        made: OrderedDict[object, object] = OrderedDict()
        for pair in _items(pairs):
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                raise UnreadableError("an item of a dictionary is no pair")
            made[limits.require_key(pair[0])] = pair[1]
        return made

    def make_set(items: object = ()) -> set[object]:
        return set(map(limits.require_key, _items(items)))

    def make_frozenset(items: object = ()) -> frozenset[object]:
        return frozenset(map(limits.require_key, _items(items)))

    return {
        "collections.OrderedDict": ordered_dict,
        "builtins.set": make_set,
        "builtins.frozenset": make_frozenset,
    }


def _items(value: object) -> Iterable[object]:
    if not isinstance(value, (list, tuple)):
        raise UnreadableError("the items of a collection are no list")
    return value


def _of_type(make: object, kind: object, arguments: object, state: object) -> object:
    """Make a tensor of a derived class, without what that has besides."""
    return call(make, arguments)


_MAKERS: dict[str, Callable[..., object]] = {
    "collections.defaultdict": _default_dict,
    "collections.Counter": _counter,
    "builtins.bytes": make_bytes,
    "_codecs.encode": make_bytes,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "numpy.dtype": make_dtype,
    "numpy.core.multiarray.scalar": make_scalar,
    "numpy._core.multiarray.scalar": make_scalar,
}
