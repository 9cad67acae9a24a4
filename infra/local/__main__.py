"""`python -m infra.local run|stop|release`: what the make targets of these names do once `.venv` is there.

`python -m infra.local token NAME` and `totp NAME` print what a made-up person would have from the company's issuer and from an
authenticator.
"""

import json
import sys
import time

from . import access, people, stack, staff, totp
from . import release as release_build
from .console import StepFailed, step
from .settings import ROOT, chosen, local


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


def token(name: str) -> None:
    print(staff.token(chosen(), name, people.roles(name)))


def code(name: str) -> None:
    print(totp.code(chosen(), name))


USAGE = "usage: python -m infra.local run|stop|release, or token|totp NAME"


def main() -> None:
    commands = {"run": run, "stop": stop, "release": release}
    of_a_person = {"token": token, "totp": code}
    try:
        match sys.argv[1:]:
            case [name] if name in commands:
                commands[name]()
            case [name, person] if name in of_a_person:
                of_a_person[name](person)
            case _:
                sys.exit(USAGE)
    except StepFailed as failure:
        sys.exit(f"\n{failure}")
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; run it again to go on, or `make stop`")


if __name__ == "__main__":
    main()
