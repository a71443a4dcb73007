//! The trace that a call is part of: the `traceparent` header of W3C Trace Context (<https://www.w3.org/TR/trace-context/>).
//! What does not parse is ignored, as the standard asks for, and nothing but its digits is ever kept.

/// Who started the trace, and which of its spans calls us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trace {
    /// 32 hexadecimal digits.
    pub(super) trace_id: String,
    /// 16 hexadecimal digits.
    pub(super) parent_id: String,
    /// True if the caller keeps the trace.
    pub(super) is_sampled: bool,
}

impl Trace {
    /// `version-traceid-parentid-flags`; versions above 0 may have more behind.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let mut fields = header.split('-');
        let (version, trace_id) = (digits(fields.next()?, 2)?, digits(fields.next()?, 32)?);
        let (parent_id, flags) = (digits(fields.next()?, 16)?, digits(fields.next()?, 2)?);
        let is_zero = |id: &str| id.bytes().all(|digit| digit == b'0');
        let is_known = version != "ff" && (version != "00" || fields.next().is_none());
        let is_valid = is_known && !is_zero(trace_id) && !is_zero(parent_id);
        // The lowest bit; the others are reserved.
        let is_sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
        is_valid.then(|| Self { trace_id: trace_id.to_owned(), parent_id: parent_id.to_owned(), is_sampled })
    }
}

/// The field, if it is this many lower-case hexadecimal digits.
fn digits(field: &str, n_digits: usize) -> Option<&str> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (field.len() == n_digits && field.bytes().all(is_digit)).then_some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trace_context_is_taken() {
        let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let check = |header: String, is_valid: bool| {
            let expected = is_valid.then(|| Trace {
                trace_id: trace.to_owned(),
                parent_id: parent.to_owned(),
                is_sampled: !header.ends_with("-00"),
            });
            assert_eq!(Trace::parse(&header), expected, "{header}");
        };
        check(format!("00-{trace}-{parent}-01"), true);
        check(format!("00-{trace}-{parent}-00"), true);
        check(format!("cc-{trace}-{parent}-01-more"), true);
        check(format!("00-{trace}-{parent}-01-more"), false);
        check(format!("ff-{trace}-{parent}-01"), false);
        check(format!("00-{trace}-{parent}"), false);
        check(format!("00-{}-{parent}-01", trace.to_uppercase()), false);
        check(format!("00-{}-{parent}-01", "0".repeat(32)), false);
        check(format!("00-{trace}-{}-01", "0".repeat(16)), false);
        check(format!("00-{trace}é-{parent}-01"), false);
        check(String::new(), false);
    }
}
