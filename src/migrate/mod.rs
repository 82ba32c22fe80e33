//! The control loop: models, adoption, migrations from start to cutover and back. Called by the admin API (the verbs)
//! and by `app` at start-up ([`Control::resume`]). It meets the data path in the registry and the store only; it never
//! imports the engine, and decides nothing that [`crate::domain::phase`] and [`crate::domain::gate`] can decide.

mod adopt;
pub mod api;
mod appointments;
mod audit;
mod cache;
mod candidate;
mod conditions;
mod control;
mod describe;
mod driver;
mod dropping;
mod embedding;
mod error;
mod fill;
mod flip;
mod forecast;
mod gauges;
mod inner;
mod making;
mod models;
mod opening;
mod orders;
mod pace;
mod pages;
mod provenance;
mod rehearse;
mod release;
mod retire;
mod run;
mod schema;
mod settings;
mod stamp;
mod start;
mod status;
mod survey;
mod verify;
mod waiting;

pub use crate::domain::phase::{Appointment, PhaseName};
pub use crate::domain::verify::{Ask as Verify, Verification};
pub use api::{
    Adopt, AdoptVector, Adopted, AdoptedField, Audit, AuditReport, BrownoutStatus, CollectionStatus,
    CutoverReport, FieldStatus, Found, MigrationStatus, ModelAdded, ModelRow, Order, Rehearsal, Rehearse,
    Release, Released, ReleasedVector, Retire, Role, SpaceStatus, Start, Status, UndeclaredChoice, Unsourced,
    When,
};
pub use control::{Control, Parts};
pub use error::{ControlError, ErrorKind};
pub use forecast::Ahead;
pub use pace::ThrottleStatus;
pub use settings::Settings;
