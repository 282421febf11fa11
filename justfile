# Kedja: every link of the chain is one recipe over one plain script.
# Recipes take key=value arguments; `just train --help` lists the keys of one.

set positional-arguments

# What failed has said so itself, and better than a line number of this file.
set no-exit-message := true

# Torch's modules are compiled once, not at every start, whatever the shell's setting: that halves the start-up.
export PYTHONDONTWRITEBYTECODE := ""


_separator := if os_family() == "windows" { ";" } else { ":" }
_programs := justfile_directory() / if os_family() == "windows" { ".venv/Scripts" } else { ".venv/bin" }

export PATH := _programs + _separator + justfile_directory() / ".tools/bin" + _separator + env("PATH")

# Paths are meant from where a person stands, while recipes run here.
export KEDJA_STANDS := invocation_directory_native()

# ONNX Runtime from 1.29 on reports to its maker by default; nothing here reports to anybody.
export ORT_DISABLE_TELEMETRY := env("ORT_DISABLE_TELEMETRY", "1")

python := "python"

# list the recipes in chain order
_default:
    @just --list --unsorted

# what every other recipe needs first; says nothing where it is there
_ready:
    @sh scripts/python.sh scripts/sync_env.py quiet=true

# all of it, for the digits or your own images: just main source=photos/
[group('the chain')]
main *arguments: _ready
    @{{python}} scripts/main.py "$@"

# install the locked environment for this hardware
[group('environment')]
env *arguments:
    @sh scripts/python.sh scripts/sync_env.py "$@"

# put just, uv and tensorboard on this shell's PATH: eval "$(sh scripts/just.sh shell)"
[group('environment')]
shell *arguments:
    @sh scripts/python.sh scripts/shell.py "$@"

# check Python, packages, accelerators, ONNX Runtime, tools and disk: just check-env --json
[group('environment')]
check-env *arguments:
    @sh scripts/python.sh scripts/check_env.py "$@"

# prepare, verify and version a data set
[group('data')]
data *arguments: _ready
    @{{python}} scripts/prepare_data.py "$@"

# push the versioned data sets to the DVC remote
[group('data')]
data-push *arguments: _ready
    @{{python}} scripts/version_data.py action=push "$@"

# fetch what data.dvc pins from the DVC remote and verify it
[group('data')]
data-pull *arguments: _ready
    @{{python}} scripts/version_data.py action=pull "$@"

# every pinned data set: here, in the cache, on the remote
[group('data')]
data-status *arguments: _ready
    @{{python}} scripts/version_data.py action=status "$@"

# every byte of data sets, runs and bundle against what was recorded when they were made
[group('the chain')]
verify *arguments: _ready
    @{{python}} scripts/verify.py "$@"

# what changed in the data sets since another commit: just data-diff rev=HEAD~1
[group('data')]
data-diff *arguments: _ready
    @{{python}} scripts/version_data.py action=diff "$@"

# unreadable files, copies, leaks between splits, label errors: table, JSON and an HTML page
[group('data')]
audit *arguments: _ready
    @{{python}} scripts/audit.py "$@"

# explore the data and the runs in JupyterLab
[group('data')]
notebook *arguments: _ready
    @jupyter lab "$@" notebooks/explore.ipynb

# train one model: just train experiment=resnet9 seed=1
[group('training')]
train *arguments: _ready
    @{{python}} scripts/train.py "$@"

# where a training step spends its time and memory: just profile experiment=resnet9
[group('training')]
profile *arguments: _ready
    @{{python}} scripts/profile_training.py "$@"

# at which learning rate does the loss fall fastest: just find-lr experiment=resnet9
[group('training')]
find-lr *arguments: _ready
    @{{python}} scripts/find_lr.py "$@"

# can the network memorise one batch: just overfit experiment=resnet9
[group('training')]
overfit *arguments: _ready
    @{{python}} scripts/overfit.py "$@"

# export the best run (or run=…) to a verified bundle
[group('export')]
export *arguments: _ready
    @{{python}} scripts/export.py "$@"

# predict an image or a folder from the bundle, without a server: just predict image=photos/
[group('export')]
predict *arguments: _ready
    @{{python}} scripts/predict.py "$@"

# every experiment over its seeds, and the baselines; what is finished is skipped: just experiments seeds=0,1,2 jobs=2 executor=ray
[group('experiments')]
experiments *arguments: _ready
    @{{python}} scripts/experiments.py "$@"

# list the runs: just runs match=resnet9 sort=time
[group('experiments')]
runs *arguments: _ready
    @{{python}} scripts/runs.py "$@"

# remove runs, after asking; the exported and the selected one always stay: just clean-runs keep=best
[group('experiments')]
clean-runs *arguments: _ready
    @{{python}} scripts/clean_runs.py "$@"

# run a run again and compare: just reproduce run=runs/resnet9-9fb833d6/seed1
[group('experiments')]
reproduce *arguments: _ready
    @{{python}} scripts/reproduce.py "$@"

# send what MLflow or Weights & Biases lacks of the finished runs: just track tracker=mlflow address=http://localhost:5000
[group('experiments')]
track *arguments: _ready
    @{{python}} scripts/track.py "$@"

# the curves of the runs in TensorBoard, also while they go on
[group('experiments')]
tensorboard *arguments: _ready
    @{{python}} scripts/tensorboard_ui.py "$@"

# MLflow's pages over the runs in its local store
[group('experiments')]
mlflow-ui *arguments: _ready
    @{{python}} scripts/mlflow_ui.py "$@"

