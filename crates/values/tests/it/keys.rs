//! Keys: bytes sort as the values do; no value's bytes are a prefix of another's.

use std::fmt::Debug;

use deeds_values::{
    ActorId, Bytes, Currency, Date, Decimal, Duration, Int64, Key, KeyBytes, Lineage, Position,
    Timestamp, Uid, encode_text_prefix, prefix_end,
};
use proptest::prelude::*;
use uuid::Uuid;

/// The two invariants of a key, for two values.
#[track_caller]
fn check<K: Key + Debug>(one: K, other: K) {
    let (a, b) = (one.key_bytes(), other.key_bytes());
    assert_eq!(a.cmp(&b), one.cmp(&other), "{one:?} {a:?}, {other:?} {b:?}");
    if a.len() < b.len() {
        assert!(!b.starts_with(&a), "{one:?} is a prefix of {other:?}");
    }
}

/// Text with many zeros, 0xFF and shared beginnings: where an escape would go wrong.
fn tricky_text() -> impl Strategy<Value = String> {
    prop_oneof!["[\\x00\\x01a\u{ff}]{0,5}", any::<String>()]
}

fn tricky_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0xFF), any::<u8>()], 0..6)
}

/// Numbers near each other and near the limits.
fn near_limits() -> impl Strategy<Value = i64> {
    prop_oneof![
        -3_i64..3,
        (i64::MAX - 3)..=i64::MAX,
        i64::MIN..=(i64::MIN + 3),
        any::<i64>(),
        (-300_i64..300),
    ]
}

fn date() -> impl Strategy<Value = Date> {
    (-999_999..=999_999_i32, 1..=12_u8, 1..=28_u8)
        .prop_map(|(year, month, day)| Date::new(year, month, day).unwrap())
}

fn decimal() -> impl Strategy<Value = Decimal> {
    (near_limits(), 0..=18_u32)
        .prop_map(|(mantissa, decimals)| Decimal::new(i128::from(mantissa), decimals).unwrap())
}

proptest! {
    #[test]
    fn numbers_sort_as_they_do(a in near_limits(), b in near_limits()) {
        check(a, b);
        check(a as i8, b as i8);
        check(a as i16, b as i16);
        check(a as i32, b as i32);
        check(a as u8, b as u8);
        check(a as u16, b as u16);
        check(a as u32, b as u32);
        check(a as u64, b as u64);
        check(i128::from(a) << 63, i128::from(b) << 62);
        check(Int64(a), Int64(b));
        check(Timestamp(a), Timestamp(b));
        check(Duration(a), Duration(b));
        check(Position(a as u64), Position(b as u64));
        check(a < 0, b < 0);
    }

    #[test]
    fn texts_sort_as_they_do(a in tricky_text(), b in tricky_text()) {
        check(a.as_str(), b.as_str());
        check(Some(a.clone()), Some(b.clone()));
        check(None, Some(b.clone()));
        check(&a, &b);
        check(a, b);
    }

    #[test]
    fn bytes_sort_as_they_do(a in tricky_bytes(), b in tricky_bytes()) {
        check(Bytes(a), Bytes(b));
    }

    #[test]
    fn values_sort_as_they_do(
        dates in (date(), date()),
        decimals in (decimal(), decimal()),
        chars in any::<(char, char)>(),
        ids in any::<(u128, u128)>(),
        actors in ("[!-~]{1,9}", "[!-~]{1,9}"),
    ) {
        check(dates.0, dates.1);
        check(decimals.0, decimals.1);
        check(chars.0, chars.1);
        check(Uuid::from_u128(ids.0), Uuid::from_u128(ids.1));
        check(Uid(Uuid::from_u128(ids.0)), Uid(Uuid::from_u128(ids.1)));
        check(Lineage((ids.0 as u64).to_be_bytes()), Lineage((ids.1 as u64).to_be_bytes()));
        check(ActorId::new(actors.0).unwrap(), ActorId::new(actors.1).unwrap());
    }

    #[test]
    fn tuples_sort_as_they_do(
        a in (tricky_text(), any::<Option<bool>>(), 0..3_u8, tricky_text()),
        b in (tricky_text(), any::<Option<bool>>(), 0..3_u8, tricky_text()),
    ) {
        check((a.0.clone(),), (b.0.clone(),));
        check((a.0.clone(), a.1), (b.0.clone(), b.1));
        check((a.2, a.0.clone(), a.1), (b.2, b.0.clone(), b.1));
        check([a.0.clone(), a.3.clone()], [b.0.clone(), b.3.clone()]);
        check(a, b);
    }

    #[test]
    fn a_prefix_read_finds_what_starts_with_it(prefix in tricky_bytes(), other in tricky_bytes()) {
        let after = prefix_end(&prefix);
        let within = other >= prefix
            && after.as_ref().is_none_or(|after| other.as_slice() < after.as_slice());
        prop_assert_eq!(within, other.starts_with(&prefix));
    }

    #[test]
    fn a_text_prefix_read_finds_the_texts_that_start_with_it(
        prefix in tricky_text(),
        other in tricky_text(),
    ) {
        let mut bytes = KeyBytes::new();
        encode_text_prefix(&prefix, &mut bytes);
        prop_assert_eq!(other.key_bytes().starts_with(&bytes), other.starts_with(&prefix));
    }
}

