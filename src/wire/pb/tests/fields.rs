//! Every field of every message that a scan walks, against the list of Qdrant's: none unseen, none made up.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use crate::wire::pb::scan::shapes::{self, ReadRole, ReadShape, WriteRole, WriteShape};
use crate::wire::pb::schema::{self as own, Field, Kind, Message};

/// One field of Qdrant's, of any version from 1.16 to the newest that is known.
#[derive(Debug, PartialEq)]
struct Row {
    name: String,
    kind: String,
    label: String,
    oneof: String,
}

/// Fields by message and number.
type Messages = BTreeMap<String, BTreeMap<u32, Row>>;

/// Fields of Qdrant's that are refused on purpose, with the reason.
const REFUSED: &[(&str, u32, &str)] = &[];

/// Each request that is scanned over gRPC.
const REQUESTS: &[(&str, &Message)] = &[
    ("UpsertPoints", &own::UPSERT_POINTS),
    ("DeletePoints", &own::DELETE_POINTS),
    ("UpdatePointVectors", &own::UPDATE_VECTORS),
    ("DeletePointVectors", &own::DELETE_VECTORS),
    ("SetPayloadPoints", &own::SET_PAYLOAD),
    ("DeletePayloadPoints", &own::DELETE_PAYLOAD),
    ("ClearPayloadPoints", &own::CLEAR_PAYLOAD),
    ("UpdateBatchPoints", &own::UPDATE_BATCH),
    ("CreateFieldIndexCollection", &own::CREATE_FIELD_INDEX),
    ("DeleteFieldIndexCollection", &own::DELETE_FIELD_INDEX),
    ("GetPoints", &own::GET_POINTS),
    ("ScrollPoints", &own::SCROLL_POINTS),
    ("CountPoints", &own::COUNT_POINTS),
    ("FacetCounts", &own::FACET_COUNTS),
    ("SearchPoints", &own::SEARCH_POINTS),
    ("SearchBatchPoints", &own::SEARCH_BATCH),
    ("SearchPointGroups", &own::SEARCH_GROUPS),
    ("RecommendPoints", &own::RECOMMEND_POINTS),
    ("RecommendBatchPoints", &own::RECOMMEND_BATCH),
    ("RecommendPointGroups", &own::RECOMMEND_GROUPS),
    ("DiscoverPoints", &own::DISCOVER_POINTS),
    ("DiscoverBatchPoints", &own::DISCOVER_BATCH),
    ("SearchMatrixPoints", &own::SEARCH_MATRIX),
    ("QueryPoints", &own::QUERY_POINTS),
    ("QueryBatchPoints", &own::QUERY_BATCH),
    ("QueryPointGroups", &own::QUERY_GROUPS),
    ("GetCollectionInfoRequest", &own::NAME_ONLY),
    ("CollectionExistsRequest", &own::NAME_ONLY),
];

fn messages() -> Messages {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/qdrant-proto-fields.tsv");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "the list of Qdrant's fields must stand beside the repository, in {}: {error}",
            path.display()
        )
    });
    let mut messages = Messages::new();
    for line in text.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [message, number, name, kind, label, oneof, ..] = columns[..] else {
            panic!("a row has too few columns: {line}");
        };
        let number = number.parse().unwrap_or_else(|_| panic!("a number in {line}"));
        let row = Row {
            name: name.into(),
            kind: kind.into(),
            label: label.into(),
            oneof: oneof.into(),
        };
        messages.entry(message.into()).or_default().insert(number, row);
    }
    let number = |name: &str| Row {
        name: name.into(),
        kind: "int64".into(),
        label: String::new(),
        oneof: String::new(),
    };
    let timestamp = [(1, number("seconds")), (2, number("nanos"))].into();
    messages.insert("google.protobuf.Timestamp".into(), timestamp);
    messages
}

/// What is wrong with our tables.
struct Comparison<'m> {
    messages: &'m Messages,
    done: HashSet<(*const Message, String)>,
    faults: Vec<String>,
}

