//! Prices against exact rational arithmetic, over everything that a pricing line may hold.

use engine_core::pricing::{Coefficients, DayCount, FeeType, Price, PricingInputs, TransactionFee, price};
use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;
use rust_decimal::Decimal;

/// `numerator / 10^scale`, exactly.
fn rational(numerator: i128, scale: u32) -> BigRational {
    BigRational::new(numerator.into(), BigInt::from(10).pow(scale))
}

fn exact(value: Decimal) -> BigRational {
    rational(value.mantissa(), value.scale())
}

/// The formulas of `engine_core::pricing`, without a limit on digits: unrounded figures, each from published ones.
struct Unrounded {
    rate: BigRational,
    borrow_cost: BigRational,
    markup: BigRational,
    transaction_fees: BigRational,
}

impl Unrounded {
    fn of(inputs: &PricingInputs, published: &Price) -> Self {
        let position = exact(inputs.position_value);
        let percent = |amount: &BigRational, percentage: Decimal| amount * exact(percentage) / rational(100, 0);
        let multiplier = rational(1, 0)
            + rational(1, 2) * exact(inputs.volatility_index)
            + rational(5, 2) * rational(inputs.event_risk_factor.into(), 0) / rational(10, 0);
        let year = inputs.day_count.days_in_year();
        Self {
            rate: (exact(inputs.base_rate) * multiplier).max(exact(inputs.minimum_rate)),
            borrow_cost: &position * exact(published.borrow_rate_used) * rational(inputs.loan_days.into(), 0)
                / rational(year.into(), 0),
            markup: percent(&exact(published.borrow_cost), inputs.markup_percentage),
            transaction_fees: match inputs.transaction_fee.kind {
                FeeType::Flat => exact(inputs.transaction_fee.amount),
                FeeType::Percentage => percent(&position, inputs.transaction_fee.amount),
            },
        }
    }
}

/// Units of the last place, rounded half up.
fn rounded(value: &BigRational, scale: u32) -> BigInt {
    (value * BigRational::from(BigInt::from(10).pow(scale)) + BigRational::new(1.into(), 2.into())).floor().to_integer()
}

fn is_midpoint(value: &BigRational, scale: u32) -> bool {
    (value * BigRational::from(BigInt::from(10).pow(scale))).denom() == &BigInt::from(2)
}

fn units(value: Decimal, scale: u32) -> BigInt {
    assert_eq!(value.scale(), scale, "{value}");
    value.mantissa().into()
}

fn check(inputs: &PricingInputs) -> (Price, Unrounded) {
    let price = price(inputs).expect("inputs in range are always exact");
    let unrounded = Unrounded::of(inputs, &price);
    assert_eq!(units(price.borrow_rate_used, 6), rounded(&unrounded.rate, 6), "rate");
    assert_eq!(units(price.borrow_cost, 4), rounded(&unrounded.borrow_cost, 4), "borrow cost");
    assert_eq!(units(price.markup, 4), rounded(&unrounded.markup, 4), "markup");
    assert_eq!(units(price.transaction_fees, 4), rounded(&unrounded.transaction_fees, 4), "transaction fees");
    let sum = units(price.borrow_cost, 4) + units(price.markup, 4) + units(price.transaction_fees, 4);
    assert_eq!(units(price.total_fee, 4), sum, "total");
    (price, unrounded)
}

/// Any decimal of at most `decimals` decimals between two whole or fractional bounds, both drawn often.
fn decimal(lowest: Decimal, highest: Decimal, decimals: u32) -> impl Strategy<Value = Decimal> {
    (0..=decimals).prop_flat_map(move |scale| {
        let unit = Decimal::new(1, scale);
        let least = (lowest / unit).ceil().mantissa();
        let most = (highest / unit).floor().mantissa();
        let at = move |mantissa: i128| Decimal::from_i128_with_scale(mantissa, scale);
        // Magnitudes evenly, as well as values: a uniform draw is nearly always a very large number.
        let magnitude = (0u32..=18).prop_flat_map(move |digits| least..=most.min(least + 10i128.pow(digits)));
        prop_oneof![1 => Just(lowest), 1 => Just(highest), 4 => (least..=most).prop_map(at), 4 => magnitude.prop_map(at)]
    })
}

fn day_count() -> impl Strategy<Value = DayCount> {
    prop_oneof![Just(DayCount::Act365Fixed), Just(DayCount::Act360)]
}

