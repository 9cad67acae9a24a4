"""Sweeps many keys, and rotates many at once in an emergency: how long, and with how many calls.

python -m benchmarks.credentials [--keys 100000] [--due 2000] [--emergency 10000] [--built]

Everything runs in one process, against an embedded DynamoDB. Writes what it prints to results/.
"""

from infra.local import console

from .bench import Bench, run

# Of one invocation, in seconds, as the template has it.
LIMIT = 900
CLIENTS = 500


class Credentials(Bench):
    def run(self) -> None:
        arguments = self.arguments
        self.facts(
            f"python -m benchmarks.credentials --keys {arguments.keys} --due {arguments.due} --emergency {arguments.emergency}"
        )
        with console.step(f"sweeping {arguments.keys} keys"):
            swept, _ = self.json(
                "bench-sweep",
                *("--keys", str(arguments.keys), "--due", str(arguments.due)),
            )
        clients = max(1, min(CLIENTS, arguments.emergency // 20))
        with console.step(f"rotating {arguments.emergency} keys at once"):
            rotated, _ = self.json(
                "bench-emergency",
                *("--keys", str(arguments.emergency), "--clients", str(clients)),
            )
        self.sweep(swept)
        self.emergency(rotated)

    def sweep(self, figures: dict) -> None:
        report, keys = self.report, figures["keys"]
        report.heading(f"A sweep of {keys:,} keys, {figures['due']:,} with an act due")
        report.row("", "seconds", "keys/s")
        for name, key in [
            ("putting them there (not the sweep's)", "filled_millis"),
            ("the sweep, its notices published", "swept_millis"),
        ]:
            seconds = figures[key] / 1000
            report.row(name, f"{seconds:.2f}", f"{keys / max(seconds, 0.001):,.0f}")
        again = f"{figures['swept_again_millis'] / 1000:.2f}"
        report.row("a second one, which finds nothing", again)
        for name in ("offered", "revoked", "expired"):
            report.row(name, f"{figures[name]:,}")
        report.line("each act, its notice and its event once; no table scanned")
        self.calls("calls by operation", figures["calls"], keys)
        self.calls("calls of the second one", figures["calls_again"], keys)
        within = "within" if figures["swept_millis"] < LIMIT * 1000 else "NOT within"
        report.line(f"{within} the {LIMIT} s of one invocation")

    def emergency(self, figures: dict) -> None:
        report, keys = self.report, figures["keys"]
        report.heading(
            f"An emergency rotation of {keys:,} keys of {figures['clients']:,} clients"
        )
        report.row("since the worker began", "seconds")
        for name, key in [
            ("every key refused", "refused_millis"),
            ("first successors offered", "first_issued_millis"),
            ("all successors offered", "issued_millis"),
            ("complete, every client's notice made", "complete_millis"),
        ]:
            report.row(name, f"{figures[key] / 1000:.2f}")
        watched = f"{figures['watched_millis'] / 1000:.2f}"
        report.line(
            "every key presented to the gate and refused before the first successor was offered:"
        )
        report.line(f"  the rotation waited {watched} s for that, not counted above")
        self.calls("calls by operation", figures["calls"], keys)

    def calls(self, title: str, calls: dict, keys: int) -> None:
        self.report.row(title, "calls", "keys a call")
        for operation, count in sorted(calls.items(), key=lambda kv: -kv[1]):
            each = f"{keys / count:,.1f}"
            self.report.row(f"  {operation}", f"{count:,}", each)


if __name__ == "__main__":
    run(Credentials, __doc__, keys=100_000, due=2_000, emergency=10_000)