impl Comparison<'_> {
    /// The list's name of a type that `message` refers to: its own nested types come first.
    fn resolve(&self, message: &str, kind: &str) -> String {
        let nested = format!("{message}.{kind}");
        match self.messages.contains_key(&nested) {
            true => nested,
            false => kind.to_owned(),
        }
    }

    fn message(&mut self, name: &str, known: &'static Message) {
        if !self.done.insert((std::ptr::from_ref(known), name.to_owned())) {
            return;
        }
        let none = BTreeMap::new();
        let rows = self.messages.get(name).unwrap_or(&none);
        let theirs: BTreeSet<u32> = rows.keys().copied().collect();
        let ours: BTreeSet<u32> = known.fields.iter().map(|field| field.number).collect();
        let refused = |number: &u32| REFUSED.iter().any(|(m, n, _)| *m == name && n == number);
        for unseen in theirs.difference(&ours).filter(|number| !refused(number)) {
            self.faults.push(format!("{name}: {unseen} is unseen"));
        }
        for made_up in ours.difference(&theirs) {
            self.faults.push(format!("{name}: {made_up} is not Qdrant's"));
        }
        for field in known.fields {
            if let Some(row) = rows.get(&field.number) {
                self.oneof(name, known, rows, field, row);
                self.field(name, field, row);
            }
        }
    }

    /// Members of one oneof there are members of one here.
    fn oneof(&mut self, name: &str, known: &Message, rows: &BTreeMap<u32, Row>, field: &Field, row: &Row) {
        for other in known.fields {
            let Some(theirs) = rows.get(&other.number) else {
                continue;
            };
            let is_one = !row.oneof.is_empty() && row.oneof == theirs.oneof;
            if is_one != (field.oneof != 0 && field.oneof == other.oneof) {
                let (a, b) = (field.number, other.number);
                self.faults
                    .push(format!("{name}: {a} and {b} differ in their oneof"));
            }
        }
    }

    fn field(&mut self, name: &str, field: &Field, row: &Row) {
        let is_list = row.label == "repeated";
        let is_map = row.kind.starts_with("map<string,");
        let is_scalar = match (row.kind.as_str(), field.kind) {
            ("float", Kind::Float) | ("double", Kind::Double) => !is_list,
            ("float", Kind::Floats) => is_list,
            ("string", Kind::Text) => true,
            ("bool" | "int64" | "uint32" | "uint64", Kind::Number) => !is_list,
            ("bool" | "int64" | "uint32" | "uint64", Kind::Numbers) => is_list,
            _ => false,
        };
        let is_right = match (field.kind, is_map) {
            (Kind::Map(entry), true) => self.entry(name, entry, row),
            (Kind::Message(inner), false) => {
                let below = self.resolve(name, &row.kind);
                // A message without fields has no rows.
                let is_there = self.messages.contains_key(&below) || inner.fields.is_empty();
                self.message(&below, inner);
                is_there
            }
            // An enum has no rows either.
            (Kind::Number, false) if !is_scalar => {
                let below = self.resolve(name, &row.kind);
                !is_list && below.starts_with(char::is_uppercase) && !self.messages.contains_key(&below)
            }
            _ => is_scalar,
        };
        if !is_right || field.is_repeated != (is_list || is_map) {
            let (number, kind, label) = (field.number, &row.kind, &row.label);
            self.faults.push(format!(
                "{name}: {number} is `{label} {kind}` and not {:?}",
                field.kind
            ));
        }
    }

    /// A map's entry: a text, and the message that it maps to.
    fn entry(&mut self, name: &str, entry: &'static Message, row: &Row) -> bool {
        let value = row.kind.trim_start_matches("map<string,").trim_end_matches('>');
        let [key, of] = entry.fields else {
            return false;
        };
        let (Kind::Text, Kind::Message(inner)) = (key.kind, of.kind) else {
            return false;
        };
        let below = self.resolve(name, value);
        self.message(&below, inner);
        (key.number, of.number) == (1, 2) && self.messages.contains_key(&below)
    }
}

#[test]
fn every_field_that_a_scan_can_meet_is_known_and_no_other() {
    let messages = messages();
    let mut comparison = Comparison {
        messages: &messages,
        done: HashSet::new(),
        faults: Vec::new(),
    };
    for (name, known) in REQUESTS {
        assert!(messages.contains_key(*name), "{name} is not in the list");
        comparison.message(name, known);
    }
    assert!(comparison.faults.is_empty(), "{:#?}", comparison.faults);
    // A comparison that does not go down compares nothing.
    for reached in [
        "Vector",
        "Condition",
        "Expression",
        "IdfParams",
        "MinShould",
        "TextQuery",
        "Value",
    ] {
        assert!(
            comparison.done.iter().any(|(_, name)| name == reached),
            "{reached}"
        );
    }
}

#[test]
fn the_comparison_finds_what_is_missing_made_up_or_of_another_type() {
    static WRONG: Message = Message {
        name: "LookupLocation",
        fields: &[own::number(1), own::texts(2), own::text(9)],
    };
    let messages = messages();
    let mut comparison = Comparison {
        messages: &messages,
        done: HashSet::new(),
        faults: Vec::new(),
    };
    comparison.message("LookupLocation", &WRONG);
    let expected = [
        "LookupLocation: 3 is unseen",
        "LookupLocation: 9 is not Qdrant's",
        "LookupLocation: 1 is ` string` and not Number",
        "LookupLocation: 2 is `optional string` and not Text",
    ];
    assert_eq!(comparison.faults, expected);
}

