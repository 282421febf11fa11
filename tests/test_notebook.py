import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_stored_without_outputs(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert not any(cell.outputs or cell.execution_count for cell in cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path, tmp_path, monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)  # JupyterLab shows figures in the notebook
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "data.dvc", tmp_path)  # what marks a clone, and pins the data set that is made in it
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path / "notebooks")}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    said = "".join(output["text"] for output in outputs if output.output_type == "stream")
    assert "train 1" in said
    assert "logits (64, 10)" in said
    # The network in it learns the digits.
    assert float(re.search(r"validation: ([\d.]+) % right", said)[1]) > 90
    # Pictures, means, curves, mistakes.
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 4
    assert (tmp_path / "data" / "digits" / "dataset.json").is_file()
