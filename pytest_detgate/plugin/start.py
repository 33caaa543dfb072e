"""Starting a gate in one process: read its file, bind its rules, register its roles."""

from __future__ import annotations

import functools
import gc
import sys
from functools import partial
from pathlib import Path

import pytest

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.cache.annotation_tables import CachedTables
from pytest_detgate.cache.maintenance import prune_if_possible
from pytest_detgate.config.load import read_configuration
from pytest_detgate.config.wording import unknown
from pytest_detgate.errors import ConfigError, DetgateError
from pytest_detgate.inputs.compared.other_models import matching_files
from pytest_detgate.inputs.privacy import redaction_of
from pytest_detgate.inputs.project import Project
from pytest_detgate.plugin.early import EARLIER
from pytest_detgate.plugin.folders import WORKER_INPUT, SharedFolders, shared_folders
from pytest_detgate.plugin.ledger import open_ledger
from pytest_detgate.plugin.options import GateOptions, entry_of, resolve_options
from pytest_detgate.plugin.output.output_files import refuse_outputs
from pytest_detgate.plugin.output.progress import TerminalProgress
from pytest_detgate.plugin.output.worker_progress import (
    ControllerLine,
    WorkerProgress,
    WorkersProgress,
)
from pytest_detgate.plugin.promised.items import Collected
from pytest_detgate.plugin.promised.unread import SWEEP_RULE
from pytest_detgate.plugin.results.shared_teardown import SharedTeardown
from pytest_detgate.plugin.session import EARLIER_RECORD, SESSION, GateSession
from pytest_detgate.plugin.usage import usage_error
from pytest_detgate.progress import NoProgress, Progress
from pytest_detgate.record.project_files.known_findings import KNOWN_FILE
from pytest_detgate.regular_file import real_path
from pytest_detgate.rules.binding import UNUSED_BASELINE, BoundRule, add_rule, bind_rules
from pytest_detgate.rules.rule import OptionError
from pytest_detgate.rules.verdicts.known import accepted_findings


def start_gate(config: pytest.Config, options: GateOptions) -> None:
    """Make the gate of this process and add its file to what is collected; a wrong configuration
    raises `ConfigError`."""
    session = config.stash[SESSION] = _make_session(config, options)
    if EARLIER in config.stash:
        write_whole(session.folders.run / EARLIER_RECORD, config.stash[EARLIER])
    if not _is_reached(config, options.entry):
        config.args.append(str(options.argument))
    config.pluginmanager.register(Collected(session))
    if not hasattr(config, "workerinput"):
        refuse_outputs(config, options, session.project, session.history)
        _register_roles(config, session)
    # Behind the one that reports, so that it comes first when the session ends.
    config.pluginmanager.register(SharedTeardown(session))
    _freeze()


@functools.cache
def _freeze() -> None:
    """Leave alone what is there by now, modules above all, which stays as long as the process: to
    go through it at each collection took a tenth of a short gate. Done once, so that a process with
    several runs does not keep what is left of one. (Python would count all that is frozen to say
    whether anything is.)"""
    gc.freeze()


def _is_reached(config: pytest.Config, file: Path) -> bool:
    """Whether the arguments name the file already, or a folder that it is found in.

    Up to pytest 8, an argument inside another one makes it forget the rest of that folder.
    """
    start = config.invocation_params.dir
    named = [start / argument.split("::")[0] for argument in config.args]
    walked = [real_path(path) for path in named] if pytest.version_tuple < (9,) else []
    return file in map(entry_of, named) or any(folder in file.parents for folder in walked)


def gate_of(config: pytest.Config) -> GateSession:
    """The gate of this process; made for hand-written tests where the run does not gate."""
    if SESSION not in config.stash:
        try:
            config.stash[SESSION] = _make_session(config, resolve_options(config))
        except DetgateError as error:
            raise usage_error(str(error)) from None
    return config.stash[SESSION]


