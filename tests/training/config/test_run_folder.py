import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.runs.folder import is_finished
from kedja.runs.read import read_run
from kedja.training.config.compose import compose
from kedja.training.config.run_folder import run_directory
from kedja.training.config.schema import OptimConfig

REPOSITORY = Path(__file__).parents[3]


def test_seed_and_place_do_not_change_the_hash_and_everything_else_does(workplace, debug):
    first = run_directory(debug())
    assert run_directory(debug("seed=1")).parent == first.parent
    assert run_directory(debug("seed=1")).name == "seed1"
    assert run_directory(debug("checkpoint_seconds=1")) == first
    assert run_directory(dataclasses.replace(debug(), seed=0)) == first
    assert run_directory(debug("optim.lr=0.01")).parent != first.parent
    nested = dataclasses.replace(debug(), experiment="cifar10/speed")
    assert run_directory(nested).parts[1].startswith("cifar10-speed-")


@pytest.mark.parametrize(
    ("without", "given"),
    [
        ([], ["data.workers=2"]),
        ([], ["anomaly=true"]),
        ([], ["augment.early_share=0.2"]),
        (["augment=none"], ["augment=none", "augment.fill=reflect"]),
    ],
)
def test_a_key_without_effect_makes_no_other_run(workplace, debug, without, given):
    without, given = (debug(*keys, "data.name=digits") for keys in (without, given))
    assert run_directory(given) == run_directory(without)


def test_what_an_experiment_says_of_another_optimizer_is_left_out(workplace, debug):
    """cifar10/accurate sets Muon's own rate, which SGD does not have."""
    assert compose(["experiment=cifar10/accurate", "optim=sgd"]).optim.vector_lr == OptimConfig().vector_lr


def test_changed_data_is_another_run(workplace, debug):
    before = run_directory(debug())
    (workplace / "data").unlink()
    folder = workplace / "data" / "digits"
    folder.mkdir(parents=True)
    (folder / "images.npy").write_bytes(b"others")
    assert run_directory(debug()) != before


def test_missing_data_is_named(workplace, debug):
    with pytest.raises(KedjaError, match=r"data/fotos/ does not exist"):
        run_directory(debug("data.name=fotos"))


def test_a_run_without_its_summary_is_unfinished(tmp_path):
    assert not is_finished(tmp_path)
    with pytest.raises(KedjaError, match="no finished run"):
        read_run(tmp_path)


def test_finding_out_that_a_run_is_finished_loads_no_torch():
    code = (
        "import sys; import kedja.training.config.compose, kedja.training.config.run_folder;"
        "import kedja.training.config.help, kedja.data.versions.ensure;"
        "from kedja.training.config.compose import compose; compose(['experiment=debug']);"
        "print([m for m in ('torch', 'pandas', 'tensorboard', 'sklearn') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert result.stdout == "[]\n"
