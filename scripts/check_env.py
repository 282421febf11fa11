"""Check that the environment does what Kedja needs: `just check-env`, or `uv run scripts/check_env.py`."""

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))  # it must run where nothing is installed

from kedja import cli  # noqa: E402
from kedja.common import files  # noqa: E402
from kedja.environment import checks  # noqa: E402


@dataclass
class Options:
    """just check-env: Python, packages, accelerators, ONNX Runtime, tools, disk. Writes reports/env.json."""

    json: bool = cli.option(False, "print JSON instead of a table (--json does the same)")
    output: Path = cli.option(ROOT / "reports" / "env.json", "where the result is written", metavar="path")


def main(options: Options) -> int:
    """Run the checks, print them, and exit with 1 where one failed."""
    found = checks.run_all(ROOT)
    failed = [check for check in found if check.status == "failed"]
    report = {"ok": not failed, "checks": [dataclasses.asdict(check) for check in found]}
    files.write_json(options.output, report)
    if options.json:
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        print("\n".join(cli.align(["check", "status", "detail"], [(c.name, c.status, c.detail) for c in found])))
        for check in found:
            if check.status != "ok":
                print(f"{check.name}: {check.advice}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.argv = ["json=true" if argument == "--json" else argument for argument in sys.argv]
    cli.run(main, Options)
