//! What the engine refuses and why, in Qdrant's words: one error type, put on the wire by `rest` and `grpc`.

use http::StatusCode;
use qdrant_edge::OperationError;

/// The kind of a refusal; each has one HTTP status and one gRPC code, those that Qdrant gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request contradicts the collection's schema or itself.
    BadInput,
    /// A well-formed request that cannot be executed.
    BadRequest,
    /// The body could not be parsed.
    Format,
    /// A value is out of its range (422 over REST).
    Validation,
    /// The collection, point or vector is not there.
    NotFound,
    /// The collection is there already.
    AlreadyExists,
    /// The engine itself failed: disk, corruption, a bug.
    Service,
    /// The engine does not do this; a Qdrant does.
    Unimplemented,
    /// A bound of the engine is reached.
    Busy,
}

/// A refusal. `text` is what the client reads, without the prefix of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{text}", kind.prefix())]
pub struct ApiError {
    /// What kind of refusal.
    pub kind: Kind,
    /// Why.
    pub text: String,
}

/// The engine's results.
pub type ApiResult<T> = Result<T, ApiError>;

impl Kind {
    /// Qdrant puts the kind in front of the text.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::BadInput | Self::AlreadyExists => "Wrong input: ",
            Self::BadRequest => "Bad request: ",
            Self::NotFound => "Not found: ",
            Self::Service => "Service internal error: ",
            Self::Format | Self::Validation | Self::Unimplemented | Self::Busy => "",
        }
    }

    /// The HTTP status of this kind.
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadInput | Self::BadRequest | Self::Format => StatusCode::BAD_REQUEST,
            Self::Validation => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::AlreadyExists => StatusCode::CONFLICT,
            Self::Service => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The gRPC code of this kind.
    pub fn code(self) -> tonic::Code {
        match self {
            Self::BadInput | Self::BadRequest | Self::Format | Self::Validation => {
                tonic::Code::InvalidArgument
            }
            Self::NotFound => tonic::Code::NotFound,
            Self::AlreadyExists => tonic::Code::AlreadyExists,
            Self::Service => tonic::Code::Internal,
            Self::Unimplemented => tonic::Code::Unimplemented,
            Self::Busy => tonic::Code::ResourceExhausted,
        }
    }
}

impl ApiError {
    fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }

    /// A request that contradicts the schema.
    pub fn bad_input(text: impl Into<String>) -> Self {
        Self::new(Kind::BadInput, text)
    }

    /// A request that cannot be executed.
    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, text)
    }

    /// A body that cannot be parsed; the whole text is given.
    pub fn format(text: impl Into<String>) -> Self {
        Self::new(Kind::Format, text)
    }

    /// Something is not there.
    pub fn not_found(text: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, text)
    }

    /// The name is taken.
    pub fn already_exists(text: impl Into<String>) -> Self {
        Self::new(Kind::AlreadyExists, text)
    }

    /// The engine itself failed.
    pub fn service(text: impl Into<String>) -> Self {
        Self::new(Kind::Service, text)
    }

    /// The engine's queue is full.
    pub fn busy() -> Self {
        Self::new(Kind::Busy, "Too many requests wait for the embedded engine")
    }

    /// `what` names the thing that only a Qdrant does.
    pub fn unimplemented(what: &str) -> Self {
        let text = format!("the embedded engine does not do {what}; point Interlock at a Qdrant for it");
        Self::new(Kind::Unimplemented, text)
    }

    /// A value out of range: `detail` in the shape `field: value V invalid, must be …`.
    pub fn validation(detail: impl std::fmt::Display) -> Self {
        Self::new(
            Kind::Validation,
            format!("Validation error in JSON body: [{detail}]"),
        )
    }

    /// A name in the path out of its rules.
    pub fn in_path(detail: impl std::fmt::Display) -> Self {
        Self::new(
            Kind::Validation,
            format!("Validation error in path parameters: [{detail}]"),
        )
    }

    /// A value below its bound.
    pub fn too_small(field: &str, value: usize, bound: usize) -> Self {
        Self::validation(format!(
            "{field}: value {value} invalid, must be {bound} or larger"
        ))
    }

    /// Qdrant's text for a point that is not there.
    pub fn no_point(id: &qdrant_edge::PointId) -> Self {
        Self::not_found(format!("No point with id {id} found"))
    }

    /// Qdrant's text for a collection that is not there.
    pub fn no_collection(name: &str) -> Self {
        Self::not_found(format!("Collection `{name}` doesn't exist!"))
    }
}

impl From<OperationError> for ApiError {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::PointIdError { missed_point_id } => Self::no_point(&missed_point_id),
            OperationError::WrongVectorDimension { .. }
            | OperationError::VectorNameNotExists { .. }
            | OperationError::TypeError { .. }
            | OperationError::TypeInferenceError { .. }
            | OperationError::ValidationError { .. }
            | OperationError::MissingRangeIndexForOrderBy { .. }
            | OperationError::MissingMapIndexForFacet { .. }
            | OperationError::VariableTypeError { .. }
            | OperationError::NonFiniteNumber { .. } => Self::bad_input(error.to_string()),
            OperationError::WrongSparse => {
                Self::bad_input("Conversion between sparse and regular vectors failed")
            }
            OperationError::WrongMulti => {
                Self::bad_input("Conversion between multi and regular vectors failed")
            }
            OperationError::ServiceError { description, .. } => Self::service(description),
            OperationError::InconsistentStorage { .. }
            | OperationError::OutOfMemory { .. }
            | OperationError::Cancelled { .. }
            | OperationError::Timeout { .. } => Self::service(error.to_string()),
        }
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        Self::service(error.to_string())
    }
}

impl From<ApiError> for tonic::Status {
    fn from(error: ApiError) -> Self {
        let text = error.to_string();
        // Qdrant's two faces name the body differently in their validation errors.
        let text = text
            .replacen("Validation error in JSON body", "Validation error in body", 1)
            .replacen(
                "Validation error in path parameters",
                "Validation error in body",
                1,
            );
        tonic::Status::new(error.kind.code(), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_collection_reads_as_qdrant_says_it() {
        let error = ApiError::no_collection("c");
        assert_eq!(error.to_string(), "Not found: Collection `c` doesn't exist!");
        assert_eq!(error.kind.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_validation_error_names_the_body_by_face() {
        let error = ApiError::validation("limit: value 0 invalid, must be 1 or larger");
        assert!(
            error
                .to_string()
                .starts_with("Validation error in JSON body: [limit")
        );
        let status = tonic::Status::from(error);
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        assert!(status.message().starts_with("Validation error in body: [limit"));
    }
}
