"""The gate on a GPU, in one run of some minutes and one JSON file.

    python benchmarks/on_gpu.py --json FILE [--device cuda:0] [--n-images 128] [--size 640]
        [--parts transformers torchvision onnx] [--rounds 2] [--budget-s 450]

For each part, on models of `framework_models.py`: images a second beside the framework's own loop
on the same images, by batch size and precision, with the share of time in the model and the peak of
memory; the same by the number of processes that load images; detections beside those of the CPU,
and the verdicts; memory that runs out, which halves the batch; two gates at once that share the
cache; the rules `latency` and `repeatability`; `compile`. The own loop loads images in two
processes, and again in as many as `--own-workers` says.
The part `mmdetection` needs MMDetection: `benchmarks/inference.py` (also beside `Runner.test`), and
`--detgate-train` on examples/site. The file is written after each step, so that a run that is cut
short leaves what it has. Steps that the budget has no time for are listed as skipped.

With `--device cpu` the same steps run where there is no GPU, at a small size: memory that runs out
is simulated then.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from framework_gate import (  # type: ignore[import-not-found]
    gate,
    start_gate,
    value_of,
    write_gate,
    write_labels,
)
from framework_models import FLOOR, MODELS, Subject, draw  # type: ignore[import-not-found]
from frameworks import (  # type: ignore[import-not-found]
    found_by,
    ratio,
    share_in_model,
    turns,
)

from pytest_detgate.detector.packages import installed_versions, quiet
from pytest_detgate.detector.torch_models import detector as torch_detector

RULES = """
[rules.latency]
max-ms = 600_000
images = 20
[rules.repeatability]
images = 8
max-score-difference = 1.0
max-box-difference = 1000
"""
HERE = Path(__file__).resolve().parent
AIM_OWN_LOOP, AIM_RUNNER, AIM_IN_MODEL, AIM_SCORES = 1.5, 2.0, 0.85, 1e-3


class Steps:
    """Run steps while there is time, and write their results into a file after each."""

    def __init__(self, path: Path, budget_s: float, content: dict[str, Any]) -> None:
        self._path = path
        self._started = time.monotonic()
        self._budget_s = budget_s
        self.content = {**content, "parts": {}, "skipped": [], "failed": {}}

    def run(self, part: str, step: str, make: Callable[[], Any]) -> None:
        """Run a step; an error is a result of it, too."""
        if time.monotonic() - self._started > self._budget_s:
            self.content["skipped"].append(f"{part}: {step}")
        else:
            started = time.monotonic()
            try:
                with quiet():
                    result = make()
                self.content["parts"].setdefault(part, {})[step] = result
            except Exception as error:  # the other steps are still worth their time
                self.content["failed"][f"{part}: {step}"] = f"{type(error).__name__}: {error}"[:500]
            print(f"{part}: {step}: {time.monotonic() - started:.0f} s", flush=True)
        self.content["seconds"] = round(time.monotonic() - self._started, 1)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self.content, indent=1) + "\n", encoding="utf-8")


class Part:
    """The steps on one model."""

    def __init__(
        self, subject: Subject, images: list[Path], folder: Path, options: argparse.Namespace
    ) -> None:
        self._subject = subject
        self._images = images
        self._folder = folder
        self._options = options
        self._device: str = options.device
        self._batch = sorted(subject.batches)[-2:][0]

    def steps(self) -> dict[str, Callable[[], Any]]:
        """Return the steps by name."""
        steps: dict[str, Callable[[], Any]] = {
            f"speed, batch {batch}, {precision}": lambda b=batch, p=precision: self.speed(b, p)
            for batch in self._subject.batches
            for precision in self._subject.precisions
        }
        if self._device != "cpu":
            steps["loading"] = self.loading
        steps["beside the CPU"] = self.beside_cpu
        if len(self._subject.batches) > 1:
            steps["memory runs out"] = self.memory_runs_out
        steps |= {"two gates share the cache": self.shared_cache, "rules": self.rules}
        if "half" in self._subject.precisions:
            steps["compile"] = self.compiled
        return steps

    def speed(self, batch: int, precision: str) -> dict[str, Any]:
        """Return images a second beside the framework's own loop, with 2 and with more workers."""
        loops = {
            n_workers: self._subject.own(self._device, batch, precision, n_workers)
            for n_workers in sorted({2, self._options.own_workers})
        }
        detector = self._subject.load(self._device, batch, precision)
        list(detector.detect(self._images[:batch]))
        self._reset_peak()
        share = share_in_model(detector, self._images)
        peak = self._peak_mib()
        contenders: dict[str, Callable[[], object]] = {
            f"own, {n_workers} workers": lambda loop=loop: loop.run(self._images)
            for n_workers, loop in loops.items()
        }
        contenders["ours"] = lambda: list(detector.detect(self._images))
        seconds = turns(contenders, self._options.rounds, self._device)
        n_images = len(self._images)
        ratios = {
            name: ratio(seconds[name], seconds["ours"]) for name in contenders if name != "ours"
        }
        return {
            "images_per_s": {
                name: n_images / statistics.median(taken) for name, taken in seconds.items()
            },
            "ratios": ratios,
            "in_model": share,
            "peak_mib": peak,
            "meets_aims": min(ratios.values()) >= AIM_OWN_LOOP and share >= AIM_IN_MODEL,
        }

    def loading(self) -> dict[str, Any]:
        """Return images a second by the number of processes that load images; 0: by threads."""
        detector = self._subject.load(self._device, self._batch)
        usual = torch_detector.worker_count
        rates = {}
        try:
            for n_workers in (0, 2, 4, 8, 12):
                torch_detector.worker_count = lambda *_, n=n_workers: n
                started = time.perf_counter()
                list(detector.detect(self._images))
                rates[str(n_workers)] = len(self._images) / (time.perf_counter() - started)
        finally:
            torch_detector.worker_count = usual
        return rates

    def beside_cpu(self) -> dict[str, Any]:
        """Compare detections and verdicts with those on the CPU."""
        few = self._images[: self._options.few]
        here = found_by(self._subject.load(self._device, self._batch), few)
        there = found_by(self._subject.load("cpu", 1), few)
        folder = self._fresh("cpu")
        write_labels(folder, {folder / "images" / path.name: there[path] for path in few})
        verdicts = {}
        for device in (self._device, "cpu"):
            write_gate(folder, self._subject)
            kind = device.partition(":")[0]
            record = gate(folder, device, report=f"report-{kind}")
            verdicts[kind] = {
                "verdicts": {one["id"]: one["verdict"] for one in record["rules"]},
                "ap": value_of(record, "mean-ap", "ap"),
            }
        same = len({json.dumps(one["verdicts"]) for one in verdicts.values()}) == 1
        far = differences(here, there)
        return {
            "images": len(few),
            **far,
            "tf32": None if self._device == "cpu" else self._with_tf32(few, there),
            "gates": verdicts,
            "same_verdicts": same,
            "meets_aims": same and far["score_difference"] <= AIM_SCORES,
        }

    def _with_tf32(self, few: list[Path], there: dict[Path, Any]) -> dict[str, Any]:
        """Compare again as torch computes convolutions by itself on a GPU."""
        detector = self._subject.load(self._device, self._batch, "tf32")
        return differences(found_by(detector, few), there)

    def memory_runs_out(self) -> dict[str, Any]:
        """Give too little memory for the largest batch: it is halved until it fits."""
        largest = max(self._subject.batches)
        images = self._images[:largest] or self._images
        plain = found_by(self._subject.load(self._device, 1), images)
        detector = self._subject.load(self._device, largest)
        is_simulated = self._device == "cpu"
        if is_simulated:
            _fail_over(detector, self._batch)
        else:
            small = self._subject.load(self._device, self._batch)
            self._reset_peak()
            list(small.detect(images))
            allowed = 1.3 * torch.cuda.max_memory_reserved()
            del small
            torch.cuda.empty_cache()
            total = torch.cuda.get_device_properties(self._device).total_memory
            torch.cuda.set_per_process_memory_fraction(min(1.0, allowed / total))
        try:
            found = found_by(detector, images)
        finally:
            if not is_simulated:
                torch.cuda.set_per_process_memory_fraction(1.0)
        far = differences(found, plain)
        return {
            "is_simulated": is_simulated,
            "first_batch": largest,
            "then": detector.batch_size,
            "notes": list(detector.notes),
            **far,
            "meets_aims": detector.batch_size < largest and far["score_difference"] <= AIM_SCORES,
        }

    def shared_cache(self) -> dict[str, Any]:
        """Start two gates at once on an empty cache: each image is inferred once."""
        folder = self._fresh("cache")
        write_gate(folder, self._subject)
        names = ("report-a", "report-b")
        processes = [start_gate(folder, self._device, name) for name in names]
        outputs = [process.communicate()[0] for process in processes]
        models = []
        for name, output in zip(names, outputs, strict=True):
            path = folder / name / "report.json"
            if not path.exists():
                raise RuntimeError(output[-400:])
            models.append(json.loads(path.read_text(encoding="utf-8"))["model"])
        inferred = [one["images"] - one["kept"] for one in models]
        n_images = len(list((folder / "images").iterdir()))
        return {"images": n_images, "inferred": inferred, "meets_aims": sum(inferred) == n_images}

    def rules(self) -> dict[str, Any]:
        """Run the rules that run the model."""
        folder = self._fresh("rules")
        write_gate(folder, self._subject, RULES)
        record = gate(folder, self._device)
        return {
            "seconds": record["seconds"],
            "verdicts": {one["id"]: one["verdict"] for one in record["rules"]},
            "measurements": {
                one["id"]: {value["name"]: value["value"] for value in one["measurements"]}
                for one in record["rules"]
            },
            "model": {key: record["model"][key] for key in ("device", "images", "notes")},
        }

    def compiled(self) -> dict[str, Any]:
        """Compile the networks, and compare detections and speed with those without."""
        images = self._images[: self._options.few]
        plain = self._subject.load(self._device, self._batch)
        compiled = self._subject.load(self._device, self._batch, compile=True)
        expected = found_by(plain, images)
        started = time.perf_counter()
        found = found_by(compiled, images)
        first = time.perf_counter() - started
        seconds = turns(
            {
                "plain": lambda: list(plain.detect(images)),
                "compiled": lambda: list(compiled.detect(images)),
            },
            1,
            self._device,
        )
        return {
            "first_s": first,
            "ratio": ratio(seconds["plain"], seconds["compiled"]),
            **differences(found, expected),
        }

    def _fresh(self, name: str) -> Path:
        """Return a folder with this model, some images, their labels, and an empty cache."""
        folder = self._folder.parent / f"{self._folder.name}-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "images").mkdir(parents=True)
        source = self._subject.checkpoint
        for path in source.parent.glob(f"{source.stem}*"):
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, folder / path.name)
        few = self._images[: self._options.few]
        for path in few:
            shutil.copy(path, folder / "images")
        found = found_by(self._subject.load(self._device, self._batch), few)
        write_labels(folder, {folder / "images" / path.name: found[path] for path in few})
        return folder

    def _reset_peak(self) -> None:
        if self._device != "cpu":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def _peak_mib(self) -> float:
        if self._device != "cpu":
            return torch.cuda.max_memory_allocated() / 2**20
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10  # of the whole process


