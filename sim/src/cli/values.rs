//! Values of options: counts, times, parts, assignments.

use crate::run::Shard;
use std::time::Duration;

/// `20000`, `20_000`, `1e9`.
pub(super) fn count(text: &str) -> Result<u64, String> {
    number(text)
        .filter(|&n| n > 0)
        .ok_or_else(|| "give a whole number from 1, like 20000 or 1e9".to_owned())
}

/// The same, or 0.
pub(super) fn index(text: &str) -> Result<u64, String> {
    number(text).ok_or_else(|| "give a whole number, like 0 or 1e9".to_owned())
}

fn number(text: &str) -> Option<u64> {
    let plain = text.replace('_', "");
    let (digits, zeros) = plain.split_once(['e', 'E']).unwrap_or((&plain, "0"));
    let (digits, zeros) = (digits.parse::<u64>().ok()?, zeros.parse::<u32>().ok()?);
    digits.checked_mul(10u64.checked_pow(zeros)?)
}

/// `500ms`, `30s`, `5m`, `1h`, or seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    let millis = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    millis
        .filter(|&n| n > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| "give a time like 500ms, 30s, 5m or 1h".to_owned())
}

/// `2/8`.
pub(super) fn part(text: &str) -> Result<Shard, String> {
    let shard = text
        .split_once('/')
        .and_then(|(part, of)| Some(Shard { part: part.parse().ok()?, of: of.parse().ok()? }));
    shard
        .filter(|shard| (1..=shard.of).contains(&shard.part))
        .ok_or_else(|| "give part and number of parts, from 1/N to N/N".to_owned())
}

/// `name=3`.
pub(super) fn assignment(text: &str) -> Result<(String, u64), String> {
    text.split_once('=')
        .and_then(|(name, value)| Some((name.trim().to_owned(), value.trim().parse().ok()?)))
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| "give a name and a whole number, like rounds=3".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let good = ["1", "20_000", "1e9", "3E2"].map(|t| count(t).expect(t));
        assert_eq!(good, [1, 20_000, 1_000_000_000, 300]);
        for bad in ["", "0", "-1", "1.5", "e9", "1e", "1e99", "99999999999999999999", "2e19"] {
            assert!(count(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations() {
        let good = ["500ms", "30s", "7", "5m", "1h"].map(|t| duration(t).expect(t).as_millis());
        assert_eq!(good, [500, 30_000, 7_000, 300_000, 3_600_000]);
        for bad in ["", "s", "0s", "-1s", "1.5s", "5d", "99999999999999999999h", "3é"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn parts() {
        assert_eq!(part("2/8"), Ok(Shard { part: 2, of: 8 }));
        for bad in ["", "1", "0/2", "3/2", "a/b", "1/", "1/99999999999", "-1/2"] {
            assert!(part(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn assignments() {
        assert_eq!(assignment("a = 3"), Ok(("a".to_owned(), 3)));
        for bad in ["", "a", "=3", "a=", "a=-1", "a=x"] {
            assert!(assignment(bad).is_err(), "{bad}");
        }
    }
}
