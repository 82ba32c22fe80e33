//! `interlock adopt`: which model made each of a collection's vectors, from the command line.

use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::domain::model::ModelRef;
use crate::domain::source::SourceTemplate;
use crate::domain::table::OnEmbedFailure;
use crate::migrate::{Adopt, AdoptVector, UndeclaredChoice};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnEmbedFailureArg {
    /// The write is refused, nothing is written.
    Fail,
    /// The write is made, and the point is filled in later.
    Defer,
}

/// Every vector of the collection is named once: by --vector with --model, by --field, or by --opaque. A collection
/// with one vector needs --model only.
#[derive(Clone, Debug, Args)]
pub(super) struct AdoptArgs {
    /// The collection, by its name or an alias.
    collection: String,
    /// The model that made the vectors that are there: NAME or NAME@VERSION.
    #[arg(
        long,
        value_name = "MODEL",
        required_unless_present = "field",
        conflicts_with = "field"
    )]
    model: Option<ModelRef>,
    /// A vector that --model made ('' is the unnamed one); repeatable. Left out: the collection's only one.
    #[arg(long, value_name = "NAME", requires = "model")]
    vector: Vec<String>,
    /// A vector and its model, for collections whose vectors have several; repeatable.
    #[arg(long, value_name = "NAME=MODEL")]
    field: Vec<FieldArg>,
    /// The text that the vectors are made from: payload keys in braces, e.g. '{title}\n{body}'. \n, \t and \\ are a
    /// line break, a tab and a backslash; {{ and }} are braces. Without it, clients bring the vectors of both models.
    #[arg(long, value_name = "TEMPLATE")]
    source: Option<TemplateArg>,
    /// Another --source for one --field: NAME=TEMPLATE; repeatable.
    #[arg(long, value_name = "NAME=TEMPLATE", requires = "field")]
    field_source: Vec<String>,
    /// What a request means that names no model: `pinned:MODEL`, or `reject` [default: pinned to the vector's model].
    #[arg(long, value_name = "pinned:MODEL|reject")]
    undeclared: Option<UndeclaredArg>,
    /// What a write does during a migration when the other model's vector cannot be computed.
    #[arg(long, value_enum, default_value = "defer")]
    on_embed_failure: OnEmbedFailureArg,
    /// A vector that passes untagged and unchecked; repeatable.
    #[arg(long, value_name = "NAME")]
    opaque: Vec<String>,
}

/// `NAME=MODEL`, split at the last `=`: a model has none.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FieldArg {
    vector: String,
    model: ModelRef,
}

impl FromStr for FieldArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (vector, model) = text
            .rsplit_once('=')
            .ok_or_else(|| format!("`{text}` is not NAME=MODEL"))?;
        Ok(Self {
            vector: vector.to_owned(),
            model: model.parse().map_err(|error| format!("{error}"))?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct TemplateArg(SourceTemplate);

impl FromStr for TemplateArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        SourceTemplate::parse(&unescape(text)?)
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

/// A shell passes `\n` as two characters, where the operator means a line break.
fn unescape(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('\\') => out.push('\\'),
                Some(other) => return Err(format!("`\\{other}` is unknown: write \\n, \\t or \\\\")),
                None => return Err("the template ends in a single backslash: write \\\\".to_owned()),
            },
            plain => out.push(plain),
        }
    }
    Ok(out)
}

/// `pinned:MODEL` or `reject`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UndeclaredArg(pub(super) UndeclaredChoice);

impl FromStr for UndeclaredArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let choice = match text.split_once(':') {
            None if text == "reject" => UndeclaredChoice::Reject,
            Some(("pinned", model)) => {
                UndeclaredChoice::Pinned(model.parse().map_err(|error| format!("{error}"))?)
            }
            None | Some(_) => return Err(format!("`{text}` is neither pinned:MODEL nor reject")),
        };
        Ok(Self(choice))
    }
}

impl AdoptArgs {
    /// The request, or what is wrong with the options together.
    pub(super) fn request(self) -> Result<Adopt, String> {
        let mut named: Vec<(Option<String>, ModelRef)> = self
            .field
            .iter()
            .map(|field| (Some(field.vector.clone()), field.model.clone()))
            .collect();
        if let Some(model) = &self.model {
            match self.vector.is_empty() {
                true => named.push((None, model.clone())),
                false => named.extend(
                    self.vector
                        .iter()
                        .cloned()
                        .map(|name| (Some(name), model.clone())),
                ),
            }
        }
        let mut vectors = Vec::with_capacity(named.len());
        let mut own_sources = self.own_sources()?;
        for (name, model) in named {
            let own = name.as_ref().and_then(|name| {
                let at = own_sources.iter().position(|(of, _)| of == name)?;
                Some(own_sources.swap_remove(at).1)
            });
            vectors.push(AdoptVector {
                name: name.as_deref().map(Into::into),
                model,
                source: own.or_else(|| self.source.as_ref().map(|source| source.0.clone())),
                undeclared: self.undeclared.as_ref().map(|choice| choice.0.clone()),
                on_embed_failure: match self.on_embed_failure {
                    OnEmbedFailureArg::Fail => OnEmbedFailure::Fail,
                    OnEmbedFailureArg::Defer => OnEmbedFailure::Defer,
                },
            });
        }
        if let Some((name, _)) = own_sources.first() {
            return Err(format!("`{name}` has more than one --field-source"));
        }
        Ok(Adopt {
            collection: self.collection.as_str().into(),
            vectors,
            opaque: self.opaque.iter().map(|name| name.as_str().into()).collect(),
        })
    }

    /// Each `NAME=TEMPLATE`. Names and templates may both hold `=`: the names of --field say where to split.
    fn own_sources(&self) -> Result<Vec<(String, SourceTemplate)>, String> {
        let split = |text: &String| {
            let names = self.field.iter().map(|field| field.vector.as_str());
            let of = names.filter_map(|name| Some((name, text.strip_prefix(name)?.strip_prefix('=')?)));
            let (name, template) = of
                .max_by_key(|(name, _)| name.len())
                .ok_or_else(|| format!("--field-source `{text}` names none of the --field"))?;
            Ok((name.to_owned(), template.parse::<TemplateArg>()?.0))
        };
        self.field_source.iter().map(split).collect()
    }
}