def differences(here: dict[Path, Any], there: dict[Path, Any]) -> dict[str, Any]:
    """Compare detections box by box: each with the nearest one of its class on the other side.

    `n_alone` counts boxes over the floor of scores that have no counterpart within 2 pixels: which
    of two boxes that overlap survives can depend on the last digit of a score.
    """
    score, pixels, n_alone, n_boxes = 0.0, 0.0, 0, 0
    for path, (boxes, scores, labels) in here.items():
        other_boxes, other_scores, other_labels = there[path]
        for box, value, label in zip(boxes, scores, labels, strict=True):
            if value < 2 * FLOOR:
                continue
            n_boxes += 1
            away = np.abs(other_boxes - box).max(axis=1, initial=0.0)
            away = np.where(other_labels == label, away, np.inf)
            near = away <= 2
            if not near.any():
                n_alone += 1
                continue
            apart = np.where(near, np.abs(other_scores - value), np.inf)
            best = int(apart.argmin())
            score, pixels = max(score, float(apart[best])), max(pixels, float(away[best]))
    return {"boxes": n_boxes, "n_alone": n_alone, "score_difference": score, "pixels": pixels}


def _fail_over(detector: Any, most: int) -> None:
    """Let a detector run out of memory with more images in a batch."""
    predict = detector._network.predict

    def limited(batch: Any) -> Any:
        if len(batch) > most:
            raise RuntimeError("out of memory (simulated)")
        return predict(batch)

    detector._network.predict = limited


