//! Redis' own glob, as in `KEYS` and `SCAN MATCH`.
//!
//! The rules are those of `stringmatchlen` in the server's `util.c`: `*`, `?`,
//! `[a-z]`, `[^a]`, and a backslash before what is meant literally; a class
//! that isn't closed ends with the pattern. Keys are bytes. Unlike the
//! server's, this reader needs no recursion: its time is at most the product
//! of both lengths.

/// A pattern that keys match or don't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// `*`
    AnyBytes,
    /// `?`, `[…]` or a byte that is meant: one of these.
    OneOf([u64; 4]),
}

impl Glob {
    /// Reads a pattern; every text is one.
    pub fn new(pattern: &[u8]) -> Glob {
        let mut tokens = Vec::new();
        let mut rest = pattern;
        while let Some((first, behind)) = rest.split_first() {
            rest = behind;
            let token = match first {
                b'*' => Token::AnyBytes,
                b'?' => Token::OneOf([u64::MAX; 4]),
                b'[' => Token::OneOf(class(&mut rest)),
                b'\\' if !rest.is_empty() => {
                    let byte = rest[0];
                    rest = &rest[1..];
                    one(byte)
                }
                byte => one(*byte),
            };
            if !(token == Token::AnyBytes && tokens.last() == Some(&Token::AnyBytes)) {
                tokens.push(token);
            }
        }
        Glob(tokens)
    }

    /// Whether a key matches.
    pub fn matches(&self, key: &[u8]) -> bool {
        let (mut token, mut byte) = (0, 0);
        // Where to go on when what follows the last star doesn't fit: one byte further.
        let mut retry: Option<(usize, usize)> = None;
        while byte < key.len() {
            match self.0.get(token) {
                Some(Token::AnyBytes) => {
                    retry = Some((token + 1, byte));
                    token += 1;
                }
                Some(Token::OneOf(bytes)) if contains(bytes, key[byte]) => {
                    token += 1;
                    byte += 1;
                }
                _ => {
                    let Some((behind_star, from)) = retry else {
                        return false;
                    };
                    retry = Some((behind_star, from + 1));
                    (token, byte) = (behind_star, from + 1);
                }
            }
        }
        self.0[token..]
            .iter()
            .all(|token| *token == Token::AnyBytes)
    }
}

fn one(byte: u8) -> Token {
    let mut bytes = [0; 4];
    insert(&mut bytes, byte);
    Token::OneOf(bytes)
}

/// Reads a class behind its `[`.
fn class(rest: &mut &[u8]) -> [u64; 4] {
    let mut bytes = [0; 4];
    let is_negated = rest.first() == Some(&b'^');
    if is_negated {
        *rest = &rest[1..];
    }
    loop {
        match **rest {
            [] => break,
            [b'\\', byte, ..] => {
                insert(&mut bytes, byte);
                *rest = &rest[2..];
            }
            [b']', ..] => {
                *rest = &rest[1..];
                break;
            }
            [from, b'-', to, ..] => {
                (from.min(to)..=from.max(to)).for_each(|byte| insert(&mut bytes, byte));
                *rest = &rest[3..];
            }
            [byte, ..] => {
                insert(&mut bytes, byte);
                *rest = &rest[1..];
            }
        }
    }
    if is_negated {
        bytes.map(|word| !word)
    } else {
        bytes
    }
}

fn insert(bytes: &mut [u64; 4], byte: u8) {
    bytes[usize::from(byte / 64)] |= 1 << (byte % 64);
}

fn contains(bytes: &[u64; 4], byte: u8) -> bool {
    bytes[usize::from(byte / 64)] & (1 << (byte % 64)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `stringmatchlen`, line by line, as slow as it is.
    fn as_the_server(pattern: &[u8], key: &[u8]) -> bool {
        let (mut p, mut s) = (pattern, key);
        while !p.is_empty() && !s.is_empty() {
            match p[0] {
                b'*' => {
                    while p.len() > 1 && p[1] == b'*' {
                        p = &p[1..];
                    }
                    if p.len() == 1 {
                        return true;
                    }
                    return (0..=s.len()).any(|from| as_the_server(&p[1..], &s[from..]));
                }
                b'?' => s = &s[1..],
                b'[' => {
                    p = &p[1..];
                    let not = !p.is_empty() && p[0] == b'^';
                    if not {
                        p = &p[1..];
                    }
                    let mut found = false;
                    loop {
                        if p.len() >= 2 && p[0] == b'\\' {
                            p = &p[1..];
                            found |= p[0] == s[0];
                        } else if p.is_empty() || p[0] == b']' {
                            break;
                        } else if p.len() >= 3 && p[1] == b'-' {
                            let (low, high) = (p[0].min(p[2]), p[0].max(p[2]));
                            found |= (low..=high).contains(&s[0]);
                            p = &p[2..];
                        } else {
                            found |= p[0] == s[0];
                        }
                        p = &p[1..];
                    }
                    if found == not {
                        return false;
                    }
                    s = &s[1..];
                }
                _ => {
                    if p[0] == b'\\' && p.len() >= 2 {
                        p = &p[1..];
                    }
                    if p[0] != s[0] {
                        return false;
                    }
                    s = &s[1..];
                }
            }
            p = p.get(1..).unwrap_or_default();
        }
        if s.is_empty() {
            while p.first() == Some(&b'*') {
                p = &p[1..];
            }
        }
        p.is_empty() && s.is_empty()
    }

    #[test]
    fn the_servers_examples() {
        for (pattern, key, is_match) in [
            ("h?llo", "hallo", true),
            ("h*llo", "heeeello", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hello", false),
            ("h[a-b]llo", "hbllo", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(
                Glob::new(pattern.as_bytes()).matches(key.as_bytes()),
                is_match,
                "{pattern}"
            );
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = b"a*".repeat(200);
        assert!(!Glob::new(&[&pattern[..], b"b"].concat()).matches(&b"a".repeat(5000)));
    }

    proptest! {
        #[test]
        fn agrees_with_the_server(
            pattern in proptest::collection::vec(proptest::sample::select(b"ab*?[]^-\\c".to_vec()), 0..9),
            key in proptest::collection::vec(proptest::sample::select(b"abc^]-\\".to_vec()), 0..9),
        ) {
            prop_assert_eq!(Glob::new(&pattern).matches(&key), as_the_server(&pattern, &key));
        }
    }
}
