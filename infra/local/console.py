"""Steps that say what they do and how long they took."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StepFailed(Exception):
    """A step did not succeed; the message is for the person at the terminal."""


@contextmanager
def step(title: str, log: Path | None = None) -> Iterator[None]:
    """Prints the step when it ends, and on a terminal ticks while it runs, with the last line of its log."""
    began = time.monotonic()
    done = threading.Event()
    ticker = threading.Thread(target=_tick, args=(title, log, began, done), daemon=True)
    if sys.stdout.isatty():
        ticker.start()
    else:
        print(f"▸ {title} …", flush=True)
    try:
        yield
    except BaseException:
        _finish(ticker, done, f"✗ {title}", began)
        raise
    _finish(ticker, done, f"✓ {title}", began)


def run(command: list[str | Path], env: dict[str, str], cwd: Path, log: Path) -> None:
    """Runs a command with its output in a log file; a failure shows the end of it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        code = subprocess.run(
            command,
            env=env,
            cwd=cwd,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    if code != 0:
        tail = "\n".join(
            log.read_text(errors="replace").replace("\r", "\n").splitlines()[-40:]
        )
        raise StepFailed(
            f"{Path(command[0]).name} ended with {code}; the end of {log}:\n{tail}"
        )


def _tick(title: str, log: Path | None, began: float, done: threading.Event) -> None:
    while not done.wait(0.5):
        line = f"▸ {title} … {time.monotonic() - began:.0f} s  {_last_line(log)}"
        print(f"\r\033[K{line[:110]}", end="", flush=True)


def _last_line(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 400))
        lines = file.read().decode(errors="replace").replace("\r", "\n").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _finish(
    ticker: threading.Thread, done: threading.Event, text: str, began: float
) -> None:
    done.set()
    if ticker.is_alive():
        ticker.join()
        print("\r\033[K", end="")
    print(f"{text} ({time.monotonic() - began:.1f} s)", flush=True)
