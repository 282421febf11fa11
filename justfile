# Kedja: every link of the chain is one recipe over one plain script.
# Recipes take key=value arguments; `just <recipe> --help` lists the keys.

set positional-arguments

_separator := if os_family() == "windows" { ";" } else { ":" }
_programs := justfile_directory() / if os_family() == "windows" { ".venv/Scripts" } else { ".venv/bin" }

export PATH := _programs + _separator + justfile_directory() / ".tools/bin" + _separator + env("PATH")

python := "python"

# list the recipes in chain order
_default:
    @just --list --unsorted

# what every other recipe needs first; says nothing where it is there
_ready:
    @sh scripts/python.sh scripts/sync_env.py quiet=true

# all of it: data, experiments, report, export, service, one checked prediction
[group('the chain')]
main *arguments: _ready
    @{{python}} scripts/main.py "$@"

# install the locked environment for this hardware
[group('environment')]
env *arguments:
    @sh scripts/python.sh scripts/sync_env.py "$@"

# check Python, packages, accelerators, ONNX Runtime, tools and disk: just check-env --json
[group('environment')]
check-env *arguments:
    @sh scripts/python.sh scripts/check_env.py "$@"

# prepare, verify and version a data set
[group('data')]
data *arguments: _ready
    @{{python}} scripts/prepare_data.py "$@"

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

# export the best run (or run=…) to a verified bundle
[group('export')]
export *arguments: _ready
    @{{python}} scripts/export.py "$@"

# predict an image or a folder from the bundle, without a server: just predict image=photos/
[group('export')]
predict *arguments: _ready
    @{{python}} scripts/predict.py "$@"

# serve the bundle over HTTP: just serve port=8080
[group('serving')]
serve *arguments: _ready
    @{{python}} scripts/serve.py "$@"

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

# check format, style, types, import walls, scripts and files; changes nothing
[group('development')]
lint: _ready
    ruff format --check --quiet .
    ruff check --quiet .
    mypy
    lint-imports
    shellcheck scripts/*.sh .ci/run
    hadolint Dockerfile
    @{{python}} scripts/lock.py check=true

# format the code, and mend what has one obvious remedy
[group('development')]
fmt: _ready
    ruff check --fix --quiet .
    ruff format --quiet .

# resolve the dependencies: just lock upgrade=true, just lock packages=torch,ruff
[group('development')]
lock *arguments:
    @sh scripts/python.sh scripts/lock.py "$@"

# what CI runs
[group('development')]
ci: lint test
