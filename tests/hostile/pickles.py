"""Pickles that run code when nothing guards them, one for each way in which pickle can call."""

from __future__ import annotations

import struct
from pathlib import Path


def text(value: str) -> bytes:
    """The opcode that puts a string on the stack."""
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def name(module: str, attribute: str) -> bytes:
    """The opcode that looks a name up."""
    return f"c{module}\n{attribute}\n".encode()


def touching(canary: Path) -> dict[str, bytes]:
    """Pickles, by what they are made with, that make the file `canary`."""
    shell = text(f"touch '{canary}'")
    python = text(f"open({str(canary)!r}, 'w').close()")
    system = name("posix", "system")
    run = name("builtins", "exec")
    call = system + b"(" + shell + b"tR."
    # `map` calls nothing before `tuple` takes from it.
    lazily = name("builtins", "map") + b"(" + run + b"(" + python + b"lt"
    eager = name("builtins", "tuple")
    namespace = name("argparse", "Namespace") + b")\x81"
    chained = (
        name("builtins", "getattr")
        + (b"(" + name("builtins", "__import__") + b"(" + text("os") + b"tR" + text("system"))
        + b"tR("
        + shell
        + b"tR."
    )
    return {
        "reduce-of-a-global": call,
        "reduce-of-a-stack-global": b"\x80\x04"
        + (text("posix") + text("system") + b"\x93" + shell + b"\x85R."),
        "reduce-of-eval": name("builtins", "eval") + b"(" + python + b"tR.",
        "reduce-of-exec": run + b"(" + python + b"tR.",
        "inst": b"(" + shell + b"iposix\nsystem\n.",
        "obj": b"(" + system + shell + b"o.",
        "newobj": eager + b"(" + lazily + b"\x81t\x81.",
        "newobj-ex": b"\x80\x04" + eager + b"(" + lazily + b"}\x92t}\x92.",
        # The state of an object names the function that is called with its next state.
        "build": namespace + b"}" + text("__setstate__") + system + b"sb" + shell + b"b.",
        "getattr": chained,
        "a-dictionary-of-it": b"}" + text("state_dict") + system + b"(" + shell + b"tRs.",
        "memoised": system + b"q\x00(" + shell + b"q\x01tR0h\x00(h\x01tR.",
        "framed": b"\x80\x04\x95" + struct.pack("<Q", len(call)) + call,
        "protocol-0": b"cposix\nsystem\n(S" + repr(f"touch '{canary}'").encode() + b"\ntR.",
        "subprocess": name("subprocess", "getoutput") + b"(" + shell + b"tR.",
        "run-a-file": name("runpy", "run_path") + b"(" + text(f"{canary}.payload.py") + b"tR.",
        "timeit": name("timeit", "timeit") + b"(" + text("pass") + python + b"tR.",
        "nested": name("pickle", "loads") + b"(" + _bytes(call) + b"tR.",
        "of-torch": name("torch.storage", "_load_from_bytes") + (b"(" + _bytes(call) + b"tR."),
        "numpy-objects": name("numpy", "load")
        + (b"(" + text(f"{canary}.payload.npy") + b"N" + b"\x88" + b"tR."),
    }


def of_extensions() -> dict[str, bytes]:
    """Pickles that ask for a class by its number in Python's registry of them."""
    arguments = b"(" + text("true") + b"tR."
    return {
        "ext-1": b"\x80\x02\x82\xf0" + arguments,
        "ext-2": b"\x80\x02\x83\xf0\xf0" + arguments,
        "ext-4": b"\x80\x02\x84\xf0\xf0\xf0\x00" + arguments,
    }


