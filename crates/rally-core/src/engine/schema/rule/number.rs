use super::RuleResult;
use crate::base::{self, Decimal, NotAnInteger};

/// Digits of a number that fits into 64 bits in any case.
const DIGITS: usize = 18;

pub(super) fn integer(raw: &str, min: i64, max: i64) -> RuleResult<'_> {
    // A number of nothing but digits is written as it is given.
    if raw.len() <= DIGITS
        && (raw.len() == 1 || !raw.starts_with('0'))
        && raw.bytes().all(|byte| byte.is_ascii_digit())
        && raw.parse().is_ok_and(|number: i64| (min..=max).contains(&number))
    {
        return Ok(raw.into());
    }
    match base::integer(raw) {
        Ok(number) if (min..=max).contains(&number) => Ok(number.to_string().into()),
        Ok(_) => Err(format!("must be {min} to {max}").into()),
        Err(NotAnInteger::NotWhole) => Err("must be a whole number".into()),
        Err(NotAnInteger::NotANumber) => Err("must be a number".into()),
    }
}

pub(super) fn decimal(raw: &str) -> RuleResult<'_> {
    let number: Decimal = raw.parse().map_err(|error| format!("{error}"))?;
    Ok(number.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, check};

    const SCORE: Rule = Rule::Integer { min: 0, max: 100 };

    #[test]
    fn numbers_are_whole_and_within_bounds() {
        check(SCORE, "0", Ok("0"));
        check(SCORE, "100", Ok("100"));
        check(SCORE, "-0", Ok("0"));
        check(SCORE, "007", Err("must be a number"));
        check(SCORE, "", Err("must be a number"));
        check(SCORE, "-1", Err("must be 0 to 100"));
        check(SCORE, "101", Err("must be 0 to 100"));
        check(SCORE, "99999999999999999999", Err("must be 0 to 100"));
        check(SCORE, "1.5", Err("must be a whole number"));
        check(SCORE, "40.0", Ok("40"));
        check(SCORE, "4e1", Ok("40"));
        check(SCORE, "1e2", Ok("100"));
        check(SCORE, "1e3", Err("must be 0 to 100"));
        check(SCORE, "1e-1", Err("must be a whole number"));
        check(SCORE, "1e999999999", Err("must be 0 to 100"));
        check(SCORE, r#""48""#, Err("must be a number"));
        check(SCORE, "true", Err("must be a number"));
    }

    #[test]
    fn decimals_keep_their_digits() {
        check(Rule::Decimal, "10.00", Ok("10.00"));
        check(Rule::Decimal, "-1.5e3", Ok("-1500"));
        check(Rule::Decimal, "-0", Ok("0"));
        check(Rule::Decimal, "0.1234567890123456789012345678", Ok("0.1234567890123456789012345678"));
        check(Rule::Decimal, "0.12345678901234567890123456789", Err("must not have more than 28 digits"));
        check(Rule::Decimal, "1e400", Err("must not have more than 28 digits"));
        check(Rule::Decimal, r#""10""#, Err("must be a number"));
        check(Rule::Decimal, "[1]", Err("must be a number"));
    }
}
