"""The notebooks run from their first cell to their last, without a warning."""

import os
import pathlib

import nbformat
import pytest
from nbclient import NotebookClient

# CI tests the wheel from elsewhere, and says where the sources are.
FOLDER = pathlib.Path(os.environ.get("WTA_NOTEBOOKS", pathlib.Path(__file__).parent.parent / "notebooks"))


def test_there_are_notebooks():
    assert len(list(FOLDER.glob("*.ipynb"))) >= 2


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs(path):
    notebook = nbformat.read(path, 4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    said = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "right" in said or "wrong" in said
    assert "Warning" not in said
    assert any("image/png" in output.get("data", {}) for output in outputs)
