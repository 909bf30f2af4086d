//! Finds either of two bytes in a text.

use super::crc16::selected_kernel;
use super::ends::Ends;

/// The places of two bytes in a text, found as the separators of lists are: with the kernel that was chosen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Ends);

impl Places {
    /// Finds anew where one or the other byte is. Returns how much of the text was looked at: all of it,
    /// or as much as has some 1,500 of them.
    pub(crate) fn find(&mut self, text: &[u8], bytes: [u8; 2]) -> usize {
        self.0.clear();
        selected_kernel().either(text, bytes, &mut self.0)
    }

    /// The places that were found, ascending.
    pub(crate) fn all(&self) -> &[u32] {
        self.0.places()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_those_of_a_walk(
            text in proptest::collection::vec(proptest::sample::select(b"aaaaa,\n\xac".to_vec()), 0..9000),
        ) {
            let mut places = Places::default();
            // What was found before leaves nothing behind.
            places.find(b",,,", [b',', b'\n']);
            let mut start = 0;
            let mut found = Vec::new();
            while start < text.len() {
                let seen = places.find(&text[start..], [b',', b'\n']);
                prop_assert!(seen > 0, "every call looks at something");
                found.extend(places.all().iter().map(|place| start + *place as usize));
                start += seen;
            }
            let walked: Vec<usize> = (0..text.len()).filter(|at| b",\n".contains(&text[*at])).collect();
            prop_assert_eq!(found, walked);
        }
    }
}
