"""What a GPU may round, told by torch's switches, which are there without a GPU, too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_detgate.errors import DetectorError

torch = pytest.importorskip("torch", reason="torch is not installed")

from pytest_detgate.detector.torch_precision import (  # noqa: E402
    check_precision,
    exact_products,
)

Switches = tuple[bool, bool, bool]


def switches() -> Switches:
    return (
        torch.backends.cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.benchmark,
    )


@pytest.fixture(params=[(True, False, False), (True, True, True), (False, False, True)])
def before(request: pytest.FixtureRequest) -> Iterator[Switches]:
    """Switches as a project may have set them; they are set back after the test."""
    usual = switches()
    _set(request.param)
    yield request.param
    _set(usual)


def _set(values: Switches) -> None:
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = values[:2]
    torch.backends.cudnn.benchmark = values[2]


@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_a_gpu_multiplies_exactly(before: Switches, precision: str) -> None:
    with exact_products("cuda:0", precision):
        assert switches() == (False, False, before[2])
    assert switches() == before


def test_switches_are_set_back_after_an_error(before: Switches) -> None:
    with pytest.raises(ZeroDivisionError), exact_products("cuda:0", "float32"):
        raise ZeroDivisionError
    assert switches() == before


@pytest.mark.parametrize(("device", "precision"), [("cuda:0", "tf32"), ("cpu", "float32")])
def test_tf32_and_a_cpu_leave_the_switches(before: Switches, device: str, precision: str) -> None:
    with exact_products(device, precision):
        assert switches() == before


def test_tf32_needs_a_gpu() -> None:
    with pytest.raises(DetectorError, match=r"precision 'tf32' under \[model\] needs a GPU"):
        check_precision("tf32", "cpu")
