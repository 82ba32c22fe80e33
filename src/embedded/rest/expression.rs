//! The JSON of a score formula.

use std::collections::HashMap;

use qdrant_edge::{Condition, DecayKind, Expression as Edge, Formula as EdgeFormula, GeoPoint, JsonPath};
use serde::Deserialize;
use serde_json::Value;

/// A formula and the values of variables that a point lacks.
#[derive(Deserialize)]
pub struct Formula {
    formula: Expression,
    #[serde(default)]
    defaults: HashMap<String, Value>,
}

#[derive(Deserialize)]
struct GeoDistance {
    origin: GeoPoint,
    to: JsonPath,
}

#[derive(Deserialize)]
struct Div {
    left: Box<Expression>,
    right: Box<Expression>,
    by_zero_default: Option<f32>,
}

#[derive(Deserialize)]
struct Pow {
    base: Box<Expression>,
    exponent: Box<Expression>,
}

#[derive(Deserialize)]
struct Decay {
    x: Box<Expression>,
    target: Option<Box<Expression>>,
    scale: Option<f32>,
    midpoint: Option<f32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Expression {
    Constant(f32),
    Variable(String),
    Condition(Box<Condition>),
    GeoDistance { geo_distance: GeoDistance },
    Datetime { datetime: String },
    DatetimeKey { datetime_key: JsonPath },
    Mult { mult: Vec<Expression> },
    Sum { sum: Vec<Expression> },
    Neg { neg: Box<Expression> },
    Abs { abs: Box<Expression> },
    Div { div: Div },
    Sqrt { sqrt: Box<Expression> },
    Pow { pow: Pow },
    Exp { exp: Box<Expression> },
    Log10 { log10: Box<Expression> },
    Ln { ln: Box<Expression> },
    LinDecay { lin_decay: Decay },
    ExpDecay { exp_decay: Decay },
    GaussDecay { gauss_decay: Decay },
}

impl From<Formula> for EdgeFormula {
    fn from(formula: Formula) -> Self {
        Self {
            formula: formula.formula.into(),
            defaults: formula.defaults,
        }
    }
}

fn boxed(expression: Expression) -> Box<Edge> {
    Box::new(expression.into())
}

fn decay(kind: DecayKind, decay: Decay) -> Edge {
    Edge::Decay {
        kind,
        x: boxed(*decay.x),
        target: decay.target.map(|target| boxed(*target)),
        midpoint: decay.midpoint,
        scale: decay.scale,
    }
}

impl From<Expression> for Edge {
    fn from(expression: Expression) -> Self {
        match expression {
            Expression::Constant(value) => Self::Constant(value),
            Expression::Variable(name) => Self::Variable(name),
            Expression::Condition(condition) => Self::Condition(condition),
            Expression::GeoDistance { geo_distance } => Self::GeoDistance {
                origin: geo_distance.origin,
                to: geo_distance.to,
            },
            Expression::Datetime { datetime } => Self::Datetime(datetime),
            Expression::DatetimeKey { datetime_key } => Self::DatetimeKey(datetime_key),
            Expression::Mult { mult } => Self::Mult(mult.into_iter().map(Self::from).collect()),
            Expression::Sum { sum } => Self::Sum(sum.into_iter().map(Self::from).collect()),
            Expression::Neg { neg } => Self::Neg(boxed(*neg)),
            Expression::Abs { abs } => Self::Abs(boxed(*abs)),
            Expression::Div { div } => Self::Div {
                left: boxed(*div.left),
                right: boxed(*div.right),
                by_zero_default: div.by_zero_default,
            },
            Expression::Sqrt { sqrt } => Self::Sqrt(boxed(*sqrt)),
            Expression::Pow { pow } => Self::Pow {
                base: boxed(*pow.base),
                exponent: boxed(*pow.exponent),
            },
            Expression::Exp { exp } => Self::Exp(boxed(*exp)),
            Expression::Log10 { log10 } => Self::Log10(boxed(*log10)),
            Expression::Ln { ln } => Self::Ln(boxed(*ln)),
            Expression::LinDecay { lin_decay } => decay(DecayKind::Lin, lin_decay),
            Expression::ExpDecay { exp_decay } => decay(DecayKind::Exp, exp_decay),
            Expression::GaussDecay { gauss_decay } => decay(DecayKind::Gauss, gauss_decay),
        }
    }
}
