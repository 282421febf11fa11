"""Audit a data set: unreadable files, copies, leaks between splits, label errors."""

import tempfile
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path

from kedja import cli
from kedja.common.outside import printable
from kedja.data.audit.audit import audit, table, write_reports
from kedja.data.audit.source import prepare_for_audit
from kedja.data.features import read_features
from kedja.data.names import data_set_name
from kedja.data.prepared import PreparedDataset, load
from kedja.data.settings import Settings
from kedja.data.versions.ensure import ensure


@dataclass
class Options(Settings):
    """Audit a data set: table here, JSON and an HTML page with thumbnails in reports/.

    just audit data=flowers                        what `just data` prepared
    just audit source=photos/                      a source as it is, before anything is prepared from it
    just audit data=flowers judges=runs/default-3f2a91c0   these runs judge the labels of images they never saw

    The exit status is 1 where results measured on the data set would be wrong.
    """

    data: str = cli.data_set("", "data/<name>/; digits by default")
    labels: bool = cli.option(True, "look for label errors too")
    judges: list[Path] = cli.option([], "folders of finished runs that judge the labels; else cheap models do")
    reports: Path = cli.option(Path("reports"), "folder for audit-<name>.json and .html")


def main(options: Options) -> int:
    settings = Settings(**{field.name: getattr(options, field.name) for field in fields(Settings)})
    name = data_set_name(options.data, settings.source)
    with tempfile.TemporaryDirectory(prefix="kedja-audit-") as temporary:
        folder = prepare_for_audit(settings, Path(temporary) / name) if settings.source else ensure(name)
        data = load(folder)
        if options.labels and not (settings.source or options.judges):
            compute_features(data)
        result = audit(data, judge_labels=options.labels, judges=options.judges)
        paths = write_reports(result, options.reports)
    print(printable(table(result)))
    print("written:", *paths)
    return int(result.invalid)


def compute_features(data: PreparedDataset) -> None:
    """Let training compute them, once, where they are needed and PyTorch is installed."""
    if data.stored.needs_features and read_features(data) is None and find_spec("torch"):
        cli.call("kedja.training.probe", f"data={data.name}")


def run() -> None:
    """`main` as a command of its own."""
    cli.run(main, Options)


if __name__ == "__main__":
    run()
