//! What clients ask, as values, and how it is drawn.

use std::collections::BTreeMap;

use super::draw::Draw;

/// The models, by index.
pub const MODELS: [&str; 3] = ["a@1", "b@1", "c@1"];
pub const DIMENSION: usize = 8;
/// Few, so that requests meet at the same point.
pub const POINTS: u64 = 6;
pub const GROUPS: u64 = 3;
pub const QUERY_PROMPT: &str = "query: ";
pub const DOCUMENT_PROMPT: &str = "passage: ";

/// What a model makes of a text that has its prompt: no two models agree on any. Every component has an exact decimal.
pub fn vector(model: &str, text: &str) -> Vec<f32> {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(model.as_bytes())
        .update(b"|")
        .update(text.as_bytes());
    let mut bytes = [0; 2 * DIMENSION];
    hasher.finalize_xof().fill(&mut bytes);
    let component = |pair: &[u8]| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0;
    bytes.chunks(2).map(component).collect()
}

pub fn document(model: usize, text: &str) -> Vec<f32> {
    vector(MODELS[model], &format!("{DOCUMENT_PROMPT}{text}"))
}

pub type Payload = BTreeMap<String, String>;

/// A vector in a write.
#[derive(Clone, Debug)]
pub struct Given {
    /// The model that its name says.
    pub named: Option<usize>,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub enum Value {
    Raw(Vec<f32>),
    /// A document of the model `auto`, or, where the name or the header says a model, of none.
    Text(String),
}

#[derive(Clone, Debug)]
pub struct Point {
    pub id: u64,
    pub payload: Payload,
    pub given: Vec<Given>,
}

#[derive(Clone, Debug)]
pub enum Where {
    Ids(Vec<u64>),
    Group(u64),
}

#[derive(Clone, Debug)]
pub enum Selector {
    Ids(Vec<u64>),
    Filter(Where),
}

#[derive(Clone, Debug)]
pub enum Condition {
    Always,
    InsertOnly,
    UpdateOnly,
    Where(Where),
}

#[derive(Clone, Debug)]
pub enum Write {
    Upsert(Vec<Point>, Condition),
    Vectors(Vec<Point>, Option<Where>),
    DeleteVectors(Selector),
    Delete(Selector),
    Set(Payload, Selector),
    Overwrite(Payload, Selector),
    DeleteKeys(Vec<String>, Selector),
    Clear(Selector),
}

#[derive(Clone, Debug)]
pub enum Query {
    Raw(Vec<f32>),
    Text(String),
    Id(u64),
}

#[derive(Clone, Debug)]
pub enum Read {
    /// The nearest of all, by the model that the header or `using` says.
    Nearest(Query),
    Get(Vec<u64>),
    Scroll,
}

/// How a request says its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Nothing,
    Header(usize),
    Using(usize),
}

#[derive(Clone, Debug)]
pub enum Body {
    Writes(Vec<Write>),
    Read(Read),
}

#[derive(Clone, Debug)]
pub struct Request {
    pub is_rest: bool,
    pub said: Said,
    pub body: Body,
}

/// Draws requests. Texts and raw vectors are each of one write.
pub struct Requests {
    pub drawn: u64,
}

