"""A process that has the gate loaded and forks a child for each case: no start-up, no state that
one case could leave for the next.

It reads a JSON object a line from standard input (`folder`, `arguments`, `seconds`, `page`, and
`is_command`, where the arguments are those of a command and not of pytest) and answers with one:
`code`, None where the child was killed by a signal; `hung`; `seconds` and, of them, `processor`.
What a child prints goes to `.output` in its folder.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from tests.disk import do_not_wait
from tests.fork_server import gate_once

OUTPUT = ".output"
PLUGIN = "pytest_detgate.plugin.hooks"
_child: int | None = None
_hung = False


def main() -> None:
    """Serve until standard input ends."""
    _load()
    signal.signal(signal.SIGALRM, _end_child)
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)


def _load() -> None:
    do_not_wait()
    gate_once(options=["-p", PLUGIN])
    gc.collect()
    gc.freeze()


def _run(wanted: dict[str, Any]) -> dict[str, Any]:
    global _child, _hung
    started = time.perf_counter()
    _hung = False
    _child = os.fork()
    if _child == 0:
        _be_child(**wanted)
    signal.setitimer(signal.ITIMER_REAL, wanted["seconds"])
    _, status, used = os.wait4(_child, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    code = os.waitstatus_to_exitcode(status)
    return {
        "code": None if code < 0 else code,
        "hung": _hung,
        "seconds": time.perf_counter() - started,
        "processor": used.ru_utime + used.ru_stime,
    }


def _end_child(number: int, frame: FrameType | None) -> None:
    global _hung
    _hung = True
    assert _child
    try:
        os.killpg(_child, signal.SIGKILL)
    except ProcessLookupError:  # on a busy machine it has not yet got as far as a group of its own
        os.kill(_child, signal.SIGKILL)


def _be_child(
    folder: str, arguments: list[str], seconds: float, page: bool, is_command: bool
) -> None:
    os.setsid()
    os.chdir(folder)
    output = os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    code = 99
    try:
        code = _command(arguments) if is_command else _gate(arguments, page=page)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()  # as the interpreter would
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _command(arguments: list[str]) -> int:
    """Run `python -m pytest_detgate`, as the arguments say."""
    import runpy

    signal.setitimer(signal.ITIMER_REAL, 0)
    sys.argv = arguments[1:]
    runpy.run_module("pytest_detgate", run_name="__main__", alter_sys=True)
    return 0


def _gate(arguments: list[str], *, page: bool) -> int:
    import pytest

    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    sys.path[0] = str(Path.cwd())  # as `python -m pytest` does
    if not page:
        from pytest_detgate.report import publish as publishing

        vars(publishing)["write_page"] = lambda *arguments, **options: None
    # Those two collect garbage several times at the end, which takes longer than the gate.
    spared = ("no:unraisableexception", "no:threadexception")
    plugins = [option for name in (PLUGIN, *spared) for option in ("-p", name)]
    return int(pytest.main([*plugins, *arguments]))


if __name__ == "__main__":
    main()
