//! Score formulas from protobuf.

use qdrant_client::qdrant as pb;
use qdrant_client::qdrant::expression::Variant;
use qdrant_edge::{DecayKind, Expression, Formula, GeoPoint};

use super::filter;
use super::input::path;
use crate::embedded::errors::{ApiError, ApiResult};

/// The walk is recursive: a hostile depth must not reach the end of the stack.
const MAX_DEPTH: usize = 128;

/// # Errors
/// An expression is empty, malformed, too deep, or of a kind that this version does not know.
pub fn formula(given: pb::Formula) -> ApiResult<Formula> {
    let formula = required(given.expression, 0)?;
    let defaults = given
        .defaults
        .into_iter()
        .map(|(key, value)| (key, value.into_json()))
        .collect();
    Ok(Formula { formula, defaults })
}

fn required(given: Option<pb::Expression>, depth: usize) -> ApiResult<Expression> {
    expression(
        given.ok_or_else(|| ApiError::format("Expression is missing"))?,
        depth,
    )
}

fn boxed(given: Option<Box<pb::Expression>>, depth: usize) -> ApiResult<Box<Expression>> {
    required(given.map(|given| *given), depth).map(Box::new)
}

fn list(given: Vec<pb::Expression>, depth: usize) -> ApiResult<Vec<Expression>> {
    given.into_iter().map(|one| expression(one, depth)).collect()
}

fn expression(given: pb::Expression, depth: usize) -> ApiResult<Expression> {
    if depth > MAX_DEPTH {
        return Err(ApiError::bad_request(format!(
            "the formula is nested deeper than {MAX_DEPTH}"
        )));
    }
    let below = depth + 1;
    let variant = given
        .variant
        .ok_or_else(|| ApiError::format("Expression variant is missing"))?;
    Ok(match variant {
        Variant::Constant(value) => Expression::Constant(value),
        Variant::Variable(name) => Expression::Variable(name),
        Variant::Condition(condition) => Expression::Condition(Box::new(filter::condition(condition)?)),
        Variant::GeoDistance(distance) => {
            let origin = distance
                .origin
                .ok_or_else(|| ApiError::format("Geo distance has no origin"))?;
            Expression::GeoDistance {
                origin: geo(&origin)?,
                to: path(&distance.to)?,
            }
        }
        Variant::Datetime(text) => Expression::Datetime(text),
        Variant::DatetimeKey(key) => Expression::DatetimeKey(path(&key)?),
        Variant::Mult(given) => Expression::Mult(list(given.mult, below)?),
        Variant::Sum(given) => Expression::Sum(list(given.sum, below)?),
        Variant::Div(given) => Expression::Div {
            left: boxed(given.left, below)?,
            right: boxed(given.right, below)?,
            by_zero_default: given.by_zero_default,
        },
        Variant::Neg(given) => Expression::Neg(boxed(Some(given), below)?),
        Variant::Abs(given) => Expression::Abs(boxed(Some(given), below)?),
        Variant::Sqrt(given) => Expression::Sqrt(boxed(Some(given), below)?),
        Variant::Pow(given) => Expression::Pow {
            base: boxed(given.base, below)?,
            exponent: boxed(given.exponent, below)?,
        },
        Variant::Exp(given) => Expression::Exp(boxed(Some(given), below)?),
        Variant::Log10(given) => Expression::Log10(boxed(Some(given), below)?),
        Variant::Ln(given) => Expression::Ln(boxed(Some(given), below)?),
        Variant::ExpDecay(given) => decay(DecayKind::Exp, *given, below)?,
        Variant::GaussDecay(given) => decay(DecayKind::Gauss, *given, below)?,
        Variant::LinDecay(given) => decay(DecayKind::Lin, *given, below)?,
        Variant::Acosh(_) | Variant::Max(_) | Variant::Min(_) => {
            return Err(ApiError::unimplemented("acosh, max and min in formulas"));
        }
    })
}

fn decay(kind: DecayKind, given: pb::DecayParamsExpression, depth: usize) -> ApiResult<Expression> {
    let target = match given.target {
        Some(target) => Some(boxed(Some(target), depth)?),
        None => None,
    };
    let (midpoint, scale) = (given.midpoint, given.scale);
    Ok(Expression::Decay {
        kind,
        x: boxed(given.x, depth)?,
        target,
        midpoint,
        scale,
    })
}

fn geo(point: &pb::GeoPoint) -> ApiResult<GeoPoint> {
    serde_json::from_value(serde_json::json!({"lon": point.lon, "lat": point.lat}))
        .map_err(|error| ApiError::format(format!("Malformed geo point: {error}")))
}