def broken() -> dict[str, bytes]:
    """Pickles that are no pickles, or that ask for more than there is."""
    return {
        "persistent-id": b"Pposix system\n.",
        "binary-persistent-id": text("posix system") + b"Q.",
        "storage-of-a-function": b"("
        + (text("storage") + name("posix", "system") + text("0") + text("cpu") + b"K\x04tQ."),
        "empty": b"",
        "no-stop": b"}",
        "of-the-future": b"\x80\xff" + name("posix", "system") + b".",
        "nested-deeply": b"(" * 200_000 + b".",
        "long-bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b".",
        "long-string": b"X\xff\xff\xff\x7f.",
        "unknown-opcode": b"\xfe.",
        "stack-underrun": b"R.",
        "memo-underrun": b"h\x09.",
        "number-of-a-megabyte": b"\x8b" + struct.pack("<I", 1 << 20) + b"\x7f" * (1 << 20) + b".",
        "key-of-a-list": b"}]Ns.",
        "buffer-from-elsewhere": b"\x80\x05\x97.",
        "something-behind-the-end": b"}." + name("posix", "system"),
        "list-that-holds-itself": b"]q\x00h\x00a.",
        # Forty pairs, each of the one before it twice: a million million values.
        "pairs-of-pairs": b"]q\x00" + b"h\x00\x86q\x00" * 40 + b".",
        # The same as a key: Python would take days to hash it.
        "key-of-pairs": b"})q\x00" + b"h\x00\x86q\x00" * 60 + b"Ns.",
        "state-of-a-text": text("x") + b"}" + text("y") + b"Nsb.",
        "call-of-a-text": text("x") + b")R.",
    }


def of_odd_steps() -> dict[str, bytes]:
    """Pickles whose steps are known and go where no reader expects them, or are of a protocol that
    torch never wrote."""
    ordered = name("collections", "OrderedDict")
    dtype = name("numpy", "dtype") + b"(" + text("f8") + b"K\x00K\x01tR"
    stand_in = name("argparse", "Namespace")
    storage = text("storage") + name("torch", "FloatStorage")
    of_type = name("torch._tensor", "_rebuild_from_type_v2")
    lone = b"X\x03\x00\x00\x00\xed\xa0\x80"  # half of a character
    return {
        "name-of-two-lines": b"\x80\x04" + text("os\n::error::x") + text("a\x1b[31m") + b"\x93.",
        "name-of-half-a-letter": b"\x80\x04" + lone + text("a") + b"\x93.",
        "name-of-a-megabyte": b"\x80\x04" + text("evil") + text("a" * (1 << 20)) + b"\x93.",
        "name-of-numbers": b"\x80\x04K\x01K\x02\x93.",
        "name-from-the-memo": b"\x80\x04"
        + (text("os") + b"\x94" + text("system") + b"\x94h\x00h\x01\x93."),
        "name-of-an-attribute": b"\x80\x04"
        + (text("collections") + text("OrderedDict.__class__") + b"\x93."),
        "name-of-python-2": name("__builtin__", "eval") + b".",
        "memo-as-text": b"}p0\ng0\n.",
        "value-twice": b"}2.",
        "value-dropped": b"}N0.",
        "values-dropped": b"(N1.",
        "number-as-text": b"L" + b"9" * 5000 + b"L\n.",
        "fraction-as-text": b"Fnan\n.",
        "letters-as-text": b"V\\ud800\n.",
        "bytes-that-change": b"\x80\x05\x96" + struct.pack("<Q", 4) + b"abcd.",
        "read-only-buffer": b"\x80\x05C\x01a\x98.",
        "object-with-names": b"\x80\x04" + ordered + b")}\x92.",
        "state-of-slots": b"\x80\x02}}}\x86b.",
        "state-that-holds-itself": b"\x80\x02"
        + ordered
        + b")Rq\x00}"
        + text("_metadata")
        + (b"}q\x01" + text("a") + b"h\x01ssb."),
        "state-of-a-stand-in": b"\x80\x02"
        + (stand_in + b")\x81}" + text("__setstate__") + stand_in + b"sb."),
        "type-as-a-key": b"\x80\x02}" + name("builtins", "set") + b"Ns.",
        "number-of-other-bytes": b"\x80\x02"
        + (name("numpy.core.multiarray", "scalar") + b"(" + dtype + b"C\x01atR."),
        "calls-in-calls": b"\x80\x02("
        + (of_type + b"q\x00)q\x02" + b"(h\x00Nh\x02Ntq\x02" * 5000 + b"h\x00h\x02Rt."),
        "storage-of-nothing": b"}" + text("state_dict") + b"NQs.",
        "storage-outside": b"(" + storage + text("../data.pkl") + text("cpu") + b"K\x04tQ.",
        "storage-of-lines": b"(" + storage + text("a\n\x1b[2J") + text("cpu") + b"K\x04tQ.",
        "size-of-a-truth": b"\x80\x02" + name("torch", "Size") + b"(K\x01\x88\x86tR.",
    }