impl Requests {
    fn fresh(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    pub fn draw(&mut self, draw: &mut Draw) -> Request {
        let is_rest = draw.percent(50);
        let said = match draw.below(4) {
            0 | 1 => Said::Nothing,
            2 => Said::Header(draw.below(MODELS.len())),
            _ => Said::Using(draw.below(MODELS.len())),
        };
        if draw.percent(35) {
            let read = self.read(draw, &said);
            let said = match (&read, said) {
                // They name no vector to rank by.
                (Read::Get(_) | Read::Scroll, Said::Using(model)) => Said::Header(model),
                (Read::Get(_) | Read::Scroll | Read::Nearest(_), said) => said,
            };
            let body = Body::Read(read);
            return Request { is_rest, said, body };
        }
        let said = match said {
            Said::Using(_) | Said::Nothing => Said::Nothing,
            Said::Header(model) => Said::Header(model),
        };
        let count = [1, 1, 1, 2, 3][draw.below(5)];
        let writes = (0..count).map(|_| self.write(draw, &said)).collect();
        let body = Body::Writes(writes);
        Request { is_rest, said, body }
    }

    fn read(&mut self, draw: &mut Draw, said: &Said) -> Read {
        match draw.below(6) {
            0 => Read::Get(ids(draw)),
            1 => Read::Scroll,
            2 => Read::Nearest(Query::Id(id(draw))),
            3 => Read::Nearest(Query::Text(format!("question {}", self.fresh()))),
            _ => {
                let model = match said {
                    Said::Nothing => "undeclared",
                    Said::Header(model) | Said::Using(model) => MODELS[*model],
                };
                Read::Nearest(Query::Raw(vector(model, &format!("question {}", self.fresh()))))
            }
        }
    }

    fn write(&mut self, draw: &mut Draw, said: &Said) -> Write {
        match draw.below(20) {
            0..=7 => {
                let points = self.points(draw, said, true);
                let condition = match draw.below(12) {
                    0 => Condition::InsertOnly,
                    1 => Condition::UpdateOnly,
                    2 => Condition::Where(place(draw)),
                    _ => Condition::Always,
                };
                Write::Upsert(points, condition)
            }
            8..=11 => {
                let points = self.points(draw, said, false);
                Write::Vectors(points, draw.percent(20).then(|| place(draw)))
            }
            12 => Write::DeleteVectors(selector(draw)),
            13 | 14 => Write::Delete(selector(draw)),
            15 | 16 => {
                let payload = self.payload(draw, None, 40);
                Write::Set(payload, selector(draw))
            }
            17 => {
                // The group stays what it was: both kinds of selector choose one.
                let group = draw.below(GROUPS as usize) as u64;
                let ids = (1..=POINTS).filter(|id| id % GROUPS == group).collect();
                let payload = self.payload(draw, Some(group), 85);
                let selector = match draw.percent(50) {
                    true => Selector::Filter(Where::Ids(ids)),
                    false => Selector::Filter(Where::Group(group)),
                };
                Write::Overwrite(payload, selector)
            }
            18 => {
                let key = ["k0", "k1", "k2", "title"][draw.weighted(&[3, 3, 3, 1])];
                Write::DeleteKeys(vec![key.to_owned()], selector(draw))
            }
            _ => Write::Clear(selector(draw)),
        }
    }

    fn payload(&mut self, draw: &mut Draw, group: Option<u64>, titled_percent: usize) -> Payload {
        let mut payload = Payload::new();
        if let Some(group) = group {
            payload.insert("group".to_owned(), format!("g{group}"));
        }
        if draw.percent(titled_percent) {
            payload.insert("title".to_owned(), format!("title {}", self.fresh()));
        }
        for key in ["k0", "k1", "k2"] {
            if draw.percent(40) {
                payload.insert(key.to_owned(), format!("{key} {}", self.fresh()));
            }
        }
        if payload.is_empty() {
            payload.insert("k0".to_owned(), format!("k0 {}", self.fresh()));
        }
        payload
    }

    fn points(&mut self, draw: &mut Draw, said: &Said, with_payload: bool) -> Vec<Point> {
        let count = [1, 1, 2, 3][draw.below(4)];
        // Drawn with repetition: duplicates in one request.
        let ids: Vec<u64> = (0..count).map(|_| id(draw)).collect();
        ids.into_iter()
            .map(|id| {
                let payload = match with_payload {
                    true => self.payload(draw, Some(id % GROUPS), 92),
                    false => Payload::new(),
                };
                let title = payload.get("title").cloned();
                let given = self.given(draw, said, title);
                Point { id, payload, given }
            })
            .collect()
    }

    fn given(&mut self, draw: &mut Draw, said: &Said, title: Option<String>) -> Vec<Given> {
        let raw = |fresh: u64| Value::Raw(vector("raw", &format!("vector {fresh}")));
        let one = |named, value| vec![Given { named, value }];
        match draw.below(10) {
            0..=3 => {
                // The text that is stored beside it, or, in a vector update, any.
                let text = title.unwrap_or_else(|| format!("text {}", self.fresh()));
                one(None, Value::Text(text))
            }
            4..=6 => one(None, raw(self.fresh())),
            7 if *said == Said::Nothing => one(Some(draw.below(MODELS.len())), raw(self.fresh())),
            _ => {
                // Two models' vectors in one write, each with its name.
                let first = draw.below(MODELS.len());
                let second = (first + 1 + draw.below(MODELS.len() - 1)) % MODELS.len();
                let both = [first, second].map(|model| Given {
                    named: Some(model),
                    value: raw(self.fresh()),
                });
                both.to_vec()
            }
        }
    }
}

fn id(draw: &mut Draw) -> u64 {
    1 + draw.below(POINTS as usize) as u64
}

fn ids(draw: &mut Draw) -> Vec<u64> {
    let mut ids: Vec<u64> = (1..=POINTS).filter(|_| draw.percent(40)).collect();
    if ids.is_empty() {
        ids.push(id(draw));
    }
    ids
}

fn place(draw: &mut Draw) -> Where {
    match draw.percent(50) {
        true => Where::Ids(ids(draw)),
        false => Where::Group(draw.below(GROUPS as usize) as u64),
    }
}

fn selector(draw: &mut Draw) -> Selector {
    match draw.percent(50) {
        true => Selector::Ids(vec![id(draw)]),
        false => Selector::Filter(place(draw)),
    }
}
