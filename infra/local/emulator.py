"""Starts and stops the AWS emulator (MiniStack) on loopback, with IAM enforced."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from .console import StepFailed
from .settings import REGION, VENV_BIN, Settings

START_SECONDS = 60
STOP_SECONDS = 10


def start(settings: Settings) -> bool:
    """Makes sure that it runs. True if it was started now and is therefore empty."""
    if _running_pid(settings) and _healthy(settings):
        return False
    stop(settings)
    if _port_taken(settings.port):
        variable = "PORT" if settings.name == "run" else "E2E_PORT"
        raise StepFailed(
            f"port {settings.port} is in use by something else; choose another: {variable}={settings.port + 100} make …"
        )
    settings.state.mkdir(parents=True, exist_ok=True)
    with (settings.state / "ministack.log").open("wb") as log:
        process = subprocess.Popen(
            [VENV_BIN / "ministack"],
            env=_environment(settings),
            cwd=settings.state,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            # Its own group: it outlives `make run`, and its functions' processes end with it.
            start_new_session=True,
        )
    _pid_file(settings).write_text(str(process.pid))
    deadline = time.monotonic() + START_SECONDS
    while not _healthy(settings):
        if process.poll() is not None or time.monotonic() > deadline:
            raise StepFailed(
                f"the emulator did not start; see {settings.state / 'ministack.log'}"
            )
        time.sleep(0.1)
    return True


def stop(settings: Settings) -> bool:
    """Stops it, and removes its state. True if it was running."""
    pid = _running_pid(settings)
    if pid:
        _end(pid)
    # Logs and build results stay; what belonged to the stack goes, every key and secret included.
    for directory in ("data", "samples"):
        shutil.rmtree(settings.state / directory, ignore_errors=True)
    for file in (
        _pid_file(settings),
        settings.operator_file,
        settings.staff_key_file,
        settings.factors_file,
    ):
        file.unlink(missing_ok=True)
    return pid is not None


def _environment(settings: Settings) -> dict[str, str]:
    data = settings.state / "data"
    return {
        **settings.operator_env(),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(settings.port),
        "AUTH": "true",
        "MINISTACK_REGION": REGION,
        "STATE_DIR": str(data / "state"),
        "S3_DATA_DIR": str(data / "s3"),
        # Functions reach the emulator by the variable that it passes on from here, and by no other way.
        "AWS_ENDPOINT_URL": settings.endpoint,
    }


def _healthy(settings: Settings) -> bool:
    try:
        with urllib.request.urlopen(
            f"{settings.endpoint}/_ministack/health", timeout=2
        ) as answer:
            return "services" in json.load(answer)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def _port_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _pid_file(settings: Settings) -> Path:
    return settings.state / "ministack.pid"


def _running_pid(settings: Settings) -> int | None:
    """Its process, if it lives and is still what the file says (process ids are used again)."""
    try:
        pid = int(_pid_file(settings).read_text())
        os.kill(pid, 0)
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if b"ministack" in command else None


def _end(pid: int) -> None:
    """Asks its process group to end, then insists."""
    try:
        os.killpg(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            os.killpg(pid, 0)
            _reap(pid)
            time.sleep(0.1)
        os.killpg(pid, signal.SIGKILL)
        _reap(pid)
    except ProcessLookupError:
        pass


def _reap(pid: int) -> None:
    """Takes leave of it if it is our own child, as in a test run: it would stay a zombie, and look alive."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass
