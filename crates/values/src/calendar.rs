//! Days of the proleptic Gregorian calendar, counted from 1970-01-01 and back.
//!
//! The method is Howard Hinnant's: count years from March, so that the leap day is the last day of
//! a year, and group them into eras of 400 years, which all have the same number of days.

/// Days in 400 years.
const DAYS_PER_ERA: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;

/// A date in its three parts; `month` 1 to 12, `day` 1 to 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: u8,
    pub(crate) day: u8,
}

/// The days from 1970-01-01 to a date that exists.
pub(crate) fn days_from_civil(civil: Civil) -> i64 {
    assert!((1..=12).contains(&civil.month), "a month is 1 to 12");
    assert!((1..=31).contains(&civil.day), "a day is 1 to 31");
    let year = civil.year - i64::from(civil.month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (i64::from(civil.month) + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(civil.day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970
}

/// The date a number of days after (or before) 1970-01-01.
pub(crate) fn civil_from_days(days: i64) -> Civil {
    let shifted = days + DAYS_TO_1970;
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Civil { year, month: month as u8, day: day as u8 }
}

/// Is the year a leap year?
pub(crate) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The days of a month, 28 to 31.
pub(crate) fn days_in_month(year: i64, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates_have_known_day_numbers() {
        for (year, month, day, days) in [
            (1970, 1, 1, 0),
            (1969, 12, 31, -1),
            (2000, 2, 29, 11_016),
            (2026, 11, 20, 20_777),
            (0, 3, 1, -719_468),
            (9999, 12, 31, 2_932_896),
        ] {
            let civil = Civil { year, month, day };
            assert_eq!(days_from_civil(civil), days, "{civil:?}");
            assert_eq!(civil_from_days(days), civil, "{days}");
        }
    }

    #[test]
    fn every_day_of_a_thousand_years_follows_the_one_before() {
        let mut civil = Civil { year: 1599, month: 12, day: 31 };
        let first = days_from_civil(civil);
        for days in first..first + 365_250 {
            assert_eq!(civil_from_days(days), civil);
            assert_eq!(days_from_civil(civil), days);
            civil.day += 1;
            if civil.day > days_in_month(civil.year, civil.month) {
                civil.day = 1;
                civil.month += 1;
            }
            if civil.month > 12 {
                civil.month = 1;
                civil.year += 1;
            }
        }
    }
}