def mmdetection_steps(folder: Path, options: argparse.Namespace) -> dict[str, Callable[[], Any]]:
    """Return the steps of MMDetection: speed beside its own loops, and training."""

    def speed(batch: int, precision: str) -> dict[str, Any]:
        command = [sys.executable, str(HERE / "inference.py"), f"--device={options.device}"]
        command += [f"--n-images={options.n_images}", f"--batch-size={batch}"]
        command += [f"--rounds={options.rounds}", f"--precision={precision}"]
        command += ["--workers", "2", str(options.own_workers)]
        return _output(command, HERE)

    def training() -> dict[str, Any]:
        site = folder / "site"
        shutil.copytree(HERE.parent / "examples" / "site", site)
        made = _output([sys.executable, "make_data.py"], site)
        (site / "configs" / "short.py").write_text(
            '_base_ = "with_compliant.py"\n'
            f"train_cfg = dict(max_epochs={options.epochs}, val_interval={options.epochs})\n",
            encoding="utf-8",
        )
        text = (site / "detgate-mended.toml").read_text(encoding="utf-8").partition("[rules.")[0]
        text = text.replace("configs/with_compliant.py", "configs/short.py")
        text = text.replace("work_dirs/with_compliant", "work_dirs/short")
        text = text.replace("epoch_14", f"epoch_{options.epochs}")
        (site / "detgate.toml").write_text(text + "[rules.mean-ap]\nmin = 0.0\n", encoding="utf-8")
        started = time.perf_counter()
        record = gate(site, options.device, "--detgate-train")
        seconds = time.perf_counter() - started
        gates = {
            one["model"]["device"]: {
                "verdicts": {result["id"]: result["verdict"] for result in one["rules"]},
                "ap": value_of(one, "mean-ap", "ap"),
            }
            for one in (record, gate(site, "cpu", report="report-cpu"))
        }
        return {
            "made_data": made["seconds"],
            "seconds": seconds,
            "epochs": options.epochs,
            "gates": gates,
        }

    return {
        **{
            f"speed, batch {batch}, {precision}": lambda b=batch, p=precision: speed(b, p)
            for batch in options.batches
            for precision in ("float32", "half")
        },
        "training": training,
    }


