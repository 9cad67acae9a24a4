"""The steps from sources to a stack that answers."""

from . import access, build, complete, deploy, emulator, sample
from .console import step
from .settings import Settings


def up(settings: Settings) -> dict[str, str]:
    """Brings the stack up to the present sources, from whatever state it is in. Returns what its env file holds."""
    logs = settings.state / "logs"
    log = logs / "build-functions.log"
    with step("building the functions (sam build)", log):
        build.functions(settings, log)
    log = logs / "build-cli.log"
    with step("building the command line (cargo lambda build)", log):
        build.cli(settings, log)
    with step(f"starting the AWS emulator on {settings.endpoint}"):
        emulator.start(settings)
        if deploy.is_beyond_repair(settings):
            emulator.stop(settings)
            emulator.start(settings)
    log = logs / "deploy.log"
    with step(f"deploying {settings.stack} (sam deploy)", log):
        deploy.deploy(settings, log)
        complete.complete(settings)
    with step("mirroring the keys of token issuers (issuer-keys)"):
        deploy.invoke(settings, "issuer-keys")
    with step("importing sample market data (engine import)"):
        sample.import_samples(settings)
    with step("preparing people, a client and its key (over HTTP)"):
        return access.prepare(settings)


def down(settings: Settings) -> bool:
    """Stops the stack and forgets it. True if there was one."""
    settings.env_file.unlink(missing_ok=True)
    return emulator.stop(settings)
