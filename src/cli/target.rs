//! `COLLECTION[/VECTOR]`: which field a verb is about.

use clap::Args;

use crate::domain::ids::FieldKey;

/// A field, as the command line names it.
#[derive(Clone, Debug, Args)]
pub(super) struct Target {
    /// The collection, or COLLECTION/VECTOR, split at the last slash.
    #[arg(value_name = "COLLECTION[/VECTOR]")]
    target: String,
    /// The vector ('' is the unnamed one); COLLECTION is then taken as it is, slashes and all.
    #[arg(long, value_name = "NAME")]
    vector: Option<String>,
}

impl Target {
    pub(super) fn new(target: String, vector: Option<String>) -> Self {
        Self { target, vector }
    }

    pub(super) fn key(&self) -> FieldKey {
        let (collection, vector) = match (&self.vector, self.target.rsplit_once('/')) {
            (Some(vector), _) => (self.target.as_str(), vector.as_str()),
            (None, Some((collection, vector))) => (collection, vector),
            (None, None) => (self.target.as_str(), ""),
        };
        FieldKey {
            collection: collection.into(),
            field: vector.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_split_at_its_last_slash_unless_the_vector_is_given() {
        for (target, vector, collection, field) in [
            ("docs", None, "docs", ""),
            ("docs/title", None, "docs", "title"),
            ("eu/docs/title", None, "eu/docs", "title"),
            ("eu/docs", Some(""), "eu/docs", ""),
            ("eu/docs", Some("title"), "eu/docs", "title"),
        ] {
            let key = Target::new(target.to_owned(), vector.map(str::to_owned)).key();
            assert_eq!((key.collection.as_str(), key.field.as_str()), (collection, field));
        }
    }
}