#[test]
fn keys_have_the_documented_bytes() {
    let bytes = |key: &dyn Fn(&mut KeyBytes)| {
        let mut out = KeyBytes::new();
        key(&mut out);
        out.to_vec()
    };
    assert_eq!(bytes(&|out| 258_u32.encode(out)), [0, 0, 1, 2]);
    assert_eq!(bytes(&|out| (-1_i16).encode(out)), [0x7F, 0xFF]);
    assert_eq!(bytes(&|out| "a\0".encode(out)), [b'a', 0, 0xFF, 0, 0]);
    assert_eq!(bytes(&|out| Some(true).encode(out)), [1, 1]);
    assert_eq!(bytes(&|out| None::<u64>.encode(out)), [0]);
    assert_eq!(bytes(&|out| ((), 7_u8).encode(out)), [7]);
    assert_eq!(bytes(&|out| Currency::new("EUR").unwrap().encode(out)), *b"EUR");
    assert_eq!(bytes(&|out| encode_text_prefix("can", out)), *b"can");
}

#[test]
fn nothing_is_greater_than_every_key_that_starts_with_ff() {
    assert_eq!(prefix_end(&[]), None);
    assert_eq!(prefix_end(&[0xFF, 0xFF]), None);
    assert_eq!(prefix_end(&[1, 0xFF]).unwrap().as_slice(), [2]);
}

/// Bytes around the length that a key holds in place, of few values, so that many begin alike.
fn bytes_around_the_head() -> impl Strategy<Value = Vec<u8>> {
    (0..30_usize, prop::collection::vec(prop::sample::select(vec![0_u8, 1, 0x7F, 0xFF]), 0..4))
        .prop_map(|(alike, end)| [vec![7; alike], end].concat())
}

proptest! {
    #[test]
    fn key_bytes_compare_as_slices_do_however_they_were_put_together(
        a in bytes_around_the_head(),
        b in bytes_around_the_head(),
        at in any::<prop::sample::Index>(),
    ) {
        let (start, end) = a.split_at(at.index(a.len() + 1));
        let mut parts = KeyBytes::from_slice(start);
        parts.extend_from_slice(end);
        let (whole, other) = (KeyBytes::from_slice(&a), KeyBytes::from(b.clone()));
        prop_assert_eq!(parts.as_slice(), a.as_slice());
        prop_assert_eq!(&parts, &whole);
        prop_assert_eq!(whole.cmp(&other), a.cmp(&b));
        prop_assert_eq!(whole == other, a == b);
    }
}
