//! Reads: what comes back.

use super::*;
use crate::domain::op::{PayloadSelection, Selecting, VectorSelection, WithLookup};
use crate::domain::plan::PayloadEdit;

#[test]
fn standby_spaces_and_tags_do_not_come_back() {
    let table = table(Stage::Flipped);
    let read = Read {
        with_vectors: Some(Selecting {
            site: Site(3),
            value: VectorSelection::All,
        }),
        with_payload: Some(Selecting {
            site: Site(4),
            value: PayloadSelection::All,
        }),
        ..Read::default()
    };
    let with = With {
        header: vec!["new"],
        ..With::default()
    };
    let plan = plan(&table, OpKind::Reads(vec![read]), &with).unwrap();
    let real = ["text@new@1", "words", "image"].map(VectorName::from);
    assert_eq!(edit_at(&plan, 3), Some(&Edit::Names(real.to_vec())));
    assert_eq!(
        edit_at(&plan, 4),
        Some(&Edit::Payload(PayloadEdit::Exclude(Vec::new())))
    );
    let shown = ["text", "words", "image"].map(VectorName::from);
    assert_eq!(plan.unwrite.vectors, Some(real.into_iter().zip(shown).collect()));
}

fn selecting(site: u32, names: &[&'static str]) -> Option<Selecting<VectorSelection<'static>>> {
    Some(Selecting {
        site: Site(site),
        value: VectorSelection::Names(names.iter().map(|name| Cow::Borrowed(*name)).collect()),
    })
}

#[test]
fn all_vectors_are_asked_for_by_name() {
    // Also where no name changes: a point may hold what no schema says.
    let read = Read {
        with_vectors: Some(Selecting {
            site: Site(3),
            value: VectorSelection::All,
        }),
        ..Read::default()
    };
    let plan = plan(&table(Stage::Before), OpKind::Reads(vec![read]), &With::default()).unwrap();
    let names = ["text", "words", "image"].map(VectorName::from);
    assert_eq!(edit_at(&plan, 3), Some(&Edit::Names(names.to_vec())));
    assert_eq!(plan.unwrite.vectors, None);
}

#[test]
fn each_item_of_a_batch_gets_the_vectors_that_it_asked_for() {
    let item = |site, names: &[&'static str]| Read {
        with_vectors: selecting(site, names),
        ..Read::default()
    };
    let with = With {
        header: vec!["new"],
        ..With::default()
    };
    let items = vec![
        item(3, &["image"]),
        item(4, &["text", "words"]),
        item(5, &["text"]),
    ];
    let batch = plan(&table(Stage::Flipped), OpKind::Reads(items), &with).unwrap();
    assert_eq!(edit_at(&batch, 3), None);
    let shown = [("image", "image"), ("text@new@1", "text"), ("words", "words")];
    let shown = shown.map(|(real, name)| (VectorName::from(real), VectorName::from(name)));
    assert_eq!(batch.unwrite.vectors, Some(shown.to_vec()));
    let items = vec![item(3, &["text"]), item(4, &["text@new"])];
    let spelled = plan(&table(Stage::Flipped), OpKind::Reads(items), &with);
    assert_eq!(reason(spelled), "two_spellings");
}

#[test]
fn looked_up_records_come_back_as_their_own_collection_shows_them() {
    let looking = |stage, vectors: VectorSelection<'static>, header| {
        let read = Read {
            nodes: vec![node(1, Some("text"), InputValue::Dense(4))],
            lookup: Some(WithLookup {
                collection: "docs".into(),
                with_vectors: Selecting {
                    site: Site(6),
                    value: vectors,
                },
                with_payload: Selecting {
                    site: Site(7),
                    value: PayloadSelection::All,
                },
            }),
            ..Read::default()
        };
        let with = With {
            header,
            ..With::default()
        };
        plan(&table(stage), OpKind::Reads(vec![read]), &with)
    };
    let plan = looking(Stage::Flipped, VectorSelection::All, vec!["new"]).unwrap();
    let real = ["text@new@1", "words", "image"].map(VectorName::from);
    assert_eq!(edit_at(&plan, 6), Some(&Edit::Names(real.to_vec())));
    assert!(matches!(
        edit_at(&plan, 7),
        Some(Edit::Payload(PayloadEdit::Exclude(_)))
    ));
    let shown = ["text", "words", "image"].map(VectorName::from);
    assert_eq!(
        plan.unwrite.lookup_vectors,
        Some(real.into_iter().zip(shown).collect())
    );
    assert_eq!(plan.unwrite.vectors, None);
    let none = looking(Stage::Flipped, VectorSelection::None, vec!["new"]).unwrap();
    assert!(edit_at(&none, 6).is_none() && none.unwrite.lookup_vectors.is_none());
    let unknown = VectorSelection::Names(vec!["nowhere".into()]);
    assert_eq!(
        reason(looking(Stage::Before, unknown, Vec::new())),
        "unknown_vector"
    );
}
