//! The part of a key that decides its slot.

/// The hash tag of a key: what is between its first `{` and the first `}`
/// after it, when that isn't empty.
///
/// The rule is that of the Redis Cluster specification and of `keyHashSlot`
/// in the server's `cluster.c`: only the first `{` counts, so `foo{}{bar}` has
/// no tag, and the tag of `foo{{bar}}zap` is `{bar`.
///
/// ```
/// # use slotkit::slot::hash_tag;
/// assert_eq!(hash_tag(b"{user1000}.following"), Some(&b"user1000"[..]));
/// assert_eq!(hash_tag(b"foo{}{bar}"), None);
/// ```
#[inline]
pub fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = memchr::memchr(b'{', key)?;
    let rest = &key[open + 1..];
    let close = memchr::memchr(b'}', rest)?;
    (close > 0).then(|| &rest[..close])
}

/// The part of a key that its slot is hashed from: the tag, or all of it.
#[inline]
pub(super) fn hashed_part(key: &[u8]) -> &[u8] {
    hash_tag(key).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_pair_counts() {
        for (key, tag) in [
            (&b"{a}b"[..], Some(&b"a"[..])),
            (b"x{a}{b}", Some(b"a")),
            (b"foo{{bar}}zap", Some(b"{bar")),
            (b"foo{}{bar}", None),
            (b"{}x", None),
            (b"}a{b", None),
            (b"}{b}", Some(b"b")),
            (b"{", None),
            (b"", None),
            (b"{\xff\x00}", Some(b"\xff\x00")),
        ] {
            assert_eq!(hash_tag(key), tag, "{}", key.escape_ascii());
        }
    }
}
