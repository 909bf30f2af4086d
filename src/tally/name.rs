//! Short byte strings without an allocation: the names of tags and prefixes in samples.

use std::ops::Deref;

/// How long a name is that needs no allocation of its own.
const SHORT: usize = 22;

/// Some bytes, compared as such.
#[derive(Clone, Debug)]
pub(super) enum Name {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Box<[u8]>),
}

impl From<&[u8]> for Name {
    fn from(name: &[u8]) -> Name {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..name.len()) {
            Some(place) => {
                place.copy_from_slice(name);
                Name::Short {
                    length: name.len() as u8,
                    bytes,
                }
            }
            None => Name::Long(name.into()),
        }
    }
}

impl Deref for Name {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Name::Short { length, bytes } => &bytes[..usize::from(*length)],
            Name::Long(name) => name,
        }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        **self == **other
    }
}

impl Eq for Name {}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> std::cmp::Ordering {
        (**self).cmp(&**other)
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_and_sorts_as_its_bytes(
            one in proptest::collection::vec(0u8..3, 0..40),
            other in proptest::collection::vec(0u8..3, 0..40),
        ) {
            let names = (Name::from(one.as_slice()), Name::from(other.as_slice()));
            prop_assert_eq!(&*names.0, one.as_slice());
            prop_assert_eq!(names.0.cmp(&names.1), one.cmp(&other));
            prop_assert_eq!(names.0 == names.1, one == other);
        }
    }
}
