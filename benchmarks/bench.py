"""What measurements have in common: the binaries, the machine, what a command took, and the file of results."""

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from infra.local import console
from infra.local.settings import ROOT, Settings

RESULTS = ROOT / "benchmarks" / "results"
RELEASE = ROOT / "target" / "release"
MEASURED = ROOT / "benchmarks" / "measured.py"


class Report:
    """Lines on the terminal and in the file of results."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str = "") -> None:
        print(text, flush=True)
        self.lines.append(text.rstrip())

    def heading(self, text: str) -> None:
        self.line(f"\n{text}\n{'-' * len(text)}")

    def row(self, name: str, *cells: str) -> None:
        self.line(f"{name:<44}" + "".join(f"{cell:>16}" for cell in cells))

    def save(self, file: Path) -> None:
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(self.lines) + "\n")


class Bench:
    """What is measured: `packages` are built for it, `run` measures."""

    packages: tuple[str, ...] = ("engine-benchmarks",)

    def __init__(self, arguments: argparse.Namespace, report: Report) -> None:
        self.arguments, self.report = arguments, report
        port = int(os.environ.get("BENCH_PORT", "4586"))
        self.settings = Settings(name="bench", port=port)
        self.directory = self.settings.state / type(self).__name__.lower()
        self.directory.mkdir(parents=True, exist_ok=True)

    def build(self) -> None:
        log = self.settings.state / "logs" / "build.log"
        command = ["cargo", "build", "--release"]
        command += [word for name in self.packages for word in ("--package", name)]
        with console.step("building (cargo build --release)", log):
            console.run(command, self.settings.build_env(), ROOT, log)

    def run(self) -> None:
        raise NotImplementedError

    def facts(self, command: str) -> None:
        info = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line for line in info if line.startswith("model name"))
        memory = Path("/proc/meminfo").read_text().split()[1]
        self.report.line(command)
        self.report.heading("Machine")
        for name, value in {
            "date": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
            "commit": commit(),
            "processor": f"{model.split(':')[1].strip()}, {os.cpu_count()} cores",
            "memory": f"{int(memory) / 1024 / 1024:.1f} GiB",
            "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
            "compiler": output("rustc", "--version"),
            "build": "release, without link-time optimisation, 16 codegen units",
            "load before": f"{os.getloadavg()[0]:.2f}",
        }.items():
            self.report.line(f"{name:<14}{value}")

    def json(self, binary: str, *arguments: str) -> tuple[dict, dict]:
        measured = self.measured(f"{binary}.json", str(RELEASE / binary), *arguments)
        return json.loads((self.directory / f"{binary}.json").read_text()), measured

    def measured(self, file: str, *command: str) -> dict:
        """Runs a command with its output in a file; it must succeed."""
        lean = [sys.executable, "-I", "-S", str(MEASURED)]
        answer = subprocess.run(
            [*lean, str(self.directory / file), *command],
            cwd=self.directory,
            env=self.settings.operator_env(),
            stdout=subprocess.PIPE,
            check=True,
        )
        result = json.loads(answer.stdout)
        if result["status"] != 0:
            said = (self.directory / file).read_text()
            raise console.StepFailed(f"{' '.join(command)}:\n{said}")
        return result


def output(*command: str) -> str:
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def commit() -> str:
    changed = output("git", "status", "--porcelain", "--untracked-files=no")
    head = output("git", "rev-parse", "--short=12", "HEAD")
    return f"{head}, with changes not committed" if changed else head


def run(kind: type[Bench], description: str, **sizes: int) -> None:
    """Measures as the command line asks: an option for each of `sizes`, the first of which names the file of results."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    for name, size in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument(
        "--built",
        action="store_true",
        help="take the binaries in target/release as they are",
    )
    arguments = parser.parse_args()
    report = Report()
    bench = kind(arguments, report)
    try:
        if not arguments.built:
            bench.build()
        bench.run()
    except console.StepFailed as failed:
        sys.exit(str(failed))
    size = getattr(arguments, next(iter(sizes)))
    report.save(RESULTS / f"{kind.__name__.lower()}-{size}.txt")
