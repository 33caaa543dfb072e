"""`detgate.toml` from disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pytest_detgate.config.convert import convert_table
from pytest_detgate.config.schema import ConfigTable
from pytest_detgate.config.wording import Place
from pytest_detgate.dataset.text.files import as_utf8
from pytest_detgate.dataset.text.json_decoding import TOO_DEEP
from pytest_detgate.errors import ConfigError, DataError
from pytest_detgate.regular_file import read_regular


@dataclass(frozen=True, slots=True)
class Configuration:
    """A `detgate.toml` that was read: its tables, its path, its digest and its places."""

    tables: ConfigTable
    path: Path
    sha256: str
    place: Place

    def locate(self, path: str) -> Path:
        """The file or folder that a path in `detgate.toml` means; relative to that file."""
        return self.path.parent / Path(path).expanduser()


def load_configuration(path: Path) -> Configuration:
    """Read `detgate.toml`; anything wrong with it raises `ConfigError`."""
    try:
        content = read_regular(path)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file; write one, or name it with --detgate-config"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        text = as_utf8(content, path).decode()
        document = msgspec.toml.decode(text)
    except DataError as error:
        raise ConfigError(str(error)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path.name}: not UTF-8 text, which TOML must be (byte {error.start})"
        ) from None
    except (msgspec.DecodeError, ValueError) as error:
        raise ConfigError(f"{path.name}: not valid TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path.name}: {TOO_DEEP}") from None
    place = Place(path, text)
    tables = convert_table(document, ConfigTable, place)
    if not tables.rules:
        raise place.error(
            "no rules; a gate without rules says yes without having looked. "
            "Add at least one table such as [rules.empty-gt-share]; "
            "`pytest --detgate-rules` lists them all"
        )
    return Configuration(tables, path, hashlib.sha256(content).hexdigest(), place)
