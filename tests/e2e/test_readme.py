"""The README's commands are run as they are written."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_shell_block_of_the_readme_works(stack, tmp_path):
    """The blocks marked `sh`, on the suite's own stack; `make` itself is what runs this."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    script = "\n".join(block for block in blocks if not block.startswith("make "))
    values = tmp_path / "stack.env"
    values.write_text("".join(f"{name}={value}\n" for name, value in stack.items()))
    script = script.replace(".local/stack.env", str(values))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"total_fee"' in done.stdout
    assert "0.063000" in done.stdout
