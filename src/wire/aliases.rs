//! The body of a change of aliases, as a list of actions. Strict: an action that could be read in two ways is none.

use bytes::Bytes;
use prost::Message;
use qdrant_client::qdrant::alias_operations::Action as ProtoAction;
use qdrant_client::qdrant::{ChangeAliases, CreateAlias, DeleteAlias, RenameAlias};
use serde::Deserialize;

use super::scanned::Encoding;
use crate::domain::alias::Action;
use crate::domain::refusal::Refusal;

/// The actions in their order.
///
/// # Errors
/// `malformed` where it is not understood whole: also for an action of two kinds, of which Qdrant would carry out one.
pub fn alias_actions(encoding: Encoding, message: &Bytes) -> Result<Vec<Action>, Refusal> {
    match encoding {
        Encoding::Protobuf => of_protobuf(message),
        Encoding::Json => of_json(message),
    }
}

fn malformed(why: impl std::fmt::Display) -> Refusal {
    Refusal::invalid(
        "malformed",
        format!("Format error in JSON body: the alias actions cannot be understood: {why}"),
    )
}

fn of_protobuf(message: &Bytes) -> Result<Vec<Action>, Refusal> {
    let change = ChangeAliases::decode(message.clone()).map_err(malformed)?;
    // Decoding drops what it does not know, and nothing that is known grows shorter by being written again.
    if change.encoded_len() != message.len() {
        return Err(malformed("it holds fields that this version does not know"));
    }
    let actions = change
        .actions
        .into_iter()
        .map(|operation| match operation.action {
            Some(ProtoAction::CreateAlias(CreateAlias {
                collection_name,
                alias_name,
            })) => Ok(Action::Create {
                alias: alias_name,
                collection: collection_name,
            }),
            Some(ProtoAction::RenameAlias(RenameAlias {
                old_alias_name,
                new_alias_name,
            })) => Ok(Action::Rename {
                old: old_alias_name,
                new: new_alias_name,
            }),
            Some(ProtoAction::DeleteAlias(DeleteAlias { alias_name })) => {
                Ok(Action::Delete { alias: alias_name })
            }
            None => Err(malformed("an action says nothing")),
        });
    actions.collect()
}

fn of_json(message: &Bytes) -> Result<Vec<Action>, Refusal> {
    let change: Change = serde_json::from_slice(message).map_err(malformed)?;
    let actions = change.actions.into_iter().map(|one| match one {
        OneAction {
            create_alias:
                Some(Creation {
                    alias_name,
                    collection_name,
                }),
            delete_alias: None,
            rename_alias: None,
        } => Ok(Action::Create {
            alias: alias_name,
            collection: collection_name,
        }),
        OneAction {
            create_alias: None,
            delete_alias: Some(Removal { alias_name }),
            rename_alias: None,
        } => Ok(Action::Delete { alias: alias_name }),
        OneAction {
            create_alias: None,
            delete_alias: None,
            rename_alias:
                Some(Renaming {
                    old_alias_name,
                    new_alias_name,
                }),
        } => Ok(Action::Rename {
            old: old_alias_name,
            new: new_alias_name,
        }),
        OneAction { .. } => Err(malformed(
            "each action has exactly one of `create_alias`, `delete_alias` and `rename_alias`",
        )),
    });
    actions.collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    actions: Vec<OneAction>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneAction {
    create_alias: Option<Creation>,
    delete_alias: Option<Removal>,
    rename_alias: Option<Renaming>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Creation {
    collection_name: String,
    alias_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Removal {
    alias_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Renaming {
    old_alias_name: String,
    new_alias_name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(body: &'static str) -> Result<Vec<Action>, &'static str> {
        alias_actions(Encoding::Json, &Bytes::from_static(body.as_bytes())).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn both_encodings_say_the_same() {
        let expected = vec![
            Action::Create {
                alias: "a".to_owned(),
                collection: "c".to_owned(),
            },
            Action::Rename {
                old: "a".to_owned(),
                new: "b".to_owned(),
            },
            Action::Delete {
                alias: "b".to_owned(),
            },
        ];
        let body = r#"{"actions":[{"create_alias":{"collection_name":"c","alias_name":"\u0061"}},
            {"rename_alias":{"old_alias_name":"a","new_alias_name":"b"}},{"delete_alias":{"alias_name":"b"}}]}"#;
        assert_eq!(json(body), Ok(expected.clone()));
        let action = |action| qdrant_client::qdrant::AliasOperations { action: Some(action) };
        let change = ChangeAliases {
            actions: vec![
                action(ProtoAction::CreateAlias(CreateAlias {
                    collection_name: "c".to_owned(),
                    alias_name: "a".to_owned(),
                })),
                action(ProtoAction::RenameAlias(RenameAlias {
                    old_alias_name: "a".to_owned(),
                    new_alias_name: "b".to_owned(),
                })),
                action(ProtoAction::DeleteAlias(DeleteAlias {
                    alias_name: "b".to_owned(),
                })),
            ],
            timeout: Some(5),
        };
        let message = Bytes::from(change.encode_to_vec());
        assert_eq!(alias_actions(Encoding::Protobuf, &message), Ok(expected));
        // A field of a newer server at its end.
        let newer = Bytes::from([message.as_ref(), &[0x38, 0x01]].concat());
        let refusal = alias_actions(Encoding::Protobuf, &newer).unwrap_err();
        assert_eq!(refusal.reason, "malformed");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_action() {
        for body in [
            r#"{"actions":[{"create_alias":{"collection_name":"c","alias_name":"a"},"delete_alias":{"alias_name":"a"}}]}"#,
            r#"{"actions":[{}]}"#,
            r#"{"actions":[{"swap_alias":{}}]}"#,
            r#"{"actions":[{"delete_alias":{"alias_name":"a","alias_name":"b"}}]}"#,
            r#"{"actions":[{"delete_alias":{"alias_name":"a","force":true}}]}"#,
            r#"{"actions":[]"#,
            r#"{}"#,
        ] {
            assert_eq!(json(body), Err("malformed"), "{body}");
        }
    }
}
