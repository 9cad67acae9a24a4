"""Market data files as the desk drops them: whole or not at all, and never a mix."""

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest


@pytest.fixture
def short_stock(tmp_path):
    """Writes a short-stock file that is newer than the current one."""

    def write(
        rows: list[str], *, newer_by: timedelta = timedelta(), count: int | None = None
    ):
        time = datetime.now(ZoneInfo("America/New_York")) + newer_by
        lines = [
            time.strftime("#BOF|%Y.%m.%d|%H:%M:%S"),
            "#SYM|CUR|NAME|CON|ISIN|REBATERATE|FEERATE|AVAILABLE|",
        ]
        lines += [*rows, f"#EOF|{len(rows) if count is None else count}"]
        path = tmp_path / f"short-stock-{len(list(tmp_path.iterdir()))}.txt"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def imported(engine, path):
    done = engine("import", str(path), "--json")
    return done.returncode, json.loads(done.stdout.strip().splitlines()[-1])


def test_a_truncated_file_is_refused_whole(engine, api, short_stock):
    before = api.get("/api/v1/rates/AAPL").json()
    code, report = imported(
        engine, short_stock(["AAPL|USD|X|1|X|1.0|9.0|100|"], count=2)
    )
    assert code == 1
    assert report["status"] == "REFUSED"
    assert api.get("/api/v1/rates/AAPL").json()["base_rate"] == before["base_rate"]


def test_a_file_that_loses_most_rows_waits_for_a_person(engine, api, short_stock):
    before = api.get("/api/v1/rates/AAPL").json()["base_rate"]
    code, report = imported(engine, short_stock(["AAPL|USD|X|1|X|1.0|3.1|100|"]))
    assert code == 3
    assert report["status"] == "QUARANTINED"
    assert api.get("/api/v1/rates/AAPL").json()["base_rate"] == before


def test_importing_the_same_file_again_changes_nothing(
    engine, stack, operator, tmp_path
):
    bucket = next(
        b["Name"]
        for b in operator("s3").list_buckets()["Buckets"]
        if b["Name"].startswith(stack["ENGINE_STACK"])
    )
    newest = max(
        operator("s3").list_objects_v2(Bucket=bucket, Prefix="volatility/")["Contents"],
        key=lambda o: o["LastModified"],
    )
    path = tmp_path / "volatility.json"
    path.write_bytes(
        operator("s3").get_object(Bucket=bucket, Key=newest["Key"])["Body"].read()
    )
    code, report = imported(engine, path)
    assert (code, report["status"]) == (0, "UNCHANGED")
