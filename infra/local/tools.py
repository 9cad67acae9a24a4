"""Checks that the machine has what the project needs, and prepares `.venv` with the rest.

Runs on the system's Python, before anything is installed: standard library only.
"""

import hashlib
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements.txt"

HOW_TO_GET = {
    "cargo": "Rust's toolchain, 1.95 or newer: https://rustup.rs",
    "cc": "a C compiler, which Rust links with: apt-get install build-essential",
    "git": "apt-get install git",
    "make": "apt-get install make",
}


def missing_tools() -> list[str]:
    """What is not there, each with how to get it."""
    missing = [
        f"{tool}: {how}"
        for tool, how in HOW_TO_GET.items()
        if shutil.which(tool) is None
    ]
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        missing.append(
            "a Linux machine with x86_64: the emulator runs the functions' binaries as they are"
        )
    if sys.version_info < (3, 10):  # noqa: UP036  (this is the check that says so)
        missing.append(f"python3 3.10 or newer (this is {sys.version.split()[0]})")
    try:
        import ensurepip  # noqa: F401  (Debian packages it apart from Python)
        import venv  # noqa: F401
    except ImportError:
        missing.append("Python's venv module: apt-get install python3-venv")
    return missing


def prepare_venv() -> None:
    """Installs the pinned requirements, unless these very ones already are."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    stamp = VENV / "requirements.sha256"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(
        "▸ installing Python tools into .venv (SAM CLI, emulator, cargo-lambda, pytest) …",
        flush=True,
    )
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    pip = [VENV / "bin" / "python", "-m", "pip"]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, "install", *quiet, "-r", REQUIREMENTS], check=True)
    stamp.write_text(wanted)
    print(f"✓ Python tools ({time.monotonic() - began:.0f} s)", flush=True)


def main() -> None:
    if missing := missing_tools():
        sys.exit("Missing:\n" + "\n".join(f"  {line}" for line in missing))
    prepare_venv()


if __name__ == "__main__":
    main()
