"""Where a local stack lives and how its parts reach each other."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV_BIN = ROOT / ".venv" / "bin"
REGION = "us-east-1"
# Where secrets are replicated.
REPLICA_REGION = "us-west-2"

# Local builds trade run time for build time. One profile for functions and CLI, or everything compiles twice.
QUICK_PROFILE = {
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
}


@dataclass(frozen=True)
class Settings:
    """One local stack. Two with different names and ports run side by side."""

    name: str
    port: int

    @property
    def stack(self) -> str:
        return f"borrow-rate-{self.name}"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def state(self) -> Path:
        return ROOT / ".local" / self.name

    @property
    def operator_file(self) -> Path:
        return self.state / "operator.json"

    @property
    def staff_key_file(self) -> Path:
        """The private key of the local staff issuer."""
        return self.state / "staff-issuer.pem"

    @property
    def factors_file(self) -> Path:
        """Second factors of the made-up people: their secrets, and the last step of each that was used."""
        return self.state / "factors.json"

    @property
    def env_file(self) -> Path:
        """What scripts and the CLI read. That of `make run` has the short name."""
        return (
            ROOT / ".local" / "stack.env"
            if self.name == "run"
            else self.state / "stack.env"
        )

    def build_env(self) -> dict[str, str]:
        """For compilers and SAM: the tools of `.venv` first, and nothing of the developer's own AWS set-up."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("AWS_")
        }
        return {
            **kept,
            **QUICK_PROFILE,
            "PATH": f"{VENV_BIN}{os.pathsep}{os.environ['PATH']}",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.5",  # the emulator deploys in seconds
            # An account that the developer is signed in to must be out of reach, not merely unused.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def operator_env(self) -> dict[str, str]:
        """For whoever acts on the stack as its operator."""
        return {**self.build_env(), **self.operator_variables()}

    def operator_variables(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "local-operator",
            "AWS_SECRET_ACCESS_KEY": self._secret(),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "ENGINE_STACK": self.stack,
            "ENGINE_ENVIRONMENT": "local",  # EnvironmentName in samconfig.toml
        }

    def _secret(self) -> str:
        """The operator's secret key: made once for a stack's state, and gone with it."""
        file = self.operator_file
        if not file.exists():
            made = {"secret_access_key": secrets.token_urlsafe(30)}
            write_private(file, json.dumps(made))
        return json.loads(file.read_text())["secret_access_key"]


def local() -> Settings:
    """The stack of `make run`."""
    return Settings(name="run", port=int(os.environ.get("PORT", "4566")))


def e2e() -> Settings:
    """The stack of `make e2e`."""
    return Settings(name="e2e", port=int(os.environ.get("E2E_PORT", "4576")))


def chosen() -> Settings:
    """The stack whose variables the shell has read; that of `make run` where it has read none."""
    name = os.environ.get("ENGINE_STACK")
    return next((each for each in (local(), e2e()) if each.stack == name), local())


def read_env_file(settings: Settings) -> dict[str, str]:
    if not settings.env_file.exists():
        return {}
    lines = settings.env_file.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def write_env_file(settings: Settings, values: dict[str, str]) -> None:
    text = "".join(f"{name}={value}\n" for name, value in values.items())
    write_private(settings.env_file, text)


def write_private(file: Path, text: str) -> None:
    """Holds a key or credentials: readable by its owner alone from its first byte, and never half written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(
        os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
    ) as out:
        out.write(text)
    temporary.replace(file)