def _output(command: list[str], folder: Path) -> dict[str, Any]:
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[1]}: {(done.stderr or done.stdout)[-400:]}")
    return {"seconds": time.perf_counter() - started, "lines": done.stdout.splitlines()[-40:]}


def machine(device: str) -> dict[str, Any]:
    """Return what the numbers depend on."""
    name = platform.machine() if device == "cpu" else torch.cuda.get_device_name(device)
    return {
        "device": "CPU" if device == "cpu" else name,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "cuda": torch.version.cuda,
        "numpy": np.__version__,
        "versions": installed_versions(
            (
                "torch",
                "torchvision",
                "transformers",
                "onnxruntime",
                "onnxruntime-gpu",
                "onedl-mmdetection",
                "mmdet",
            )
        ),
        "aims": {
            "own_loop": AIM_OWN_LOOP,
            "runner": AIM_RUNNER,
            "in_model": AIM_IN_MODEL,
            "scores": AIM_SCORES,
        },
    }


def _made(name: str, folder: Path, options: argparse.Namespace) -> Subject:
    subject = MODELS[name](folder, options.size)
    if len(subject.batches) > 1:
        subject.batches = tuple(options.batches)
    return subject


def _device_options(name: str, options: argparse.Namespace) -> argparse.Namespace:
    """Return the options, with the CPU where ONNX Runtime is a build without CUDA."""
    if name != "onnx" or options.device == "cpu":
        return options
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        return options
    return argparse.Namespace(**{**vars(options), "device": "cpu"})


def main() -> None:
    """Measure, and write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--device", default="cuda:0")
    parts = ("transformers", "torchvision", "onnx", "mmdetection")
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts[:3]))
    parser.add_argument("--n-images", type=int, default=128)
    parser.add_argument("--few", type=int, default=32, help="images of steps on a few of them")
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=2, help="of the training")
    parser.add_argument("--budget-s", type=float, default=450)
    parser.add_argument("--own-workers", type=int, default=8, help="of the own loop, beside 2")
    parser.add_argument(
        "--skip", nargs="+", default=[], help="steps to leave out, by how they begin: compile"
    )
    options = parser.parse_args()
    content = {**machine(options.device), "size": options.size, "images": options.n_images}
    steps = Steps(options.json, options.budget_s, content)
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.parts:
            folder = Path(temporary) / name
            folder.mkdir()
            if name == "mmdetection":
                for step, make in mmdetection_steps(folder, options).items():
                    if not step.startswith(tuple(options.skip)):
                        steps.run(name, step, make)
                continue
            images = draw(folder / "images", options.n_images, (1280, 720))
            made: list[Subject] = []
            steps.run(
                name, "model", lambda n=name, f=folder, m=made: m.append(_made(n, f, options))
            )
            if not made:
                continue  # the file says why
            subject = made[0]
            on = _device_options(name, options)
            if on.device != options.device:
                steps.content["parts"].setdefault(name, {})["device"] = on.device
            for step, make in Part(subject, images, folder, on).steps().items():
                if not step.startswith(tuple(options.skip)):
                    steps.run(name, step, make)
    print(json.dumps({key: steps.content[key] for key in ("skipped", "failed", "seconds")}))


if __name__ == "__main__":
    main()
