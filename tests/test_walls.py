"""What may not be loaded where, seen from a process of its own (import-linter reads the sources; this runs them)."""

import pkgutil
import subprocess
import sys

import pytest

import kedja.bundle
import kedja.data
import kedja.delivery
import kedja.environment
import kedja.serving

HEAVY = ["torch", "torchvision", "pandas", "sklearn", "scipy", "matplotlib", "hydra", "dvc"]
ROOMS = ["kedja.data", "kedja.training", "kedja.experiments", "kedja.export"]


def modules_of(package):
    found = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    # Importing __main__ is running it.
    return [package.__name__, *(module.name for module in found if not module.name.endswith("__main__"))]


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        (kedja.serving, [*HEAVY, *ROOMS]),
        (kedja.bundle, [*HEAVY, *ROOMS, "kedja.serving", "fastapi", "onnxruntime"]),
        (kedja.data, ["torch", "torchvision", "kedja.training", "kedja.serving"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_importing_a_room_loads_nothing_it_may_not_know(package, forbidden):
    modules = modules_of(package)
    code = f"import sys, importlib; [importlib.import_module(m) for m in {modules}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout.split()) & set(forbidden)


def test_environment_and_delivery_need_no_package_at_all():
    modules = [*modules_of(kedja.environment), *modules_of(kedja.delivery), "kedja.cli"]
    # -S leaves site-packages out; the path to the sources is all it gets.
    source = next(iter(kedja.environment.__path__)).removesuffix("kedja/environment")
    code = (
        f"import sys; sys.path.insert(0, {source!r}); import importlib; [importlib.import_module(m) for m in {modules}]"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
