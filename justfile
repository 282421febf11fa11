# Kedja: every link of the chain is one recipe over one plain script.
# Recipes take key=value arguments; `just <recipe> --help` lists the keys.

set positional-arguments
export PATH := justfile_directory() / ".tools/bin:" + env("PATH")

python := "uv run --no-sync --quiet python"

# list the recipes in chain order
_default:
    @just --list --unsorted

# all of it: data, experiments, report, export, service, one checked prediction
[group('the chain')]
main *arguments: env
    @{{python}} scripts/main.py "$@"

# install the locked environment for this hardware
[group('environment')]
env *arguments:
    @python3 scripts/sync_env.py "$@"

# prepare, verify and version a data set
[group('data')]
data *arguments: env
    @{{python}} scripts/prepare_data.py "$@"

# train one model: just train experiment=resnet9 seed=1
[group('training')]
train *arguments: env
    @{{python}} scripts/train.py "$@"

# serve the bundle over HTTP: just serve port=8080
[group('serving')]
serve *arguments: env
    @{{python}} scripts/serve.py "$@"