def of_copies() -> dict[str, bytes]:
    """Small pickles whose values are many or large, or that a dictionary confuses."""
    numbers = b"".join(b"J" + struct.pack("<i", number) for number in range(20_000))
    keys = b"".join(b"J" + struct.pack("<i", number) + b"NN" for number in range(10_001))
    again = b"h\x00h\x01R" * 200

    def copied(maker: bytes, arguments: bytes) -> bytes:
        return b"\x80\x02(" + maker + b"q\x00" + arguments + b"q\x01" + again + b"l."

    pairs = numbers.replace(b"J", b"NJ")[1:] + b"N"
    return {
        "copies-of-a-dictionary": copied(name("collections", "Counter"), b"(" + pairs + b"d\x85"),
        "copies-of-a-list": copied(name("builtins", "frozenset"), b"(" + numbers + b"l\x85"),
        "copies-of-a-text": copied(
            name("_codecs", "encode"), b"(" + text("x" * 100_000) + text("latin1") + b"t"
        ),
        "tuples-as-keys": b"\x80\x02}(" + keys.replace(b"NN", b"N\x86N") + b"u.",
    }


def whole_number(value: int) -> bytes:
    """The opcode that puts a whole number on the stack."""
    content = value.to_bytes(9, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def whole_numbers(values: tuple[int, ...]) -> bytes:
    """The opcodes that put a tuple of whole numbers on the stack."""
    return b"(" + b"".join(map(whole_number, values)) + b"t"


def of_a_tensor(
    *,
    sizes: tuple[int, ...] = (4,),
    strides: tuple[int, ...] = (1,),
    offset: int = 0,
    numel: int = 4,
    storage: str = "FloatStorage",
    made_by: str = "torch._utils._rebuild_tensor_v2",
    more: bytes = b"",
    then: bytes = b"",
) -> bytes:
    """A checkpoint of one tensor, of the numbers in the record `data/0`.

    `more` are further arguments of the function that makes it, `then` what happens to it.
    """
    identity = text("storage") + name("torch", storage) + text("0") + text("cpu")
    stored = b"(" + identity + whole_number(numel) + b"tQ"
    location = whole_number(offset) + whole_numbers(sizes) + whole_numbers(strides)
    hooks = name("collections", "OrderedDict") + b")R"
    module, _, function = made_by.rpartition(".")
    tensor = (
        name(module, function) + b"(" + stored + location + b"\x89" + hooks + more + b"tR" + then
    )
    return b"\x80\x02}" + text("state_dict") + b"}" + text("weight") + tensor + b"ss."


def of_tensors() -> dict[str, bytes]:
    """Checkpoints of one tensor that reaches for bytes of others, or for all memory."""
    large = 1 << 40
    return {
        "tensor-of-a-terabyte": of_a_tensor(sizes=(large,), strides=(0,)),
        "tensor-of-many-sizes": of_a_tensor(sizes=(1 << 20,) * 60, strides=(0,) * 60),
        "strides-out-of-bounds": of_a_tensor(sizes=(2, 2), strides=(1, large)),
        "strides-below-zero": of_a_tensor(sizes=(4,), strides=(-1,), offset=3),
        "sizes-below-zero": of_a_tensor(sizes=(-1,), strides=(1,)),
        "offset-below-zero": of_a_tensor(offset=-1, sizes=(1,)),
        "offset-of-nothing": of_a_tensor(offset=5, sizes=(0,)),
        "strides-that-lack": of_a_tensor(sizes=(2, 2), strides=(1,)),
        "stride-beyond-64-bits": of_a_tensor(sizes=(1,), strides=(1 << 65,)),
        "size-of-another-type": of_a_tensor(numel=4, storage="DoubleStorage"),
        "fewer-numbers-than-stored": of_a_tensor(numel=2, sizes=(2,)),
        "sparse-tensor": of_a_tensor(made_by="torch._utils._rebuild_sparse_tensor"),
        "quantised-tensor": of_a_tensor(made_by="torch._utils._rebuild_qtensor"),
        "quantised-storage": of_a_tensor(storage="QInt8Storage"),
        "conjugated-tensor": of_a_tensor(more=b"}" + text("conj") + b"\x88s"),
        "state-of-a-tensor": of_a_tensor(then=b"}" + text("data") + b"Nsb"),
        "parameter-of-no-tensor": of_a_tensor(made_by="torch._utils._rebuild_parameter"),
        "type-of-no-tensor": of_a_tensor(made_by="torch._utils._rebuild_tensor_v3", more=b"N"),
    }


def _bytes(value: bytes) -> bytes:
    return b"\x80\x04B" + struct.pack("<I", len(value)) + value
