"""From a path to a first `detgate.toml`, in the steps that `init` takes."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_detgate.config.load import decode_configuration
from pytest_detgate.config.wording import unknown
from pytest_detgate.errors import ConfigError, DetgateError
from pytest_detgate.first_config.ci_files import FILES, Server, workflow
from pytest_detgate.first_config.compose import Keys, compose
from pytest_detgate.first_config.data_rules import DataRules, choose_data_rules
from pytest_detgate.first_config.draft import Paths, Table, document_of, split_table
from pytest_detgate.first_config.frame_names import FrameNames, propose_pattern
from pytest_detgate.first_config.layouts.sources import find_data
from pytest_detgate.first_config.layouts.splits import split_word
from pytest_detgate.first_config.measuring import Measuring
from pytest_detgate.first_config.model_rules import ModelRules, choose_model_rules
from pytest_detgate.first_config.model_table import extra_of, fill_model_table
from pytest_detgate.first_config.reading import ReadSplits, contents, read_splits
from pytest_detgate.first_config.summary import Summary
from pytest_detgate.inputs.detections.sources import DetectionSource, ResultFiles
from pytest_detgate.inputs.project import Project
from pytest_detgate.progress import Progress
from pytest_detgate.record.formatting import counted
from pytest_detgate.rules.binding import bind_rules

PROBE = "calm"
SCORE_THRESHOLD = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class InitRequest:
    """What the command line asks for. `folder` is the one that `detgate.toml` is for; `model` makes
    the source of detections of the model file, if there is one. `scored_labels` says that labels
    with scores are labels."""

    path: Path
    folder: Path
    scored_labels: bool
    predictions: Mapping[str, Path]
    model: Path | None
    model_source: Callable[[Project], DetectionSource] | None
    server: Server | None
    cache: Path | None
    progress: Progress


@dataclass(frozen=True, slots=True)
class FirstConfig:
    """The files to write, by their paths, what to print, and the command that gates."""

    files: Mapping[Path, str]
    summary: Summary
    gate: str


def first_config(request: InitRequest) -> FirstConfig:
    """Find the splits of a data set, measure them with the gate's rules, and write the file in
    memory; `ConfigError` for a path or an option that makes no sense."""
    return _Writer(request).write()


class _Writer:
    def __init__(self, request: InitRequest) -> None:
        self._request = request
        self._path = request.folder / "detgate.toml"
        self._layout = find_data(request.path, scored_labels=request.scored_labels)
        self._unread: list[str] = []
        self._paths = Paths(request.folder, is_relative=not request.path.is_absolute())

    def write(self) -> FirstConfig:
        read, measuring, names, tables = self._read()
        evaluated = self._evaluated_split()
        probe = _probe_of(evaluated, read)
        if probe is not None:
            tables.append((("probes", self._probe_name(evaluated)), probe))
            measuring = self._measuring(tables, data=measuring)
        data = choose_data_rules(measuring, read)
        model = self._choose_model(tables, evaluated, measuring, read)
        rules = {**data.tables, **model.tables}
        tables += [(("rules", code), table) for code, table in rules.items()]
        text = compose(self._head(data), tables)
        self._check(text)
        files = {self._path: text}
        if self._request.server is not None:
            path = self._request.folder / FILES[self._request.server]
            files[path] = workflow(
                self._request.server, self._gate(), self._predictions(), self._extra()
            )
        summary = self._summary(read, names, data, model)
        return FirstConfig(files, summary, shlex.join(self._gate()))

    def _read(self) -> tuple[ReadSplits, Measuring, FrameNames, list[tuple[Keys, Table]]]:
        """Read the splits, and write the tables that say what they are."""
        measuring = self._measuring(self._split_tables({}, self._layout.names))
        read = read_splits(measuring)
        scored = [name for name, dataset in read.datasets.items() if dataset.has_scores]
        if self._request.scored_labels and not (scored or read.errors):
            raise ConfigError("--scored-labels: no labels there have scores; omit it")
        listed = {split.name for split in self._layout.splits if split.listed}
        others = {name: text for name, text in read.others().items() if name not in listed}
        self._unread = read.unread_images() if others else []
        if others:
            measuring = self._measuring(self._split_tables(others, scored))
            read = read_splits(measuring)
        names = propose_pattern(list(read.datasets.values()))
        dataset = Table(why="what is gated", notes=[f"clips: {names.evidence}"])
        if names.pattern is not None:
            dataset.values["frame-pattern"] = (names.pattern, "reads the clip from a file name")
        splits = self._split_tables(others, scored)
        for split, (_, table) in zip(self._layout.splits, splits, strict=True):
            known = read.datasets.get(split.name)
            table.why = "cannot be read today" if known is None else contents(known)
        head: list[tuple[Keys, Table]] = [(("dataset",), dataset), *splits]
        if self._layout.config is not None:
            head.append((("train",), self._training()))
        return read, self._measuring(head, data=measuring), names, head

    def _split_tables(
        self, others: Mapping[str, str], scored: Sequence[str]
    ) -> list[tuple[Keys, Table]]:
        allowed = scored if self._request.scored_labels else ()
        return [
            (
                ("dataset", "splits", split.name),
                split_table(
                    split,
                    self._paths,
                    allows_others=others.get(split.name),
                    has_scores=split.name in allowed,
                ),
            )
            for split in self._layout.splits
        ]

    def _training(self) -> Table:
        assert self._layout.config is not None
        work_dir = self._layout.work_dir or Path("work_dirs")
        return Table(
            why="for pytest --detgate-train",
            values={
                "config": (
                    self._paths.text(self._layout.config),
                    "the configuration to train with",
                ),
                "work-dir": (self._paths.text(work_dir), "where training writes"),
            },
        )

    def _measuring(
        self,
        tables: list[tuple[Keys, Table]],
        *,
        data: Measuring | None = None,
        source: Callable[[Project], DetectionSource] | None = None,
    ) -> Measuring:
        return Measuring(
            document_of(tables),
            self._path,
            cache=self._request.cache,
            progress=self._request.progress,
            data=None if data is None else data.data,
            source=source,
        )

    def _probe_name(self, evaluated: str) -> str:
        return f"{PROBE}-{evaluated}" if PROBE in self._layout.names else PROBE

    def _evaluated_split(self) -> str:
        """The split that results are of, else the one for validation, else for testing."""
        names = self._layout.names
        given = [name for name in self._request.predictions if name in names]
        of_word = [
            name for word in ("val", "valid", "test") for name in names if split_word(name) == word
        ]
        return next(iter((*given, *of_word, *reversed(names))))

    def _choose_model(
        self,
        tables: list[tuple[Keys, Table]],
        evaluated: str,
        measuring: Measuring,
        read: ReadSplits,
    ) -> ModelRules:
        """Measure the result files or the model, where there are some."""
        request = self._request
        known = [keys[-1] for keys, _ in tables if keys[0] == "probes" or "splits" in keys]
        for name in request.predictions:
            if name not in known:
                raise ConfigError(f"--predictions: {unknown('split or probe', name, known)}")
        if not request.predictions and request.model_source is None:
            return ModelRules()
        tables.append((("model",), self._model_table(evaluated)))
        source = request.model_source or (lambda project: ResultFiles(request.predictions, project))
        measured = self._measuring(tables, data=measuring, source=source)
        if evaluated not in read.errors:
            try:
                measured.inputs.detections(evaluated)
            except DetgateError as error:
                hint = (
                    "; or run init without --model, and write [model] by hand"
                    if request.model is not None
                    else ""
                )
                raise ConfigError(f"{measured.project.shorten(str(error))}{hint}") from None
        return choose_model_rules(measured, read.unlabelled())

    def _model_table(self, evaluated: str) -> Table:
        table = Table(why="the detector that is gated")
        if self._request.model is not None:
            fill_model_table(table, self._request.model, self._layout.config, self._paths)
        table.values["score-threshold"] = (
            SCORE_THRESHOLD,
            "a default; write the threshold of your product",
        )
        table.values["evaluate-on"] = (evaluated, "the split that AP is measured on")
        return table

    def _head(self, data: DataRules) -> list[str]:
        named = shlex.quote(self._paths.text(self._request.path))
        lines = [f"Written by `python -m pytest_detgate init {named}`; it is yours to change."]
        lines += data.first
        if data.blocking:
            lines.append("Does not pass until it is fixed:")
            lines += [f"- {text}" for text in data.blocking]
        return lines + data.notes

    def _check(self, text: str) -> None:
        """Read the file as the gate will."""
        try:
            content = text.encode()
        except UnicodeEncodeError:
            raise ConfigError(
                f"{self._request.path}: a name in it is no UTF-8 text, which TOML has to be"
            ) from None
        bind_rules(Project(decode_configuration(content, self._path), self._request.folder))

    def _gate(self) -> list[str]:
        """The command that gates."""
        files = self._predictions().items()
        return [
            *("pytest", "detgate.toml"),
            *(f"--detgate-predictions={name}={file}" for name, file in files),
        ]

    def _predictions(self) -> dict[str, str]:
        given = self._request.predictions.items()
        return {name: self._paths.text(path) for name, path in given}

    def _extra(self) -> str | None:
        return None if self._request.model is None else extra_of(self._request.model)

    def _summary(
        self, read: ReadSplits, names: FrameNames, data: DataRules, model: ModelRules
    ) -> Summary:
        layout = self._layout
        summary = Summary()
        for text in data.first:
            summary.line(text)
        summary.section("does not pass until it is fixed:", data.blocking)
        summary.section(
            f"{counted(len(layout.splits), 'split')} in {layout.kind}, {_classes_text(read)}:",
            [
                f"{split.name}: {contents(read.datasets[split.name])}"
                if split.name in read.datasets
                else f"{split.name}: cannot be read"
                for split in layout.splits
            ],
        )
        summary.line(f"clips: {names.evidence}")
        summary.section("known today, the limit is the count:", data.known)
        summary.section("limits, below what was measured:", model.limits)
        left_out = [*data.left_out, *model.left_out]
        summary.section("not evaluated today, so left out:", left_out)
        summary.section("note:", [*self._unread, *layout.notes, *data.notes])
        return summary


def _classes_text(read: ReadSplits) -> str:
    names = {name for dataset in read.datasets.values() for name in dataset.classes}
    return counted(len(names), "class")


def _probe_of(evaluated: str, read: ReadSplits) -> Table | None:
    """A probe of the images of the evaluated split that nothing is on, where there are some."""
    dataset = read.datasets.get(evaluated)
    if dataset is None or not len(dataset.empty_images()):
        return None
    values: dict[str, tuple[Any, str]] = {
        "split": (evaluated, "its images are those of this split"),
        "empty": (True, f"{counted(len(dataset.empty_images()), 'image')} without annotation"),
    }
    return Table(why="images on which every box is a false alarm", values=values)
