//! Decimal numbers and money.

use deeds_values::{Currency, Decimal, Int64, Money, MoneyError};
use proptest::prelude::*;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn euro() -> Currency {
    Currency::new("EUR").unwrap()
}

#[test]
fn a_decimal_number_has_one_text() {
    for (text, canonical) in [
        ("0", "0"),
        ("-0", "0"),
        ("12.50", "12.5"),
        ("-0.000000000000000001", "-0.000000000000000001"),
        ("1.000000000000000000000", "1"),
        ("170141183460469231731.687303715884105727", "170141183460469231731.687303715884105727"),
    ] {
        assert_eq!(decimal(text).to_string(), canonical);
    }
}

#[test]
fn what_is_not_a_decimal_number_is_refused() {
    for text in [
        "",
        "-",
        ".",
        "1.",
        ".5",
        "+1",
        "01",
        "1e3",
        "1,5",
        "1 ",
        "NaN",
        "--1",
        "1.2.3",
        "1.-2",
        "0.0000000000000000001",
        "170141183460469231731.687303715884105728",
        "999999999999999999999999999999999999999999",
    ] {
        assert!(text.parse::<Decimal>().is_err(), "{text}");
    }
}

#[test]
fn what_is_not_a_64_bit_number_is_refused() {
    for text in ["", "-", "+1", "01", "-0", "1.0", "9223372036854775808", " 1"] {
        assert!(text.parse::<Int64>().is_err(), "{text}");
    }
}

#[test]
fn products_and_quotients_round_half_to_even() {
    let product = |a, b| decimal(a).checked_mul(decimal(b)).map(|n| n.to_string());
    let quotient = |a, b| decimal(a).checked_div(decimal(b)).map(|n| n.to_string());
    assert_eq!(product("1.5", "-2.5").as_deref(), Some("-3.75"));
    assert_eq!(product("0.000000000000000001", "0.5").as_deref(), Some("0"));
    assert_eq!(product("0.000000000000000003", "0.5").as_deref(), Some("0.000000000000000002"));
    assert_eq!(product("100000000000", "100000000000"), None);
    assert_eq!(quotient("1", "3").as_deref(), Some("0.333333333333333333"));
    assert_eq!(quotient("-2", "3").as_deref(), Some("-0.666666666666666667"));
    assert_eq!(quotient("1", "0"), None);
    assert_eq!(quotient("100000000000000000000", "0.1"), None);
}

#[test]
fn rounding_goes_to_the_even_neighbor() {
    let round = |text, decimals| decimal(text).round(decimals).to_string();
    assert_eq!(round("2.345", 2), "2.34");
    assert_eq!(round("2.355", 2), "2.36");
    assert_eq!(round("-2.5", 0), "-2");
    assert_eq!(round("-3.5", 0), "-4");
    assert_eq!(round("2.51", 0), "3");
    assert_eq!(decimal("-0.5").nearest(), 0);
}

#[test]
fn money_is_written_with_all_decimals_of_its_currency() {
    for text in ["12.50 EUR", "-0.05 EUR", "1200 JPY", "-0.005 KWD", "1.0000 UYW", "0.00 EUR"] {
        assert_eq!(money(text).to_string(), text);
    }
    for text in [
        "",
        "12",
        "12 EUR",
        "12.5 EUR",
        "12.500 EUR",
        "12.50",
        "12.50EUR",
        "12.50  EUR",
        "EUR 1.00",
        "12.50 eur",
        "12.50 EUX",
        "12.50 XAU",
        "1.0 JPY",
        "-0.00 EUR",
        "01.00 EUR",
        "+1.00 EUR",
        "92233720368547758.08 EUR",
        "1.00 EUR ",
        "12.50 AED AFN",
    ] {
        assert!(text.parse::<Money>().is_err(), "{text}");
    }
}

#[test]
fn money_adds_within_one_currency_only() {
    assert_eq!(money("1.10 EUR").checked_add(money("2.20 EUR")), Ok(money("3.30 EUR")));
    assert_eq!(money("1.10 EUR").checked_sub(money("2.20 EUR")), Ok(money("-1.10 EUR")));
    let mixed = money("1.10 EUR").checked_add(money("2.20 USD")).unwrap_err();
    assert_eq!(mixed.to_string(), "EUR and USD cannot be added");
    assert_eq!(money("1.00 EUR").partial_cmp(&money("2.00 USD")), None);
    assert!(money("1.00 EUR") < money("2.00 EUR"));
    assert_eq!(Money::new(i64::MAX, euro()).checked_mul(2), Err(MoneyError::OutOfRange));
}

#[test]
fn a_share_of_money_is_rounded_to_the_smallest_unit() {
    assert_eq!(money("19.99 EUR").share(decimal("0.19")), Ok(money("3.80 EUR")));
    assert_eq!(money("0.05 EUR").share(decimal("0.5")), Ok(money("0.02 EUR")));
    assert_eq!(money("-1000 JPY").share(decimal("1.0805")), Ok(money("-1080 JPY")));
    let most = Money::new(i64::MAX, euro());
    assert_eq!(most.share(decimal("18.4")), Err(MoneyError::OutOfRange));
    assert_eq!(most.share(decimal("1000")), Err(MoneyError::OutOfRange));
}

proptest! {
    #[test]
    fn money_split_sums_up_and_is_fair(units in -10_000_i64..10_000, parts in 1..50_u32) {
        let split = Money::new(units, euro()).split(parts);
        let units_of = || split.iter().map(|part| part.minor_units());
        prop_assert_eq!(units_of().sum::<i64>(), units);
        prop_assert!(units_of().max().unwrap() - units_of().min().unwrap() <= 1);
    }

    #[test]
    fn multiplying_by_whole_numbers_is_repeated_adding(number in any::<i32>(), times in -9_i32..9) {
        let number = Decimal::new(i128::from(number), 7).unwrap();
        let product = number.checked_mul(Decimal::from(times)).unwrap();
        let sum: Decimal = (0..times.abs()).map(|_| number).sum();
        prop_assert_eq!(product, if times < 0 { -sum } else { sum });
    }

    #[test]
    fn a_product_divided_comes_back(a in any::<i32>(), b in any::<i32>()) {
        prop_assume!(b != 0);
        // Nine decimals each: the product is exact.
        let [a, b] = [a, b].map(|mantissa| Decimal::new(i128::from(mantissa), 9).unwrap());
        prop_assert_eq!(a.checked_mul(b).unwrap().checked_div(b), Some(a));
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "[-+0-9.EURJPY é]{0,24}") {
        let _ = text.parse::<Decimal>();
        let _ = text.parse::<Money>();
        let _ = text.parse::<Int64>();
    }
}
