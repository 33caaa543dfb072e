"""The kinds of files that `torch.load` reads, around a pickle of one's own."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import warnings
import zipfile
from pathlib import Path

from tests.hostile import pickles

# What torch's older format begins with, before the pickle that matters.
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_SYSTEM = {"protocol_version": _PROTOCOL, "little_endian": True, "type_sizes": {}}
_HARMLESS = pickle.dumps({"state_dict": {}, "meta": {}}, 2)


def in_zip(content: bytes, *, order: bytes = b"little", **more: bytes) -> bytes:
    """A file as torch writes it today; `more` are records by name, `__` being a slash."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", b"3\n")
        archive.writestr("archive/byteorder", order)
        for name, record in more.items():
            archive.writestr(f"archive/{name.replace('__', '/')}", record)
    return buffer.getvalue()


def in_older_format(content: bytes, *, where: str = "object") -> bytes:
    """A file as torch wrote it until 1.6: five pickles one after another, of which `content` is
    the one that `at` names."""
    parts = {
        "magic": pickle.dumps(_MAGIC, 2),
        "protocol": pickle.dumps(_PROTOCOL, 2),
        "system": pickle.dumps(_SYSTEM, 2),
        "object": _HARMLESS,
        "keys": pickle.dumps([], 2),
    }
    return b"".join({**parts, where: content}.values())


def in_tar(content: bytes) -> bytes:
    """A file as torch wrote it before 0.1.10."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, record in (("storages", b""), ("tensors", b""), ("pickle", content)):
            entry = tarfile.TarInfo(name)
            entry.size = len(record)
            archive.addfile(entry, io.BytesIO(record))
    return buffer.getvalue()


def bomb() -> bytes:
    """A file of 300 kB that unpacks to 300 MB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", _HARMLESS)
        archive.writestr("archive/version", b"3\n")
        with archive.open("archive/data/0", "w", force_zip64=True) as record:
            for _ in range(300):
                record.write(bytes(1 << 20))
    return buffer.getvalue()


