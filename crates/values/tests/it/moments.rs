//! Moments, spans and days.

use deeds_values::{Date, Duration, Timestamp};
use proptest::prelude::*;

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

#[test]
fn a_moment_is_written_in_utc_with_microseconds() {
    for (text, canonical) in [
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
        ("2026-11-20T08:15:00.5Z", "2026-11-20T08:15:00.500000Z"),
        ("2026-11-20T00:30:00+02:00", "2026-11-19T22:30:00.000000Z"),
        ("2026-12-31T23:59:59.999999-00:01", "2027-01-01T00:00:59.999999Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000Z"),
    ] {
        assert_eq!(moment(text).to_string(), canonical);
    }
    assert_eq!(Timestamp(1_795_162_500_000_000).to_string(), "2026-11-20T08:15:00.000000Z");
    assert_eq!(Timestamp(i64::MAX).to_string(), "+294247-01-10T04:00:54.775807Z");
}

#[test]
fn what_is_not_a_moment_is_refused() {
    for text in [
        "",
        "2026-11-20",
        "2026-11-20 08:15:00Z",
        "2026-11-20T08:15:00",
        "2026-11-20T08:15Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T23:59:60Z",
        "2026-11-20T08:15:00.1234567Z",
        "2026-11-20T08:15:00.Z",
        "2026-11-20T08:15:00+2:00",
        "2026-11-20T08:15:00+02",
        "2026-11-20T+8:15:00Z",
        "2026-11-20Té8:15:00Z",
        "+294248-01-01T00:00:00Z",
    ] {
        assert!(text.parse::<Timestamp>().is_err(), "{text}");
    }
}

#[test]
fn spans_are_written_in_hours_minutes_and_seconds() {
    for (span, text) in [
        (Duration::ZERO, "PT0S"),
        (Duration::from_hours(36), "PT36H"),
        (Duration::from_mins(90), "PT1H30M"),
        (Duration::from_millis(60_500), "PT1M0.5S"),
        (-Duration::from_mins(5), "-PT5M"),
        (Duration::from_micros(1), "PT0.000001S"),
    ] {
        assert_eq!(span.to_string(), text);
        assert_eq!(text.parse(), Ok(span));
    }
    assert_eq!("PT90M".parse(), Ok(Duration::from_mins(90)));
}

#[test]
fn what_is_not_a_span_is_refused() {
    for text in [
        "", "PT", "P1D", "PT1", "PT1M1H", "PT1H1H", "PT1.5H", "PT+1H", "PT1.S", "PT.5S", "1h",
        "PT-1H",
    ] {
        assert!(text.parse::<Duration>().is_err(), "{text}");
    }
    assert!("PT9999999999H".parse::<Duration>().is_err(), "more than 64 bits");
}

#[test]
fn what_is_not_a_date_is_refused() {
    for text in [
        "",
        "2026",
        "2026-1-01",
        "2026-01-1",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2025-02-29",
        "20260-01-01",
        "+002026-01-01",
        "-000000-01-01",
        "2026-01-01Z",
        "2026/01/01",
        "éé-01-01",
    ] {
        assert!(text.parse::<Date>().is_err(), "{text}");
    }
}

#[test]
fn days_and_months_are_added_by_the_calendar() {
    assert_eq!(date("2026-02-27").checked_add_days(2), Some(date("2026-03-01")));
    assert_eq!(date("2024-03-01").checked_add_days(-1), Some(date("2024-02-29")));
    assert_eq!(date("2026-01-31").checked_add_months(1), Some(date("2026-02-28")));
    assert_eq!(date("2026-01-31").checked_add_months(-11), Some(date("2025-02-28")));
    assert_eq!(date("2026-12-31").checked_add_months(14), Some(date("2028-02-29")));
    assert_eq!(date("2026-11-20").days_until(date("2026-12-24")), 34);
    assert_eq!(Date::new(999_999, 12, 31).unwrap().checked_add_days(1), None);
    assert_eq!(Date::new(999_999, 12, 31).unwrap().checked_add_months(1), None);
}

#[test]
fn the_weekday_counts_from_monday() {
    assert_eq!(date("2026-11-20").weekday(), 5);
    assert_eq!(date("1970-01-01").weekday(), 4);
    assert_eq!(date("1969-12-29").weekday(), 1);
    assert_eq!(date("1969-12-28").weekday(), 7);
}

#[test]
fn a_moment_falls_on_a_day_and_the_day_begins_before_it() {
    let before_1970 = moment("1969-12-31T23:59:59.999999Z");
    assert_eq!(before_1970.date(), date("1969-12-31"));
    assert_eq!(date("1969-12-31").start(), Some(moment("1969-12-31T00:00:00Z")));
    assert_eq!(Timestamp(i64::MIN).date().start(), None);
    assert_eq!(Date::new(999_999, 1, 1).unwrap().start(), None);
}

#[test]
fn moments_and_spans_add_up() {
    let start = moment("2026-11-20T08:15:00Z");
    let later = start + Duration::from_hours(24);
    assert_eq!(later, moment("2026-11-21T08:15:00Z"));
    assert_eq!(later - start, Duration::from_hours(24));
    assert_eq!(start.since(later), -Duration::from_hours(24));
    assert_eq!(Timestamp(i64::MAX).checked_add(Duration(1)), None);
    assert_eq!(Timestamp(i64::MAX).since(Timestamp(i64::MIN)), Duration(i64::MAX));
}

proptest! {
    #[test]
    fn texts_of_moments_sort_as_time_does(
        a in -62_167_219_200_000_000_i64..253_402_300_800_000_000,
        b in -62_167_219_200_000_000_i64..253_402_300_800_000_000,
    ) {
        let texts = Timestamp(a).to_string().cmp(&Timestamp(b).to_string());
        prop_assert_eq!(texts, a.cmp(&b));
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "[-+PTZHMS0-9:.é]{0,30}") {
        let _ = text.parse::<Timestamp>();
        let _ = text.parse::<Duration>();
        let _ = text.parse::<Date>();
    }
}
