"""pytest's hooks: decide, delegate, return. This module loads in every pytest run of the
environment, so it imports nothing but pytest and the standard library."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from importlib.util import find_spec
from pathlib import Path

import pytest

from pytest_detgate.errors import DetgateError
from pytest_detgate.plugin.collection import MARKERS, DetgateFile
from pytest_detgate.plugin.early import (
    mark,
    mark_early,
    refuse_listing_by_ini,
    refuse_unknown_markers,
    refuse_unknown_options,
    refuse_values_of_flags,
    remember_choice,
    remember_listing,
    watch_imports_early,
)
from pytest_detgate.plugin.exit_guard import exit_guard
from pytest_detgate.plugin.folders import WORKER_INPUT
from pytest_detgate.plugin.options import add_options, entry_of, resolve_options
from pytest_detgate.plugin.promised.choice import CHOICE, Choice
from pytest_detgate.plugin.results.recording import RECORD
from pytest_detgate.plugin.session import SESSION, GateSession
from pytest_detgate.plugin.usage import usage_error

pytest_plugins = ["pytest_detgate.fixtures.gate"]

if find_spec("pytest_detgate.fixtures") is None:
    # `python -m pytest` puts the folder first that it is started in.
    raise pytest.UsageError(
        f"{Path(__file__).parents[2]} is a clone of pytest-detgate that is not installed, and is "
        "imported in place of the installed package. To work on the clone: pip install -e . (see "
        "CONTRIBUTING.md). To test a wheel: python tools/test_wheel.py WHEEL. To use the installed "
        "package: start pytest in another folder"
    )


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    config: pytest.Config | None = pluginmanager.get_plugin("pytestconfig")
    if config is not None:
        refuse_values_of_flags(config.invocation_params.args)
    add_options(parser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser
) -> Generator[None, object, object]:
    remember_choice(early_config)
    remember_listing(early_config, parser)
    mark_early(early_config)
    watch_imports_early(early_config)
    with exit_guard(early_config).guarded():
        result = yield
    # A conftest may have declared more options.
    refuse_unknown_options(early_config, parser)
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    refuse_listing_by_ini(config)
    refuse_unknown_markers(config)
    if not config.option.detgate_rules:
        return None
    from pytest_detgate.plugin.output.rule_list import print_rules

    options = resolve_options(config)
    return print_rules(options.config)


def pytest_configure(config: pytest.Config) -> None:
    for marker, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{marker}: {meaning}")
    handed = getattr(config, "workerinput", {}).get(WORKER_INPUT)
    if handed is not None:
        config.stash[CHOICE] = Choice(**handed["choice"])
    config.stash.setdefault(CHOICE, Choice.of(config.option, config.invocation_params.dir))
    mark(config, always=False)
    options = resolve_options(config)
    if not options.asked or config.option.detgate_rules:
        return
    from pytest_detgate.plugin.start import start_gate

    try:
        start_gate(config, options)
    except DetgateError as error:
        raise usage_error(str(error)) from None
    mark(config, always=True)


@pytest.hookimpl(tryfirst=True)
def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    session = config.stash.get(SESSION, None)
    # pytest asks about every file below the folder that it collects, and looks at each of them.
    return True if session is not None and session.is_gated_image(str(collection_path)) else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> DetgateFile | None:
    session = parent.config.stash.get(SESSION, None)
    # Names are compared first: to follow the links of each file of a data set takes long.
    if session is None or file_path.name != session.options.entry.name:
        return None
    if entry_of(file_path) != session.options.entry:
        return None
    return DetgateFile.from_parent(parent, path=file_path)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish() -> None:
    recorder = sys.modules.get("pytest_detgate.detector.dependencies.recorder")
    if recorder is not None:
        recorder.stop_watching_imports()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    record = item.stash.get(RECORD, None)
    if record is not None:
        record.hold(_shown(item))
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    try:
        result = yield
    finally:
        record = item.stash.get(RECORD, None)
        if record is not None:
            record.close()
    if record is not None:
        # What a fixture measures while it is torn down counts, too.
        record.hold(_shown(item))
        if _gate_of(item) is not None:
            from pytest_detgate.plugin.results.reports import may_lack_limit

            if may_lack_limit(item):
                record.require_limit()
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    gate = _gate_of(item)
    if gate is not None:
        from pytest_detgate.plugin.results.reports import add_result

        add_result(item, call, report, gate)
    return report


def _shown(item: pytest.Item) -> Callable[[str], str]:
    """What hides in a text of this process what must not be seen."""
    gate = item.config.stash.get(SESSION, None)
    return str if gate is None else gate.redaction.text


def _gate_of(item: pytest.Item) -> GateSession | None:
    """The gate of a run that was asked for one."""
    gate = item.config.stash.get(SESSION, None)
    return gate if gate is not None and gate.options.asked else None
