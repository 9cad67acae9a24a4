"""Builds the functions (`sam build`) and the CLI from one target directory, so that what they share compiles once."""

from pathlib import Path

from . import console
from .settings import ROOT, Settings

ENGINE = ROOT / ".local" / "bin" / "engine"


def build_dir(settings: Settings) -> Path:
    """Where SAM puts its result: each stack's own, so that two may build at once (cargo queues them itself)."""
    return settings.state / "build"


def functions(settings: Settings, log: Path) -> None:
    command = ["sam", "build", "--config-env", "local"]
    command += ["--build-dir", str(build_dir(settings))]
    console.run(command, settings.build_env(), ROOT, log)


def cli(settings: Settings, log: Path) -> None:
    """Compiles little more than itself, after the functions.

    By cargo-lambda too, whose linker and processor flags would otherwise be missing; and with the functions among the selected
    packages, so that cargo gives shared dependencies the features that it gave them there. Other flags or features would compile
    all of them again.
    """
    functions = sorted(path.parent.name for path in ROOT.glob("functions/*/Cargo.toml"))
    command = ["cargo", "lambda", "build", "--release", "--bin", "engine"]
    for package in ["engine-cli", *functions]:
        command += ["--package", package]
    console.run(command, settings.build_env(), ROOT, log)
    ENGINE.parent.mkdir(parents=True, exist_ok=True)
    ENGINE.unlink(missing_ok=True)
    ENGINE.symlink_to(ROOT / "target" / "lambda" / "engine" / "bootstrap")
