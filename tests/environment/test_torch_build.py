import pytest

from kedja.common.errors import KedjaError
from kedja.environment.hardware import Hardware
from kedja.environment.torch_build import ACCELERATOR_PACKAGES, check, choose

NONE, AMD, APPLE = Hardware("none"), Hardware("amd", ("a card",)), Hardware("apple", ("a chip",))


def nvidia(driver):
    return Hardware("nvidia", ("a card",), driver)


def asked():
    pytest.fail("the index was asked although the answer does not matter")


@pytest.mark.parametrize(
    ("hardware", "platform", "reachable", "build", "reason"),
    [
        (NONE, "linux", True, "cpu", "smaller"),
        (NONE, "linux", False, "locked", "cannot be reached"),
        (NONE, "win32", None, "locked", "CPU build"),
        (APPLE, "darwin", None, "locked", "MPS"),
        (NONE, "darwin", None, "locked", "CPU"),
        (nvidia(580), "linux", None, "locked", "CUDA 13"),
        (nvidia(None), "linux", None, "locked", "CUDA 13"),
        (nvidia(550), "linux", True, "auto", "needs driver 580"),
        (nvidia(550), "linux", False, "locked", "run on the CPU"),
        (nvidia(580), "win32", True, "auto", "no CUDA"),
        (nvidia(580), "win32", False, "locked", "run on the CPU"),
        (AMD, "linux", True, "auto", "ROCm"),
        (AMD, "linux", False, "locked", "runs on the CPU"),
    ],
)
def test_the_hardware_decides(hardware, platform, reachable, build, reason):
    ask = asked if reachable is None else lambda: reachable
    choice = choose("auto", hardware, 13, ask, platform)
    assert choice.build == build
    assert reason in choice.why


def test_the_user_decides_first():
    assert choose("cu126", NONE, 13, asked, "linux").build == "cu126"


@pytest.mark.parametrize("request_", ["auto", "locked", "cpu", "cu126", "cu130", "rocm6.4", "rocm7", "xpu"])
def test_names_of_builds(request_):
    assert check(request_) == request_


@pytest.mark.parametrize("request_", ["gpu", "cuda", "cu13", "rocm", "CPU", "cpu; rm"])
def test_other_names_are_refused(request_):
    with pytest.raises(KedjaError, match="names no build"):
        check(request_)


def test_what_comes_with_another_build():
    apart = ["torch", "torchvision", "triton", "nvidia-cublas", "cuda-toolkit"]
    assert all(ACCELERATOR_PACKAGES.fullmatch(name) for name in apart)
    assert not any(ACCELERATOR_PACKAGES.fullmatch(name) for name in ["torch-geometric", "numpy", "nvidia"])
