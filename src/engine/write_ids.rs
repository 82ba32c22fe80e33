//! The write ids of one request: the first from the clock and chance, each further one its successor.

use uuid::Uuid;

use crate::domain::ids::WriteId;

/// Gives write ids.
#[derive(Debug, Default)]
pub struct WriteIds {
    latest: Option<WriteId>,
}

impl WriteIds {
    /// One that no other write has.
    pub fn draw(&mut self) -> WriteId {
        let id = match self.latest {
            Some(latest) => latest.successor(),
            None => WriteId(Uuid::now_v7()),
        };
        self.latest = Some(id);
        id
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_are_the_same_and_all_are_of_version_7() {
        const COUNT: usize = 10_000;
        let mut ids = WriteIds::default();
        let drawn: HashSet<WriteId> = (0..COUNT).map(|_| ids.draw()).collect();
        assert_eq!(drawn.len(), COUNT);
        assert!(drawn.iter().all(|id| id.0.get_version_num() == 7));
        let last = WriteId(Uuid::from_u128(u128::MAX));
        let (before, after) = (last.0.as_u128(), last.successor().0.as_u128());
        assert_eq!((before >> 62, after & ((1 << 62) - 1)), (after >> 62, 0));
    }
}
