//! What a step of a migration asks for beyond its own state.

/// What is to be done after the state is stored. Each may be done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make the space and its index; tag the points that have no tag.
    MakeSpace,
    /// Wait until no request is pinned to an earlier table.
    AwaitDrain,
    /// Fill what is pending, from the cursor on.
    Backfill,
    /// Look for pending points from time to time, and fill them, in both spaces.
    KeepFresh,
    /// Wait for the brownout's end; keep both spaces fresh meanwhile.
    AwaitBrownout,
    /// Drop the space that no request knows any more, once every request that knew it has answered.
    DropSpace,
}

/// The change of the routing table that goes with a step, in the same transaction as the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableChange {
    /// The target becomes the field's standby: writes go to both.
    AddStandby,
    /// The target serves, the source is kept.
    ServeTarget,
    /// The source serves, the target is kept.
    ServeSource,
    /// The target serves; the source is kept fresh, but reads of it are refused.
    CloseSource,
    /// The target serves alone.
    DropSource,
    /// The source serves alone.
    DropTarget,
}
