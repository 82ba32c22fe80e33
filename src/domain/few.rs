//! A list that mostly holds one item, which then needs no memory of its own.

use std::ops::{Deref, DerefMut};

/// The list. Unlike an inline vector over arrays of any size, it may stand wherever a `Vec` of borrowed items may.
#[derive(Clone, Debug)]
pub enum Few<T> {
    /// One item.
    One([T; 1]),
    /// None, or several.
    Many(Vec<T>),
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<T> Few<T> {
    /// Adds an item at the end.
    pub fn push(&mut self, item: T) {
        match self {
            Self::Many(items) if items.is_empty() => *self = Self::One([item]),
            Self::Many(items) => items.push(item),
            Self::One(_) => {
                let mut items = match std::mem::take(self) {
                    Self::One(one) => Vec::from(one),
                    Self::Many(items) => items,
                };
                items.push(item);
                *self = Self::Many(items);
            }
        }
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::One(one) => one,
            Self::Many(items) => items,
        }
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::One(one) => one,
            Self::Many(items) => items,
        }
    }
}

impl<T> From<[T; 1]> for Few<T> {
    fn from(one: [T; 1]) -> Self {
        Self::One(one)
    }
}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Few<T> {}

impl<'f, T> IntoIterator for &'f Few<T> {
    type Item = &'f T;
    type IntoIter = std::slice::Iter<'f, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut few = Self::default();
        few.extend(items);
        few
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_a_vec_would() {
        for count in 0..4 {
            let mut few: Few<usize> = (0..count).collect();
            let mut list: Vec<usize> = (0..count).collect();
            assert_eq!(*few, *list);
            few.push(7);
            list.push(7);
            few[0] += 1;
            list[0] += 1;
            assert_eq!(*few, *list);
            assert_eq!(matches!(few, Few::One(_)), list.len() == 1);
        }
    }
}
