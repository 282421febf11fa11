"""Predict images, texts or rows from the bundle, without a server."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kedja import cli
from kedja.common import cpus
from kedja.common.errors import KedjaError
from kedja.common.outside import printable
from kedja.serving.offline import Predicts, find_files, predict_files, write_explanation
from kedja.serving.offline_table import predict_table
from kedja.serving.predictor import Predictor


@dataclass
class Options:
    """Predict one image, every image below a folder, or the rows of a table, from the bundle, without a server.

    just predict image=photos/          images, or files of whatever the bundle takes
    just predict table=new.csv          rows: new.predicted.csv has them with predictions beside them
    """

    image: Path | None = cli.option(
        None, "an image file, or a folder whose images are all predicted; texts and rows, too"
    )
    table: Path | None = cli.option(None, "a CSV of rows; predictions are written beside them")
    out: Path | None = cli.option(None, "where the table with predictions goes (default: <name>.predicted.csv)")
    bundle: Path = cli.option(Path("bundle"), "the bundle; the default one is exported first where it is missing")
    format: Literal["onnx", "torchscript"] = cli.option("onnx", "which of the bundle's models answers")
    top: int = cli.option(3, "how many classes to show")
    batch_size: int = cli.option(64, "images a call of the model")
    on_error: Literal["skip", "fail"] = cli.option("skip", "what to do with an image that cannot be decoded")
    explain: bool = cli.option(False, "also write what spoke for each class, as a picture of each image")
    explanations: Path = cli.option(Path("explanations"), "where these pictures go")
    json: bool = cli.option(False, "one JSON object a line instead of a table")


def main(options: Options) -> int:
    if (options.image is None) == (options.table is None):
        raise KedjaError("what is to be predicted?", "image=<file or folder>, or table=<file>.csv")
    for key, path in (("image", options.image), ("table", options.table)):
        if path is not None and not path.exists():
            raise KedjaError(f"{key}={path} does not exist", f"looked at {path.absolute()}")
    if options.bundle == Options.bundle and not options.bundle.exists():
        cli.call("kedja.export")
    if options.explain and options.format != "onnx":
        raise KedjaError(f"explain=true needs format=onnx, not {options.format}", "leave format out")
    if options.explain and options.table is not None:
        raise KedjaError("explain=true goes with image=, not with table=", "leave explain out")
    model = load(options)
    if options.table is not None:
        return predict_rows(model, options.table, options.out or options.table.with_suffix(".predicted.csv"))
    assert options.image is not None
    files = find_files(options.image, model.metadata.input)
    failed = 0
    for prediction in predict_files(model, files, options.top, options.batch_size):
        if prediction.error and options.on_error == "fail":
            raise KedjaError(f"{prediction.path}: {prediction.error}", "replace it, or pass on_error=skip")
        failed += prediction.error is not None
        if options.explain and not prediction.error:
            assert isinstance(model, Predictor)
            prediction = write_explanation(model, prediction, options.explanations)  # noqa: PLW2901 -- the same, and more
        print(json.dumps(prediction.to_json()) if options.json else printable(str(prediction)), flush=True)
    if failed:
        print(f"{failed} of {len(files)} could not be decoded", file=sys.stderr)
    return 1 if failed else 0


def predict_rows(model: Predicts, table: Path, out: Path) -> int:
    """The table with predictions; what became of it is said."""
    done = failed = 0
    for done, failed in predict_table(model, table, out):  # noqa: B007 -- the last one counts
        pass
    print(f"{out}: {done - failed:,} of {done:,} rows predicted")
    if failed:
        print(f"{failed:,} rows have no answer: see the column `error`", file=sys.stderr)
    return 1 if failed else 0


def load(options: Options) -> Predicts:
    """The bundle's model in the asked-for format; PyTorch is imported only for TorchScript."""
    if options.format == "onnx":
        return Predictor(options.bundle, threads=cpus.available())
    from kedja.frameworks.pytorch.torchscript import TorchScriptPredictor

    return TorchScriptPredictor(options.bundle)


if __name__ == "__main__":
    cli.run(main, Options)
