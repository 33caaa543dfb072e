"""Sends hostile checkpoints through the ways in which the gate reads a checkpoint.

Run as `python -m tests.hostile.drive PROJECT ANSWERS WAY ...` in the project's folder. A process
takes all files one after another, since importing torch takes longer than refusing a hundred.
Writes what was said of each to the file ANSWERS, by way, and whether a canary was made.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.disk import do_not_wait
from tests.forker import fork_forker
from tests.hostile.make import Hostile

PLUGIN = "pytest_detgate.plugin.hooks"
Way = Callable[[Path], Iterator[Callable[[Path], str]]]


def listed(project: Path) -> list[Hostile]:
    """The files as `hostile.json` lists them."""
    content = json.loads((project / "hostile.json").read_text("utf-8"))
    return [
        Hostile(**{**case, "path": Path(case["path"]), "canary": Path(case["canary"])})
        for case in content
    ]


def gate(project: Path) -> Iterator[Callable[[Path], str]]:
    """`--detgate-ckpt`, a whole run of pytest for each file."""
    yield lambda path: _run_pytest(project, "probe-fp[compliant]", f"--detgate-ckpt={path}")


def comparing(project: Path) -> Iterator[Callable[[Path], str]]:
    """`--detgate-baseline` and `--detgate-sweep` of a good model, again a run for each file."""

    def run(path: Path) -> str:
        options = (f"--detgate-baseline={path}", f"--detgate-sweep={path}")
        text = _run_pytest(project, "fp-regression[compliant]", *options)
        rules = _rules(project)
        assert rules["checkpoint-choice"] == text or not text, rules
        return text

    yield run


def _run_pytest(project: Path, item: str, *options: str) -> str:
    """What a run says of an item; nothing where it passes."""
    import pytest

    # They collect garbage twice a run, with all of torch in memory.
    plugins = ("unraisableexception", "threadexception")
    arguments = ["-p", PLUGIN, *(f"-pno:{name}" for name in plugins)]
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        pytest.main([*arguments, "detgate.toml", *options])
    text = output.getvalue()
    assert "Traceback" not in text, text
    assert "INTERNALERROR" not in text, text
    return _rules(project)[item]


def _rules(project: Path) -> dict[str, str]:
    report = json.loads((project / "detgate-report" / "report.json").read_text("utf-8"))
    return {
        rule["id"]: "" if rule["verdict"] == "passed" else f"{rule['verdict']}: {rule['message']}"
        for rule in report["rules"]
    }


def worker(project: Path) -> Iterator[Callable[[Path], str]]:
    """A worker process of the local engine."""
    import subprocess

    from pytest_detgate.detector.workers.messages import Failed, read_message, write_message
    from pytest_detgate.detector.workers.worker_process import __name__ as module

    start = fork_forker(sys.path).popen if hasattr(os, "fork") else subprocess.Popen
    pipe = subprocess.PIPE
    process = start([sys.executable, "-m", module], stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    source, sink = process.stdout, process.stdin

    def load(path: Path) -> str:
        write_message(sink, _request(path))
        answer = read_message(source)
        assert answer is not None
        return answer.error if isinstance(answer, Failed) else ""

    try:
        yield load
    finally:
        sink.close()
        process.wait(60)
        source.close()


def ray(project: Path) -> Iterator[Callable[[Path], str]]:
    """A worker as Ray starts it, without Ray."""
    from pytest_detgate.detector.workers.messages import Failed, decode, encode
    from pytest_detgate.detector.workers.ray_actor import RayActor

    actor = RayActor()

    def load(path: Path) -> str:
        answer = decode(actor.load(encode(_request(path)), None))
        return answer.error if isinstance(answer, Failed) else ""

    try:
        yield load
    finally:
        actor.clean_up()


def _request(path: Path) -> Any:
    from pytest_detgate.detector.protocol import ModelSource
    from pytest_detgate.detector.workers.messages import LoadModel

    return LoadModel(source=ModelSource(path, threads=1), sha256="", device="cpu")


def latency(project: Path) -> Iterator[Callable[[Path], str]]:
    """The process that times a model."""
    import msgspec

    from pytest_detgate.detector.latency import worker as latency_worker
    from pytest_detgate.detector.latency.timing import LatencyMessage, latency_request
    from pytest_detgate.detector.protocol import ModelSource
    from pytest_detgate.detector.subprocesses import MessageWriter

    sent: list[LatencyMessage] = []

    class Recording:
        def send(self, message: LatencyMessage) -> None:
            sent.append(message)

    vars(latency_worker)[MessageWriter.__name__] = Recording
    image = next((project / "probe").iterdir())

    def measure(path: Path) -> str:
        source = ModelSource(path, threads=1)
        request = latency_request(source, [image], 0, sha256="", device="cpu")
        (project / "request").write_bytes(msgspec.json.encode(request))
        sent.clear()
        code = latency_worker.main([str(project / "request")])
        error = sent[-1].error or ""
        assert code == bool(error)
        return error

    yield measure


def _runner(project: Path) -> Any:
    from mmengine.config import Config
    from mmengine.runner import Runner

    from pytest_detgate.training.checkpoints import read_checkpoints_as_data

    read_checkpoints_as_data()
    config = Config.fromfile(str(project / "train.py"))
    config.work_dir = str(project / "work")
    config.resume = False
    config.default_hooks.logger = None
    runner = Runner.from_cfg(config)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    return runner


def load_from(project: Path) -> Iterator[Callable[[Path], str]]:
    """What training does with `load_from`."""
    runner = _runner(project)
    yield lambda path: _output_of(lambda: runner.load_checkpoint(str(path)))


def resume(project: Path) -> Iterator[Callable[[Path], str]]:
    """What training does with `resume`."""
    runner = _runner(project)
    yield lambda path: _output_of(lambda: runner.resume(str(path)))


def init_cfg(project: Path) -> Iterator[Callable[[Path], str]]:
    """What training does with weights that a part of the model starts from."""
    from mmengine.model import BaseModule

    _runner(project)

    def start(path: Path) -> None:
        start_from = {"type": "Pretrained", "checkpoint": str(path)}
        BaseModule(init_cfg=start_from).init_weights()

    yield lambda path: _output_of(lambda: start(path))


def _output_of(act: Callable[[], object]) -> str:
    """What the training process would say: the text of a `DetectorError`; of others nothing is
    said but that they happened, since MMEngine may be unable to use what was read."""
    from pytest_detgate.errors import DetectorError

    try:
        act()
    except DetectorError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def unguarded(project: Path) -> Iterator[Callable[[Path], str]]:
    """No way of the gate: proof that the files do run where nothing guards."""
    import pickle

    from pytest_detgate.detector.mmdet.loader import load_model
    from pytest_detgate.detector.protocol import ModelSource

    files = {case.path: case for case in listed(project)}

    def load(path: Path) -> str:
        if files[path].unguarded == "pickle":
            name = path.name.replace("-in-zip.pth", ".pickle")
            return _output_of(lambda: pickle.loads(path.with_name(name).read_bytes()))
        if files[path].unguarded == "build":
            source = ModelSource(path, trust=True)
            return _output_of(lambda: load_model(source, sha256="", device="cpu"))
        return ""

    yield load


def wall_alone(project: Path) -> Iterator[Callable[[Path], str]]:
    """The second wall without the first: every part counts as known."""
    from pytest_detgate.detector.mmdet import loader as mmdetection
    from pytest_detgate.detector.mmdet import stored_wall

    vars(mmdetection)["refuse_unknown_parts"] = lambda sections, source: None
    vars(stored_wall)["known_parts_only"] = lambda source: contextlib.nullcontext()

    from pytest_detgate.detector.protocol import ModelSource

    def load(path: Path) -> str:
        return _output_of(
            lambda: mmdetection.load_model(ModelSource(path), sha256="", device="cpu")
        )

    yield load


TOGETHER = ((gate, comparing), (worker, ray, latency), (load_from, resume, init_cfg))
WAYS = tuple(way.__name__ for ways in TOGETHER for way in ways)
PROOFS = (unguarded, wall_alone)


def partners(way: str) -> list[str]:
    """The ways that go in one process with a way."""
    for ways in (*TOGETHER, *((proof,) for proof in PROOFS)):
        names = [case.__name__ for case in ways]
        if way in names:
            return names
    raise KeyError(way)


def main(arguments: list[str]) -> int:
    """Send all files, one way after another."""
    import torch

    from pytest_detgate.detector.packages import require_mmdetection

    project, answers, *names = arguments
    require_mmdetection()
    # The gate's plugin alone, as pytest would look for others in every package, twice a run.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    torch.set_num_threads(1)
    do_not_wait()
    gc.freeze()
    texts = {name: _sent(Path(project), globals()[name]) for name in names}
    Path(answers).write_text(json.dumps(texts), encoding="utf-8")
    return 0


def _sent(project: Path, way: Way) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    beside = project / "hostile" / "beside.canary"
    with contextlib.contextmanager(way)(project) as send:
        for case in listed(project):
            for canary in (case.canary, beside):
                canary.unlink(missing_ok=True)
            try:
                text = send(case.path)
            except Exception:
                text = traceback.format_exc()
            ran = case.canary.exists() or beside.exists()
            answers[case.name] = {"said": text, "ran": ran}
            for module in ("evil", "evil.registry", "evil_module", "mc", "petrel_client"):
                sys.modules.pop(module, None)
    return answers


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
