"""`detgate.toml` from disk."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pytest_detgate.config.convert import convert_table
from pytest_detgate.config.location import Location, TomlFile
from pytest_detgate.config.mistakes import Mistakes
from pytest_detgate.config.schema import ConfigTable
from pytest_detgate.dataset.text.files import as_utf8
from pytest_detgate.dataset.text.json_decoding import TOO_DEEP
from pytest_detgate.errors import ConfigError, DataError, nearest_file
from pytest_detgate.git import merge_conflict
from pytest_detgate.regular_file import read_regular


@dataclass(frozen=True, slots=True)
class Configuration:
    """A `detgate.toml` that was read: its tables, its path, its digest, its places and what is
    wrong in it. A value with a mistake is unset (`config.convert`)."""

    tables: ConfigTable
    path: Path
    sha256: str
    location: Location
    mistakes: Mistakes

    def locate(self, path: str) -> Path:
        """The file or folder that a path in `detgate.toml` means; relative to that file."""
        located = Path(path)
        with contextlib.suppress(RuntimeError):  # of a person that this machine does not know
            located = located.expanduser()
        return self.path.parent / located


def load_configuration(path: Path) -> Configuration:
    """Read `detgate.toml`; a file that is not TOML, or whose tables have wrong keys or values,
    raises `ConfigError`."""
    configuration = read_configuration(path)
    configuration.mistakes.raise_all()
    return configuration


def read_configuration(path: Path) -> Configuration:
    """Read `detgate.toml`, and note the wrong keys and values of its tables.

    A file that cannot be read, or is not TOML, raises `ConfigError`.
    """
    return decode_configuration(_read(path), path)


def decode_configuration(content: bytes, path: Path) -> Configuration:
    """As `read_configuration`, from the content that the file has or is to have."""
    text, document = _decode(content, path)
    location, mistakes = Location(TomlFile(path, text)), Mistakes(path)
    tables = convert_table(document, ConfigTable, location, mistakes)
    with mistakes.collect():
        if not tables.rules and not tables.recommended:
            raise location.error(
                "no rules; a gate without rules says yes without having looked. "
                "Add recommended = true, or a table such as [rules.empty-gt-share]; "
                "`pytest --detgate-rules` lists them all"
            )
    return Configuration(tables, path, hashlib.sha256(content).hexdigest(), location, mistakes)


def _read(path: Path) -> bytes:
    try:
        return read_regular(path)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file{nearest_file(path)}"
            " (`python -m pytest_detgate init PATH` writes one, --detgate-config names another)"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def _decode(content: bytes, path: Path) -> tuple[str, object]:
    """The text of a file and what it says as TOML."""
    try:
        text = as_utf8(content, path).decode()
        return text, msgspec.toml.decode(text)
    except DataError as error:
        raise ConfigError(str(error)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path.name}: not UTF-8 text, which TOML must be (byte {error.start}); "
            "save it as UTF-8"
        ) from None
    except (msgspec.DecodeError, ValueError) as error:
        cause = merge_conflict(content) or f"not valid TOML: {error}"
        raise ConfigError(f"{path.name}: {cause}") from None
    except RecursionError:
        raise ConfigError(f"{path.name}: {TOO_DEEP}") from None