def _make_session(config: pytest.Config, options: GateOptions) -> GateSession:
    project = Project(read_configuration(options.config), config.rootpath)
    folders = shared_folders(config, cache=options.cache)
    has_cache = folders.cache != folders.run
    if has_cache:
        project.cached_tables = CachedTables(folders.cache)
    progress = project.progress = _progress(config, folders)
    rules = _with_sweep(bind_rules(project, trains=options.train), options, project)
    _check_options(options, project, rules)
    _keep_seals(config, options, project, rules)
    if has_cache and not hasattr(config, "workerinput"):
        # At the end of the run, so that no entry is dropped that it still needs.
        config.add_cleanup(partial(prune_if_possible, folders.cache, project.tables.cache))
    return GateSession(
        options=options,
        project=project,
        rules=rules,
        folders=folders,
        progress=progress,
        redaction=redaction_of(project, _named(options)),
        accepted=accepted_findings(rules, options.config.parent / KNOWN_FILE),
        ledger=open_ledger(project, asks_git=not hasattr(config, "workerinput")),
    )


def _named(options: GateOptions) -> list[Path]:
    """The places that the command line names."""
    named = [options.config, options.report, options.checkpoint, options.baseline]
    results = (path for paths in options.predictions.values() for path in paths)
    return [path for path in (*named, *results) if path is not None]


def _with_sweep(
    rules: tuple[BoundRule, ...], options: GateOptions, project: Project
) -> tuple[BoundRule, ...]:
    """The rules, with one that evaluates the sweep; where the file does not ask for it, it only
    warns."""
    if options.sweep is None:
        return rules
    # What is trained first may not be there yet.
    if not options.train and not matching_files(options.sweep):
        raise ConfigError(f"--detgate-sweep: there is no file {options.sweep}")
    try:
        return add_rule(project, rules, SWEEP_RULE, {"severity": "warning"})
    except OptionError as error:
        raise ConfigError(
            f"--detgate-sweep: the rule {SWEEP_RULE} cannot be evaluated: {error}"
        ) from None


def _check_options(options: GateOptions, project: Project, rules: tuple[BoundRule, ...]) -> None:
    known = project.datasets
    for name in options.predictions:
        if name not in known:
            raise ConfigError(f"--detgate-predictions: {unknown('split or probe', name, known)}")
    if options.update is not None:
        from pytest_detgate.config.editing import NEEDS_TOMLKIT, can_edit

        if not can_edit():
            raise ConfigError(NEEDS_TOMLKIT)
    if options.baseline is not None and not any(bound.rule.compares for bound in rules):
        raise ConfigError(f"--detgate-baseline: {UNUSED_BASELINE}")


def _keep_seals(
    config: pytest.Config, options: GateOptions, project: Project, rules: tuple[BoundRule, ...]
) -> None:
    """Refuse other splits and probes with images of sealed probes. Where the run gates, the workers
    of pytest-xdist start after that."""
    if not project.seals.names:
        return
    from pytest_detgate.inputs.sealed_images import require_seals_kept

    detected = {name for rule in rules for target in rule.targets for name in target.detections}
    if not (options.asked and hasattr(config, "workerinput")):
        require_seals_kept(project, project.sealed_images, detected)
    project.seals.trust(detected)


def _register_roles(config: pytest.Config, session: GateSession) -> None:
    from pytest_detgate.plugin.results.reporter import Reporter
    from pytest_detgate.plugin.training import TrainFirst
    from pytest_detgate.plugin.xdist import XdistController

    # Without names, by which `-p no:...` could keep them out.
    reporter = Reporter(session)
    config.pluginmanager.register(reporter)
    if session.options.train:
        config.pluginmanager.register(TrainFirst(session))
    # Under any name of pytest-xdist: without these hooks its workers would gate alone.
    config.pluginmanager.register(XdistController(session.folders, reporter))
    if config.getoption("dist", "no") != "no" and sys.stderr.isatty():
        shown = WorkersProgress(session.folders.run, ControllerLine(config))
        config.pluginmanager.register(shown)


def _progress(config: pytest.Config, folders: SharedFolders) -> Progress:
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        is_shown = worker.get(WORKER_INPUT, {}).get("shows_progress", False)
        return WorkerProgress(folders.run, worker["workerid"]) if is_shown else NoProgress()
    return TerminalProgress(config) if sys.stderr.isatty() else NoProgress()