fn transaction_fee() -> impl Strategy<Value = TransactionFee> {
    let fee = |kind, most| decimal(Decimal::ZERO, most, 6).prop_map(move |amount| TransactionFee { kind, amount });
    prop_oneof![fee(FeeType::Flat, Decimal::from(1_000_000_000)), fee(FeeType::Percentage, Decimal::ONE_HUNDRED)]
}

prop_compose! {
    fn inputs()(
        base_rate in decimal(Decimal::ZERO, Decimal::ONE_HUNDRED, 10),
        volatility_index in decimal(Decimal::ZERO, Decimal::ONE_THOUSAND, 6),
        event_risk_factor in 0u8..=10,
        minimum_rate in decimal(Decimal::ZERO, Decimal::ONE_HUNDRED, 10),
        position_value in decimal(Decimal::new(1, 2), Decimal::from(1_000_000_000), 6),
        loan_days in 1u16..=365,
        markup_percentage in decimal(Decimal::ZERO, Decimal::ONE_THOUSAND, 6),
        transaction_fee in transaction_fee(),
        day_count in day_count(),
    ) -> PricingInputs {
        PricingInputs {
            base_rate, volatility_index, event_risk_factor, minimum_rate, position_value, loan_days, markup_percentage,
            transaction_fee, day_count, coefficients: Coefficients::default(),
        }
    }
}

prop_compose! {
    /// Inputs each of whose figures lies halfway between two published values. A whole year of half the rate of an odd
    /// number of ten-thousandths is a midpoint, and so is half of any odd figure.
    fn midpoints()(
        rate in 0i64..=99,
        position in 50i64..=5_000_000_000_000,
        fee in 0i64..=9_999_999_999_999,
        percentage: bool,
        day_count in day_count(),
    ) -> PricingInputs {
        let (kind, amount) = if percentage {
            (FeeType::Percentage, Decimal::from(50))
        } else {
            (FeeType::Flat, Decimal::new(10 * fee + 5, 5))
        };
        PricingInputs {
            base_rate: Decimal::new(rate * 10_000_000 + 4_999_995, 7),
            volatility_index: Decimal::ZERO,
            event_risk_factor: 0,
            minimum_rate: Decimal::ZERO,
            position_value: Decimal::new(2 * position + 1, 4),
            loan_days: u16::try_from(day_count.days_in_year()).unwrap(),
            markup_percentage: Decimal::from(50),
            transaction_fee: TransactionFee { kind, amount },
            day_count,
            coefficients: Coefficients::default(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_price_in_range_is_the_exact_one(inputs in inputs()) {
        check(&inputs);
    }

    #[test]
    fn a_midpoint_goes_up(inputs in midpoints()) {
        let (price, unrounded) = check(&inputs);
        prop_assert!(is_midpoint(&unrounded.rate, 6) && exact(price.borrow_rate_used) > unrounded.rate);
        prop_assert!(is_midpoint(&unrounded.borrow_cost, 4) && exact(price.borrow_cost) > unrounded.borrow_cost);
        prop_assert!(is_midpoint(&unrounded.transaction_fees, 4) && exact(price.transaction_fees) > unrounded.transaction_fees);
        // The markup is half of a published cost: a midpoint whenever that cost is odd.
        let odd = price.borrow_cost.mantissa() % 2 == 1;
        prop_assert_eq!(is_midpoint(&unrounded.markup, 4), odd);
    }
}

#[test]
fn the_largest_inputs_are_exact() {
    let most = |day_count, kind, amount: i64| PricingInputs {
        base_rate: Decimal::new(999_999_999_999, 10),
        volatility_index: Decimal::new(999_999_999, 6),
        event_risk_factor: 10,
        minimum_rate: Decimal::new(999_999_999_999, 10),
        position_value: Decimal::new(999_999_999_999_999, 6),
        loan_days: 365,
        markup_percentage: Decimal::new(999_999_999, 6),
        transaction_fee: TransactionFee { kind, amount: Decimal::new(amount, 6) },
        day_count,
        coefficients: Coefficients::default(),
    };
    for day_count in [DayCount::Act365Fixed, DayCount::Act360] {
        check(&most(day_count, FeeType::Flat, 999_999_999_999_999));
        check(&most(day_count, FeeType::Percentage, 99_999_999));
    }
}