/// The role that a read's field must have: by its type, or where that is a plain one, by its name.
fn read_role(row: &Row) -> Option<ReadRole> {
    Some(match (row.kind.as_str(), row.name.as_str()) {
        ("Filter", _) => ReadRole::Filter,
        ("SearchParams", _) => ReadRole::Params,
        ("OrderBy", _) => ReadRole::OrderBy,
        ("WithVectorsSelector", _) => ReadRole::WithVectors,
        ("WithPayloadSelector", _) => ReadRole::WithPayload,
        ("LookupLocation", _) => ReadRole::LookupFrom,
        ("WithLookup", _) => ReadRole::WithLookup,
        ("Query", _) => ReadRole::Query,
        ("PrefetchQuery", _) => ReadRole::Prefetch,
        ("Vector" | "TargetVector" | "ContextExamplePair", _) => ReadRole::Inputs,
        ("PointId", "positive" | "negative") => ReadRole::Inputs,
        ("SparseIndices", _) => ReadRole::Indices,
        ("float", "vector") => ReadRole::Floats,
        ("string", "collection_name") => ReadRole::Collection,
        ("string", "using" | "vector_name") => ReadRole::Using,
        ("string", "group_by" | "key") => ReadRole::Key,
        // Ids that are only fetched, paging, limits, and where and how consistently is read: none is about vectors.
        ("PointId", "ids" | "offset") => return None,
        ("ShardKeySelector" | "ReadConsistency" | "RecommendStrategy", _) => return None,
        ("uint32" | "uint64" | "bool" | "float", _) => return None,
        (kind, name) => panic!("what is the role of `{kind} {name}`?"),
    })
}

#[test]
fn every_field_of_a_read_has_the_role_that_its_type_says() {
    let messages = messages();
    let reads: [(&str, &ReadShape); 13] = [
        ("GetPoints", &shapes::GET),
        ("ScrollPoints", &shapes::SCROLL),
        ("CountPoints", &shapes::COUNT),
        ("FacetCounts", &shapes::FACET),
        ("SearchPoints", &shapes::SEARCH),
        ("SearchPointGroups", &shapes::SEARCH_GROUPS),
        ("RecommendPoints", &shapes::RECOMMEND),
        ("RecommendPointGroups", &shapes::RECOMMEND_GROUPS),
        ("DiscoverPoints", &shapes::DISCOVER),
        ("SearchMatrixPoints", &shapes::SEARCH_MATRIX),
        ("QueryPoints", &shapes::QUERY),
        ("QueryPointGroups", &shapes::QUERY_GROUPS),
        ("PrefetchQuery", &shapes::PREFETCH),
    ];
    for (name, shape) in reads {
        for (number, row) in &messages[name] {
            assert_eq!(shape.role(*number), read_role(row), "{name}: {}", row.name);
        }
    }
}

/// The same for a write.
fn write_role(row: &Row) -> Option<WriteRole> {
    Some(match (row.kind.as_str(), row.name.as_str()) {
        ("string", "collection_name") => WriteRole::Collection,
        ("bool", "wait") => WriteRole::Wait,
        ("WriteOrdering", _) => WriteRole::Ordering,
        ("uint64", "timeout") => WriteRole::Timeout,
        ("PointStruct" | "PointVectors", _) => WriteRole::Points,
        ("PointsSelector", _) => WriteRole::Selector,
        ("VectorsSelector", _) => WriteRole::VectorNames,
        ("map<string,Value>", _) => WriteRole::Payload,
        ("string", "key") => WriteRole::Path,
        ("string", "keys") => WriteRole::Paths,
        ("string", "field_name") => WriteRole::FieldName,
        ("ShardKeySelector", _) => WriteRole::ShardKey,
        ("Filter", _) => WriteRole::UpdateFilter,
        ("UpdateMode", _) => WriteRole::UpdateMode,
        (kind, name) => panic!("what is the role of `{kind} {name}`?"),
    })
}

#[test]
fn every_field_of_a_write_has_the_role_that_its_type_says() {
    let messages = messages();
    let writes: [(&str, &WriteShape); 16] = [
        ("UpsertPoints", &shapes::UPSERT),
        ("DeletePoints", &shapes::DELETE),
        ("UpdatePointVectors", &shapes::UPDATE_VECTORS),
        ("DeletePointVectors", &shapes::DELETE_VECTORS),
        ("SetPayloadPoints", &shapes::SET_PAYLOAD),
        ("SetPayloadPoints", &shapes::OVERWRITE_PAYLOAD),
        ("DeletePayloadPoints", &shapes::DELETE_PAYLOAD),
        ("ClearPayloadPoints", &shapes::CLEAR_PAYLOAD),
        ("PointsUpdateOperation.PointStructList", &shapes::BATCH_UPSERT),
        ("PointsUpdateOperation.SetPayload", &shapes::BATCH_SET_PAYLOAD),
        (
            "PointsUpdateOperation.OverwritePayload",
            &shapes::BATCH_OVERWRITE_PAYLOAD,
        ),
        (
            "PointsUpdateOperation.DeletePayload",
            &shapes::BATCH_DELETE_PAYLOAD,
        ),
        (
            "PointsUpdateOperation.UpdateVectors",
            &shapes::BATCH_UPDATE_VECTORS,
        ),
        (
            "PointsUpdateOperation.DeleteVectors",
            &shapes::BATCH_DELETE_VECTORS,
        ),
        ("PointsUpdateOperation.DeletePoints", &shapes::BATCH_DELETE),
        ("PointsUpdateOperation.ClearPayload", &shapes::BATCH_CLEAR),
    ];
    for (name, shape) in writes {
        for (number, row) in &messages[name] {
            assert_eq!(shape.role(*number), write_role(row), "{name}: {}", row.name);
        }
    }
}
