"""pytest's hooks: decide, delegate, return. This module loads in every pytest run of the
environment, so it imports nothing but pytest and the standard library."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.plugin.collection import (
    MARKERS,
    DetgateFile,
    RuleItem,
    require_collected,
    wanted_detections,
)
from pytest_detgate.plugin.options import add_options, resolve_options
from pytest_detgate.plugin.recording import RECORD, announce, recorded_result
from pytest_detgate.plugin.state import SESSION

pytest_plugins = ["pytest_detgate.fixtures.gate"]


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    if not config.option.detgate_rules:
        return None
    from pytest_detgate.plugin.rule_list import print_rules

    options = resolve_options(config)
    return print_rules(options.config)


def pytest_configure(config: pytest.Config) -> None:
    for marker, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{marker}: {meaning}")
    options = resolve_options(config)
    if not options.asked or config.option.detgate_rules:
        return
    from pytest_detgate.plugin.start import start_gate

    try:
        start_gate(config, options)
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> DetgateFile | None:
    session = parent.config.stash.get(SESSION, None)
    if session is None or file_path.resolve() != session.options.config:
        return None
    return DetgateFile.from_parent(parent, path=file_path)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    gate = session.config.stash.get(SESSION, None)
    if gate is not None:
        gate.wanted = wanted_detections(session.items)
        require_collected(session, gate)
        announce(gate.folders.run, session.items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    record = item.stash.get(RECORD, None)
    if record is not None:
        gate = item.config.stash.get(SESSION, None)
        record.hold(str if gate is None else gate.redaction.text)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    gate = item.config.stash.get(SESSION, None)
    if gate is None or not gate.options.asked or call.when != "call":
        return report
    if isinstance(item, RuleItem):
        result, findings = item.result, item.findings
    elif RECORD in item.stash:
        result, findings = recorded_result(item, call, report), item.stash[RECORD].on_images()
    else:
        return report
    if result is not None and findings is not None:
        from pytest_detgate.plugin.sending import attach_result

        attach_result(item, report, result, findings, gate)
    return report
