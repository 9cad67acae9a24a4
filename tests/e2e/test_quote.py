"""A quote through API Gateway, the compiled function and the tables: exact, and recorded before it is answered."""

import json
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest

CALCULATE = "/api/v1/calculate-locate"


def half_up(value: Decimal, places: str) -> Decimal:
    return value.quantize(Decimal(places), rounding=ROUND_HALF_UP)


def recompute(quote: dict) -> dict[str, Decimal]:
    """The published figures from the published inputs, as a client would check them."""
    d = {
        name: Decimal(value)
        for name, value in quote.items()
        if isinstance(value, str) and name in NUMBERS
    }
    adjusted = d["base_rate"] * (
        1
        + Decimal("0.01") * d["volatility_index"]
        + Decimal("0.005") * quote["event_risk_factor"]
    )
    rate = half_up(max(adjusted, d["minimum_rate"]), "0.000001")
    year = {"ACT/365F": 365, "ACT/360": 360}[quote["day_count"]]
    cost = half_up(d["position_value"] * rate * quote["loan_days"] / year, "0.0001")
    markup = half_up(cost * d["markup_percentage"] / 100, "0.0001")
    fee = (
        d["fee_amount"]
        if quote["fee_type"] == "FLAT"
        else d["position_value"] * d["fee_amount"] / 100
    )
    fee = half_up(fee, "0.0001")
    return {
        "borrow_rate_used": rate,
        "borrow_cost": cost,
        "markup": markup,
        "transaction_fees": fee,
    }


NUMBERS = {
    "base_rate",
    "volatility_index",
    "minimum_rate",
    "position_value",
    "markup_percentage",
    "fee_amount",
}


@pytest.mark.parametrize("ticker", ["AAPL", "brk b", "GME", "AMC", "TSLA"])
def test_a_quote_can_be_redone_from_its_own_figures(api, ticker):
    answer = api.post(
        CALCULATE, {"ticker": ticker, "position_value": "100000", "loan_days": 30}
    )
    assert answer.status_code == 200, answer.text
    quote = answer.json()
    expected = recompute(quote)
    assert quote["borrow_rate_used"] == str(expected["borrow_rate_used"])
    for line in ("borrow_cost", "markup", "transaction_fees"):
        assert quote["breakdown"][line] == str(expected[line])
    total = sum(
        expected[line] for line in ("borrow_cost", "markup", "transaction_fees")
    )
    assert quote["total_fee"] == str(total)
    assert quote["quote_type"] == "INDICATIVE"
    assert quote["due_on_locate"] == quote["breakdown"]["transaction_fees"]


@pytest.mark.parametrize("literal", ["100000.07", "0.1", "999999999.99"])
def test_json_numbers_arrive_as_they_were_written(api, literal):
    body = f'{{"ticker": "AAPL", "position_value": {literal}, "loan_days": 30}}'
    answer = api(
        "POST", CALCULATE, data=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["position_value"] == literal


def test_get_prices_what_post_prices(api):
    position = {"ticker": "BRK B", "position_value": "250000", "loan_days": "7"}
    by_query = api.get(CALCULATE, params=position).json()
    by_body = api.post(CALCULATE, {**position, "loan_days": 7}).json()
    assert by_query["ticker"] == "BRK.B"
    assert by_query["breakdown"] == by_body["breakdown"]


def test_the_record_stands_in_the_audit_table_and_replays(api, operator, engine, stack):
    quote = api.post(
        CALCULATE, {"ticker": "GME", "position_value": "12345.67", "loan_days": 90}
    ).json()
    made = datetime.fromisoformat(quote["valid_until"]) - timedelta(minutes=15)
    shard = int(quote["quote_id"].replace("-", "")[-2:], 16) % 64
    item = operator("dynamodb").get_item(
        TableName=f"{stack['ENGINE_STACK']}-audit",
        Key={
            "pk": {"S": f"{made:%Y-%m-%dT%H:%M}#{shard:02}"},
            "sk": {"S": quote["quote_id"]},
        },
    )["Item"]
    header, body = json.loads(item["header"]["S"]), json.loads(item["body"]["S"])
    assert header["event"] == "quote.create"
    assert header["outcome"] == "success"
    assert "demo" not in item["header"]["S"]
    assert "GME" not in item["header"]["S"]
    assert body["actor"] == {"type": "client", "id": "demo", "roles": ["client"]}
    assert (
        body["details"]["quote"]["positions"][0]["price"]["total_fee"]
        == quote["total_fee"]
    )
    replayed = engine("replay", quote["quote_id"])
    assert replayed.returncode == 0, replayed.stderr
    assert "MATCH" in replayed.stdout


def test_a_batch_is_one_record_whose_positions_replay(api, engine):
    positions = [
        {"ticker": "AAPL", "position_value": f"{1000 + n}", "loan_days": 30}
        for n in range(1000)
    ]
    positions[500]["ticker"] = "NOSUCH"
    answer = api.post("/api/v1/calculate-locate/batch", {"positions": positions})
    assert answer.status_code == 200, answer.text
    batch = answer.json()
    assert (batch["priced"], batch["unpriced"]) == (999, 1)
    assert batch["positions"][500]["code"] == "ticker_not_found"
    last = batch["positions"][999]
    assert last["quote_id"] == f"{batch['batch_id']}-999"
    assert engine("replay", last["quote_id"]).returncode == 0
