"""Check format, style, types, walls, scripts, workflows, manifests and the lock; or mend what can be mended."""

import shlex
import subprocess
import sys
from dataclasses import dataclass

from kedja import cli
from kedja.common.errors import KedjaError

CHECKS = """
ruff format --check --quiet .
ruff check --quiet .
mypy
mypy --config-file tests/mypy.ini
lint-imports
shellcheck scripts/*.sh .ci/run
hadolint Dockerfile
check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
check-jsonschema --builtin-schema vendor.github-actions .github/actions/*/action.yml
check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
kubernetes-validate --strict --quiet deploy/kubernetes/*.yaml
sh scripts/actionlint.sh .github/workflows/*.yml
zizmor --offline --no-progress --quiet .github
git ls-files -z | xargs -0 detect-secrets-hook --baseline .secrets.baseline
python scripts/lock.py check=true
"""
REMEDIES = """
ruff check --fix --quiet .
ruff format --quiet .
"""


@dataclass
class Options:
    """Run every check of the code; changes nothing. `just fmt` mends what has one obvious remedy.

    just lint                every check
    just lint only=mypy      those with this in their command
    """

    only: str = cli.option("", "only commands with this in them", metavar="text")
    mend: bool = cli.option(False, "format the code, and mend what can be mended (just fmt)")


def main(options: Options) -> None:
    """All of them, so that one look shows everything; what fails is listed at the end."""
    commands = (REMEDIES if options.mend else CHECKS).strip().splitlines()
    chosen = [one for one in commands if options.only in one]
    if not chosen:
        raise KedjaError(f"only={options.only}: no command has that in it", shlex.quote(commands[0]))
    failed = []
    for command in chosen:
        print(command, file=sys.stderr, flush=True)
        if subprocess.run(["sh", "-c", command], check=False).returncode:
            failed.append(command)
    if failed:
        raise KedjaError(
            f"{len(failed)} of {len(chosen)} did not pass:\n  " + "\n  ".join(failed),
            "what they say is above; `just fmt` mends format and style",
        )


if __name__ == "__main__":
    cli.run(main, Options)