# search hyper-parameters, then check the best with fresh seeds: just tune trials=40 minutes=10 study=first
[group('experiments')]
tune *arguments: _ready
    @{{python}} scripts/tune.py "$@"

# compare the finished runs: table, pictures and analysis in reports/
[group('experiments')]
report *arguments: _ready
    @{{python}} scripts/report.py "$@"

# serve the bundle over HTTP: just serve port=8080
[group('serving')]
serve *arguments: _ready
    @{{python}} scripts/serve.py "$@"

# the bundle as another server's deployable: just package target=bentoml
[group('export')]
package *arguments: _ready
    @{{python}} scripts/package.py "$@"

# make an API key for the service: just api-key name=alice
[group('serving')]
api-key *arguments: _ready
    @{{python}} scripts/api_key.py "$@"

# ask a service for the bundle's golden answers: just smoke url=http://localhost:8000
[group('serving')]
smoke *arguments: _ready
    @{{python}} scripts/smoke.py "$@"

# build the serving image, or target=train; prints its size over the base
[group('container')]
docker *arguments: _ready
    @{{python}} scripts/docker.py "$@"

# run the serving image, hardened: just docker-run port=8000
[group('container')]
docker-run *arguments: _ready
    @{{python}} scripts/docker_run.py "$@"

# build the image for real, run it hardened, starve it, damage its bundle
[group('container')]
docker-test *arguments: _ready
    @KEDJA_CONTAINER=1 {{python}} -m pytest tests/container "$@"

# run the tests; arguments go to pytest: just test -m 'not slow'
[group('development')]
test *arguments: _ready
    @{{python}} -m pytest -n auto --dist loadfile "$@"

# the tests of the rooms that start no POSIX processes, for Windows
[group('development')]
test-portable *arguments: _ready
    @{{python}} -m pytest -n auto tests/bundle tests/data tests/training tests/test_cli.py tests/test_notebook.py "$@"

# the tests of what runs on an NVIDIA GPU: precisions, processes, memory, energy, exact bits
[group('development')]
test-gpu *arguments: _ready
    @{{python}} -m pytest tests/gpu "$@"

# check format, style, types, walls, scripts, workflows, manifests and the lock; changes nothing
[group('development')]
lint *arguments: _ready
    @{{python}} scripts/lint.py "$@"

# the service beside its peers: just bench-serving case=pixels (needs wrk, or install=true)
[group('development')]
bench-serving *arguments: _ready
    @{{python}} benchmarks/serving.py "$@"

# requests that are dear to answer, against a running service or one of its own: just attack url=http://localhost:8000
[group('development')]
attack *arguments: _ready
    @{{python}} benchmarks/attack.py "$@"

# the training loop beside its limit; peers: time to other libraries' accuracy; decode: the loader of encoded images
[group('development')]
bench-training *arguments: _ready
    @{{python}} benchmarks/training.py "$@"

# what pretraining is worth: just bench-transfer init_from=runs/cifar10-speed-…/seed0
[group('development')]
bench-transfer *arguments: _ready
    @{{python}} benchmarks/transfer.py "$@"

# compare this commit's speed with an earlier one's; fail where it fell
[group('development')]
bench-check *arguments: _ready
    @{{python}} benchmarks/regression.py "$@"

# format the code, and mend what has one obvious remedy
[group('development')]
fmt *arguments: _ready
    @{{python}} scripts/lint.py mend=true "$@"

# resolve the dependencies: just lock upgrade=true, just lock packages=torch,ruff
[group('development')]
lock *arguments:
    @sh scripts/python.sh scripts/lock.py "$@"

# checks before each commit, by the lock's versions of the tools
[group('development')]
hooks *arguments: _ready
    @pre-commit install "$@"

# what CI runs
[group('development')]
ci *arguments: _ready
    @{{python}} scripts/ci.py "$@"

# list everybody's licences; fail where the serving image would hold more than permissive ones
[group('supply chain')]
licences *arguments: _ready
    @{{python}} scripts/licences.py "$@"

# list the parts of the images as CycloneDX documents
[group('supply chain')]
sbom *arguments:
    @sh scripts/python.sh scripts/sbom.py "$@"

# ask the OSV database about every locked package; needs the network
[group('supply chain')]
vulnerabilities *arguments:
    @uv audit --frozen --preview-features audit "$@"

# push the tested serving image: just publish image=ghcr.io/owner/kedja version=v1.2.3
[group('supply chain')]
publish *arguments: _ready
    @{{python}} scripts/publish.py "$@"

# make a release on GitHub with the bundle attached
[group('supply chain')]
release *arguments:
    @sh scripts/python.sh scripts/release.py "$@"

# newer dependencies as a pull request
[group('supply chain')]
lock-request *arguments:
    @sh scripts/python.sh scripts/lock_request.py "$@"

# make GitHub enforce .github/rulesets/main.json
[group('review')]
protect *arguments:
    @sh scripts/python.sh scripts/protect.py "$@"

# compare what GitHub enforces with .github/rulesets/main.json
[group('review')]
protect-check *arguments:
    @sh scripts/python.sh scripts/protect.py check=true "$@"

# write the list of merged changes into docs/reviews.md
[group('review')]
reviews *arguments:
    @sh scripts/python.sh scripts/reviews.py "$@"

# judge the other jobs of a workflow by the variable NEEDS
[group('review')]
gate *arguments:
    @sh scripts/python.sh scripts/gate.py "$@"
