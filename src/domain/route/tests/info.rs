//! Which spaces a client is shown as the collection's own.

use super::*;

fn shown(table: &Table, with: &With) -> Vec<(String, String)> {
    let plan = plan(table, OpKind::Info, with).unwrap();
    let mut shown: Vec<_> = plan
        .unwrite
        .vectors
        .unwrap()
        .into_iter()
        .map(|(real, name)| (real.as_str().to_owned(), name.as_str().to_owned()))
        .collect();
    shown.sort();
    shown
}

fn pairs(text: &str) -> Vec<(String, String)> {
    [("image", "image"), (text, "text"), ("words", "words")]
        .map(|(real, name)| (real.to_owned(), name.to_owned()))
        .into()
}

#[test]
fn a_client_that_says_nothing_sees_the_space_that_it_is_pinned_to() {
    for stage in [Stage::Before, Stage::Filling, Stage::Flipped] {
        assert_eq!(shown(&table(stage), &With::default()), pairs("text"));
    }
}

#[test]
fn a_client_that_names_a_model_sees_its_space() {
    let with = With {
        header: vec![NEW],
        ..With::default()
    };
    assert_eq!(shown(&table(Stage::Flipped), &with), pairs("text@new@1"));
    assert_eq!(
        reason(plan(&table(Stage::Before), OpKind::Info, &with)),
        "wrong_space"
    );
}

#[test]
fn a_client_whose_model_is_gone_or_must_be_declared_sees_the_serving_space() {
    let mut table = table(Stage::Flipped);
    for undeclared in [Undeclared::Reject, Undeclared::Pinned(id("gone@1"))] {
        let fields = &mut table.collections.get_mut("docs").unwrap().fields;
        fields.get_mut("text").unwrap().undeclared = undeclared;
        assert_eq!(shown(&table, &With::default()), pairs("text@new@1"));
    }
}
