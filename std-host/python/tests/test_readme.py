"""The README's example runs without a warning."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

# CI tests the wheel from elsewhere, and says where the sources are.
NOTEBOOKS = pathlib.Path(os.environ.get("WTA_NOTEBOOKS", pathlib.Path(__file__).parent.parent / "notebooks"))


def test_the_readme_example_runs_without_a_warning(tmp_path):
    readme = NOTEBOOKS.parent / "README.md"
    if not readme.exists():
        pytest.skip("there is no README here")
    examples = re.findall(r"```python\n(.*?)```", readme.read_text(), re.S)
    assert len(examples) == 1 and "LinearSVC" in examples[0]
    # What a browser's progress bar warns of is not ours.
    script = examples[0].replace(", verbose=1", "")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    share = float(re.search(r"([\d.]+)% of the test digits are wrong", done.stdout).group(1))
    assert share < 5
    assert (tmp_path / "runs" / "strokes" / "model.safetensors").exists()
