"""The files of a model of OpenVINO: its network, its weights, and what an exporter says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import read_beginning, read_regular_text

_METADATA = "metadata.yaml"
_LARGEST = 200_000
"""Some kilobytes are usual; reading a megabyte takes ten seconds."""
_XML = re.compile(rb"(\xef\xbb\xbf)?\s*<")
_BEGINNING = 4096


def network_in(path: Path) -> Path:
    """Return the `.xml` file of a path that may be a folder, as Ultralytics exports it."""
    if not path.is_dir():
        return path
    networks = sorted(path.glob("*.xml"))
    if len(networks) != 1:
        raise DetectorError(f"{path}: expected one .xml file in it, found {len(networks)}")
    return networks[0]


def weights_beside(network: Path) -> Path:
    """Return the file with the weights of a network."""
    weights = network.with_suffix(".bin")
    if network.suffix.lower() != ".xml":
        raise DetectorError(
            f"{network}: a model of OpenVINO is an .xml file with a .bin file beside it"
        )
    if not weights.is_file():
        raise DetectorError(f"{network}: its weights are in {weights.name}, and there is no file")
    return weights


def require_network(network: Path) -> None:
    """Refuse a file of another format: OpenVINO looks at the content, and reads many."""
    try:
        beginning = read_beginning(network, _BEGINNING)
    except OSError as error:
        raise DetectorError(f"{network}: {error.strerror or error}") from error
    if not _XML.match(beginning):
        raise DetectorError(f"{network}: damaged, or not a model of OpenVINO: it is no XML")


def metadata_file(network: Path) -> Path | None:
    """Return the file in which Ultralytics describes its export; None if there is none."""
    path = network.with_name(_METADATA)
    return path if path.is_file() else None


def read_metadata_file(path: Path) -> dict[str, str]:
    """Return the values of a file, as text."""
    import yaml

    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is far too large")
        text = read_regular_text(path)
        content = _plain_yaml(text)
        if isinstance(content, Mapping):
            return {str(key): str(value) for key, value in content.items()}
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DetectorError(f"{path}: damaged, or not YAML: {line}") from error
    raise DetectorError(f"{path}: expected keys with values, found {type(content).__name__}")


def _plain_yaml(text: str) -> object:
    """Return what a YAML text says; one with names for values, which can make a small file endless,
    is a `ValueError`."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise ValueError("it has aliases")
            return super().compose_node(parent, index)

    loader = Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
