//! Instants as `;EXPIRE=` of an authorized URL has them: `date-time` of RFC 3339 §5.6.

/// The instant of an RFC 3339 §5.6 `date-time` in seconds since 1970.
pub fn expire_secs(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't'])?;
    let number = |text: Option<&str>, digits: usize| {
        let text = text.filter(|text| text.len() == digits)?;
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok())?
    };
    let mut parts = date.split('-');
    let (year, month, day) =
        (number(parts.next(), 4)?, number(parts.next(), 2)?, number(parts.next(), 2)?);
    let zone_at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone_at);
    let clock = match clock.split_once('.') {
        Some((clock, fraction)) if number(Some(fraction), fraction.len()).is_some() => clock,
        Some(_) => return None,
        None => clock,
    };
    let mut clock = clock.split(':');
    let (hour, minute, second) =
        (number(clock.next(), 2)?, number(clock.next(), 2)?, number(clock.next(), 2)?);
    let is_whole = parts.next().is_none() && clock.next().is_none();
    let in_range = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !is_whole || !in_range {
        return None;
    }
    let offset_mins = match zone {
        "Z" | "z" => 0,
        _ => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let (hours, minutes) = (number(Some(hours), 2)?, number(Some(minutes), 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 60 + minutes;
            if zone.starts_with('-') { -offset } else { offset }
        }
    };
    let days = days_since_1970(year, month, day);
    Some(days * 86_400 + hour * 3600 + minute * 60 + second - offset_mins * 60)
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days of the Gregorian calendar, counted in years that begin in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}
