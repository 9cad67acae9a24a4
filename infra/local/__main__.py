"""`python -m infra.local run|stop|release`: what the make targets of these names do once `.venv` is there."""

import json
import sys
import time

from . import access, stack
from . import release as release_build
from .console import StepFailed, step
from .settings import ROOT, local


def run() -> None:
    began = time.monotonic()
    settings = local()
    values = stack.up(settings)
    with step("asking for a quote through API Gateway"):
        quote = access.quote(values)
    print(f"\n{json.dumps(quote, indent=2)}\n")
    print(f"Again:\n\n  {access.as_curl(values)}\n")
    print(
        f"Variables for scripts and the CLI: {settings.env_file.relative_to(ROOT)}. `make stop` ends the stack."
    )
    print(f"Ready in {time.monotonic() - began:.0f} s.")


def stop() -> None:
    print("stopped" if stack.down(local()) else "nothing was running")


def release() -> None:
    release_build.release(local())


def main() -> None:
    commands = {"run": run, "stop": stop, "release": release}
    command = commands.get(sys.argv[1] if len(sys.argv) == 2 else "")
    if command is None:
        sys.exit(f"usage: python -m infra.local {{{'|'.join(commands)}}}")
    try:
        command()
    except StepFailed as failure:
        sys.exit(f"\n{failure}")
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; run it again to go on, or `make stop`")


if __name__ == "__main__":
    main()