def altered() -> dict[str, bytes]:
    """Files with records that are not what the archive says of them."""
    numbers = struct.pack("<6f", *range(6))
    program = pickles.of_a_tensor(numel=6, sizes=(6,))
    good = in_zip(program, data__0=numbers)
    assert good.count(numbers) == 1
    large = struct.pack("<I", len(good) // 2)
    directory = good.index(b"PK\x01\x02")
    sized = good[:directory] + good[directory:].replace(struct.pack("<I", 24), large)
    return {
        "compressed": _compressed(good),
        "weights-that-changed": good.replace(numbers, struct.pack("<6f", *range(1, 7))),
        "another-order-of-bytes": in_zip(program, order=b"big", data__0=numbers),
        "record-larger-than-it-is": sized,
        # Two names, one place: each record alone is harmless.
        "records-that-overlap": _overlapping(good),
        "records-of-one-name": _twice(good),
        "no-folder": good.replace(b"archive/data.pkl", b"archive-data.pkl"),
    }


def of_odd_entries(program: bytes) -> dict[str, bytes]:
    """Archives that say of their records what no archive can have, or has only elsewhere."""
    good = in_zip(program)
    entry, end = good.index(b"PK\x01\x02"), good.rindex(b"PK\x05\x06")

    def put(position: int, form: str, value: int) -> bytes:
        size = struct.calcsize(form)
        return good[:position] + struct.pack(form, value) + good[position + size :]

    def named(*names: str) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in names:
                archive.writestr(name, program)
        return buffer.getvalue()

    return {
        "record-behind-all-files": _placed(good, (1 << 64) - 1),
        "record-behind-this-file": _placed(good, 1 << 40),
        "directory-elsewhere": put(end + 16, "<I", 3 * len(good)),
        "directory-larger-than-it-is": put(end + 12, "<I", (1 << 32) - 1),
        "record-of-the-future": put(entry + 6, "<H", 0xFFFF),
        "record-encrypted": put(entry + 8, "<H", 1),
        "record-of-an-unknown-kind": put(entry + 10, "<H", 99),
        "record-with-half-a-field": put(entry + 30, "<H", 5),
        "programs-in-two-folders": named("a/data.pkl", "b/data.pkl"),
        "program-two-folders-up": named("../../data.pkl"),
        "name-that-is-no-text": named("a/data.pkl", "a/é").replace("é".encode(), b"\xff\xfe"),
    }


def led_elsewhere(program: bytes) -> dict[str, bytes]:
    """Archives whose records would be written elsewhere by what unpacks them, which nobody does."""
    good = in_zip(program)
    entry = good.index(b"PK\x01\x02")
    link = struct.pack("<I", 0o120777 << 16)
    return {
        "folder-above": _moved(good, ".."),
        "folder-of-the-system": _moved(good, ""),
        "record-that-is-a-link": good[: entry + 38] + link + good[entry + 42 :],
    }


def _moved(content: bytes, folder: str) -> bytes:
    """The records in another folder."""
    source, buffer = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for entry in source.infolist():
            name = entry.filename.replace("archive/", f"{folder}/")
            archive.writestr(name, source.read(entry))
    return buffer.getvalue()


def _placed(content: bytes, position: int) -> bytes:
    """The first record at another place, in the form for places of 64 bits."""
    directory = content.index(b"PK\x01\x02")
    header, rest = bytearray(content[directory : directory + 46]), content[directory + 46 :]
    name_bytes = struct.unpack("<H", header[28:30])[0]
    more = struct.pack("<HHQ", 1, 8, position)
    header[30:32], header[42:46] = struct.pack("<H", len(more)), b"\xff" * 4
    entries = bytes(header) + rest[:name_bytes] + more + rest[name_bytes:]
    end = entries.index(b"PK\x05\x06")
    size = struct.pack("<I", end)
    return content[:directory] + entries[: end + 12] + size + entries[end + 16 :]


def _compressed(content: bytes) -> bytes:
    source, buffer = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in source.infolist():
            archive.writestr(entry.filename, source.read(entry))
    return buffer.getvalue()


def _overlapping(content: bytes) -> bytes:
    """The last record, at the place of the weights."""
    source = {e.filename: e for e in zipfile.ZipFile(io.BytesIO(content)).infolist()}
    weights, other = source["archive/data/0"], source["archive/byteorder"]
    directory = content.index(b"PK\x01\x02")
    location = struct.pack("<I", other.header_offset) + other.filename.encode()
    assert content.count(location, directory) == 1
    moved = struct.pack("<I", weights.header_offset) + other.filename.encode()
    return content[:directory] + content[directory:].replace(location, moved)


def _twice(content: bytes) -> bytes:
    """The weights twice, under one name."""
    buffer = io.BytesIO(content)
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("archive/data/0", bytes(24))
    return buffer.getvalue()


def torch_script(folder: Path) -> bytes:
    """A program in torch's own language."""
    import torch

    path = folder / "script.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch writes no more of them, and will read them for long
        torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), str(path))
    content = path.read_bytes()
    path.unlink()
    return content


def tensor_of(numel: int, size: int, *, stored: int, offset: int = 0) -> bytes:
    """A file with one tensor of `size` numbers, of a storage that says it has `numel`, of which
    `stored` are there."""
    import torch

    buffer = io.BytesIO()
    torch.save({"state_dict": {"weight": torch.zeros(4)}, "meta": {}}, buffer)
    source = zipfile.ZipFile(io.BytesIO(buffer.getvalue()))
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename.endswith("data.pkl"):
                # K\x04 twice: the numbers in the storage, then its only dimension; K\x00: where
                # the tensor begins.
                assert content.count(b"K\x04") == 2
                before, middle, after = content.split(b"K\x04")
                middle = middle.replace(b"K\x00", b"J" + struct.pack("<i", offset), 1)
                content = pickles.whole_number(numel).join([before, middle])
                content += pickles.whole_number(size) + after
            elif "/data/" in entry.filename:
                content = bytes(4 * stored)
            archive.writestr(entry.filename, content)
    return written.getvalue()
