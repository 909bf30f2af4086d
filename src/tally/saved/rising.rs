//! Lists that are written in one order, without a name twice.

/// What was last in a list that rises.
pub(super) struct Rising<T>(Option<T>);

impl<T: PartialOrd> Rising<T> {
    pub(super) fn new() -> Rising<T> {
        Rising(None)
    }

    /// Whether this may come next.
    pub(super) fn takes(&mut self, next: T) -> bool {
        let rises = self.0.as_ref().is_none_or(|last| *last < next);
        self.0 = Some(next);
        rises
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_or_falls_is_not_taken() {
        let mut rising = Rising::new();
        let taken = [3, 4, 4, 2, 9].map(|next| rising.takes(next));
        assert_eq!(taken, [true, true, false, false, true]);
    }
}
