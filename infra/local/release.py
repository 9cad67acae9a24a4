"""Builds the functions in the full release profile and weighs their zips."""

import os
import tempfile
import zipfile
from pathlib import Path

from . import console
from .console import StepFailed
from .settings import QUICK_PROFILE, ROOT, Settings

LIMIT_MB = 5.0


def release(settings: Settings) -> None:
    """Prints each zip's size; fails if one is above the limit."""
    env = {n: v for n, v in settings.build_env().items() if n not in QUICK_PROFILE}
    build_dir = settings.state / "release"
    log = settings.state / "logs" / "release.log"
    with console.step("building in the release profile (sam build)", log):
        # The template's own defaults: what goes to AWS, arm64 included.
        command = ["sam", "build", "--build-dir", str(build_dir)]
        console.run(command, env, ROOT, log)
    sizes = {
        bootstrap.parent.name: _zipped_mb(bootstrap)
        for bootstrap in sorted(build_dir.glob("*/bootstrap"))
    }
    for name, megabytes in sizes.items():
        print(f"  {name}: {megabytes:.2f} MB zipped")
    if heavy := [name for name, size in sizes.items() if size > LIMIT_MB]:
        raise StepFailed(f"above {LIMIT_MB} MB: {', '.join(heavy)}")


def _zipped_mb(bootstrap: Path) -> float:
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(bootstrap, "bootstrap")
        return os.path.getsize(file.name) / 1_000_000
