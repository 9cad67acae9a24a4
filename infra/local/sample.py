"""Sample market data, as fresh as if it had just been published."""

import json
import re
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from . import deploy
from .console import StepFailed
from .settings import ROOT, Settings

SAMPLES = ROOT / "samples"
FILE_TIME_ZONE = ZoneInfo("America/New_York")


def import_samples(settings: Settings) -> None:
    """Every document first, the rates last: a first quote finds all of it."""
    for name in (
        "volatility.json",
        "event-risk.json",
        "minimum-rates.json",
        "short-stock.txt",
    ):
        file = stamped(name, datetime.now(timezone.utc), settings.state / "samples")
        imported = deploy.engine(settings, "import", str(file))
        if imported.returncode != 0:
            raise StepFailed(
                f"engine import {name}:\n{imported.stdout}{imported.stderr}"
            )


def stamped(name: str, now: datetime, directory: Path) -> Path:
    """A copy of a sample whose times are `now`, and whose dates are as far from it as they were from its time."""
    text = (SAMPLES / name).read_text()
    if name.endswith(".json"):
        text = json.dumps(_stamp_document(json.loads(text), now), indent=2) + "\n"
    else:
        local = now.astimezone(FILE_TIME_ZONE)
        text = re.sub(
            r"\A#BOF\|[^|\n]*\|[^|\n]*", f"#BOF|{local:%Y.%m.%d|%H:%M:%S}", text
        )
    directory.mkdir(parents=True, exist_ok=True)
    copy = directory / name
    copy.write_text(text)
    return copy


def _stamp_document(document: dict[str, Any], now: datetime) -> dict[str, Any]:
    shift = (
        now.date()
        - datetime.fromisoformat(document["timestamp"].replace("Z", "+00:00")).date()
    )
    return _stamp(document, f"{now:%Y-%m-%dT%H:%M:%S}.000Z", shift)


def _stamp(value: Any, time: str, shift: timedelta) -> Any:
    if isinstance(value, list):
        return [_stamp(item, time, shift) for item in value]
    if not isinstance(value, dict):
        return value
    stamp = {name: _stamp(item, time, shift) for name, item in value.items()}
    if "timestamp" in stamp:
        stamp["timestamp"] = time
    if "event_date" in stamp:
        stamp["event_date"] = (
            date.fromisoformat(stamp["event_date"]) + shift
        ).isoformat()
    return stamp
