"""Seals a day of audit entries in an emulator, exports it and verifies it: how long, and in how much memory.

python -m benchmarks.evidence [--entries 100000] [--built]

The emulator is its own (BENCH_PORT=4586); the stack is not deployed to it. Writes what it prints to results/.
"""

import hashlib
import shutil
import sys
import time
from pathlib import Path

from infra.local import console, emulator
from infra.local.settings import ROOT

from . import stores
from .bench import RELEASE, Bench, Report, run

VERIFY_SCRIPT = ROOT / "docs" / "verify_evidence.py"
LIMIT_MIB = 256
# The stores of one process are in memory, and all that they are ever told stays there.
MOST_IN_PROCESS = 20_000


class Evidence(Bench):
    packages = ("engine-benchmarks", "engine-cli")

    @property
    def entries(self) -> int:
        return self.arguments.entries

    def run(self) -> None:
        self.facts(f"python -m benchmarks.evidence --entries {self.entries}")
        few = str(min(self.entries, MOST_IN_PROCESS))
        with console.step(f"sealing {few} entries in one process"):
            alone, _ = self.json("bench-seal", "--entries", few)
        emulator.stop(self.settings)
        emulator.start(self.settings)
        try:
            made = stores.create(self.settings)
            with console.step(f"sealing {self.entries} entries in the emulator"):
                filled, _ = self.json(
                    "bench-fill",
                    *("--stack", self.settings.stack, "--account", made.account),
                    *("--log-key", made.log_key, "--evidence-key", made.evidence_key),
                    *("--entries", str(self.entries)),
                )
            self.sealing("Sealing, DynamoDB and S3 in the same process", alone)
            self.sealing("Sealing, to the emulator over loopback", filled)
            self.evidence(made, filled)
        finally:
            emulator.stop(self.settings)
            for file in self.directory.glob("*.zip"):
                file.unlink()

    def sealing(self, title: str, result: dict) -> None:
        figures, report = result["figures"], self.report
        report.heading(title)
        report.row("", "entries", "seconds", "entries/s")
        for name, key in [
            ("plain puts into the audit table", "put"),
            ("sequenced", "sequenced"),
            ("integrated", "integrated"),
            ("sealed (both)", "sealed"),
        ]:
            pace = figures[key]
            seconds = pace["millis"] / 1000
            rate = f"{per_second(pace):,.0f}"
            report.row(name, f"{pace['entries']:,}", f"{seconds:.2f}", rate)
        ratio = per_second(figures["sealed"]) / per_second(figures["put"])
        report.row("sealed : put", "", "", f"{ratio:.2f}")
        size = figures["entry_bytes"] / figures["sealed"]["entries"]
        report.row("bytes an entry, header and body", f"{size:,.0f}")
        report.row("checkpoints", f"{figures['checkpoints']}")
        if "client" in result:
            peak = f"{figures['peak_resident_kib'] / 1024:.1f}"
            report.row("peak resident, MiB", peak)
        else:
            report.line(
                "(resident memory is not the sealer's here: the stores are in it)"
            )
        report.row("calls by operation", "calls", "entries a call")
        for operation, calls in sorted(figures["calls"].items(), key=lambda kv: -kv[1]):
            each = figures["sealed"]["entries"] / calls
            report.row(f"  {operation}", f"{calls:,}", f"{each:,.1f}")

    def evidence(self, made: stores.Stores, filled: dict) -> None:
        report, bundle = self.report, self.directory / "day.zip"
        keys = self.directory / "keys.txt"
        self.engine("keys.txt", "evidence", "keys")
        day = ["--from", filled["from"], "--to", filled["to"]]
        named = ["--client", filled["client"], "--ticker", filled["ticker"]]
        first = self.export(day, bundle)
        stores.sign_manifest(made, bundle)
        second = self.export(day, bundle)
        verified = [self.verify(bundle, keys) for _ in range(2)]
        copied = best(lambda: shutil.copyfile(bundle, self.directory / "copy.zip"))
        hashed = best(lambda: sha256(bundle))
        script = self.measured(
            "script.txt", sys.executable, str(VERIFY_SCRIPT), str(bundle), str(keys)
        )
        part = self.directory / "part.zip"
        self.export(day + named, part)
        stores.sign_manifest(made, part)
        part_exported = self.export(day + named, part)
        part_verified = self.verify(part, keys)

        size = bundle.stat().st_size / 1024 / 1024
        report.heading(f"Evidence of the day: {self.entries:,} entries, {size:.1f} MiB")
        report.row("", "seconds", "CPU seconds", "peak MiB")
        row(report, "engine evidence export --from-bucket", first)
        row(report, "  once more, its manifest signed", second)
        row(report, "engine verify", verified[0])
        row(report, "  once more", verified[1])
        row(report, "docs/verify_evidence.py", script)
        report.row("copying the bundle", f"{copied:.3f}")
        report.row("SHA-256 of the bundle", f"{hashed:.3f}")
        verify = min(each["seconds"] for each in verified)
        report.row("engine verify : SHA-256", f"{verify / hashed:.1f}")
        report.row("script : engine verify", f"{script['seconds'] / verify:.1f}")
        export = min(first["seconds"], second["seconds"])
        report.row("export : copying", f"{export / copied:.1f}")
        peak = max(first["peak_mib"], second["peak_mib"])
        within = "within" if peak < LIMIT_MIB else "NOT within"
        report.line(f"export: peak resident {peak:.1f} MiB, {within} {LIMIT_MIB}")

        report.heading("One client and one stock of the same day")
        report.row("", "seconds", "CPU seconds", "peak MiB")
        row(report, "engine evidence export --from-bucket", part_exported)
        row(report, "engine verify", part_verified)
        for title, file in [
            ("What engine evidence export said of the day", "export-day.txt"),
            ("What engine verify said of the day", "verify-day.txt"),
            ("What engine verify said of the part", "verify-part.txt"),
            ("What docs/verify_evidence.py said", "script.txt"),
        ]:
            report.heading(title)
            report.line((self.directory / file).read_text().rstrip())

    def export(self, conditions: list[str], bundle: Path) -> dict:
        arguments = ["evidence", "export", "--from-bucket", *conditions]
        return self.engine(
            f"export-{bundle.stem}.txt", *arguments, "--out", bundle.name
        )

    def verify(self, bundle: Path, keys: Path) -> dict:
        arguments = ["verify", bundle.name, "--keys", keys.name]
        return self.engine(f"verify-{bundle.stem}.txt", *arguments)

    def engine(self, file: str, *arguments: str) -> dict:
        return self.measured(file, str(RELEASE / "engine"), *arguments)


def row(report: Report, name: str, measured: dict) -> None:
    cells = (measured[key] for key in ("seconds", "cpu_seconds", "peak_mib"))
    report.row(name, *(f"{cell:.2f}" for cell in cells))


def per_second(pace: dict) -> float:
    return pace["entries"] * 1000 / max(pace["millis"], 1)


def best(act) -> float:
    """Seconds of the fastest of three times, the file in the page cache."""
    times = []
    for _ in range(3):
        began = time.monotonic()
        act()
        times.append(time.monotonic() - began)
    return min(times)


def sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


if __name__ == "__main__":
    run(Evidence, __doc__, entries=100_000)
