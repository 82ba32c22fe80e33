//! What the operator's verbs would do now. Reads what they read, asks the gates that they ask, and changes nothing.

use super::api::{Order, Rehearsal, Rehearse, Release, Retire, Start, When};
use super::audit::now_ms;
use super::error::{ControlError, ErrorKind};
use super::flip::{self, Direction};
use super::inner::{Inner, lock};
use super::orders::hint;
use super::retire::not_flipped;
use super::verify;
use crate::domain::gate;
use crate::domain::ids::FieldKey;
use crate::domain::model::ModelRef;
use crate::domain::phase::{Migration, Phase, Retirement, standby_name};
use crate::domain::table::{Space, Undeclared};
use crate::domain::verify::Ask;
use crate::upstream::calls::filters::{all, has_vector};

impl Rehearsal {
    fn of(key: &FieldKey) -> Self {
        Self {
            key: key.clone(),
            would: Vec::new(),
            against: Vec::new(),
            gate: None,
        }
    }

    /// Takes what a check says as a reason. What cannot be looked up is no reason, but an error.
    fn check(&mut self, checked: Result<(), ControlError>) -> Result<(), ControlError> {
        let Err(error) = checked else {
            return Ok(());
        };
        match error.kind {
            ErrorKind::NotReady if !error.reasons.is_empty() => {
                let said = error.reasons.iter().map(ToString::to_string);
                self.against.extend(said);
                Ok(())
            }
            ErrorKind::NotReady | ErrorKind::Conflict | ErrorKind::Invalid => {
                self.against.push(error.message);
                Ok(())
            }
            ErrorKind::NotFound
            | ErrorKind::Upstream
            | ErrorKind::Store
            | ErrorKind::Embedder
            | ErrorKind::Stopping => Err(error),
        }
    }

    fn step(&mut self, step: impl Into<String>) {
        self.would.push(step.into());
    }
}

impl Inner {
    /// What a verb would do.
    pub(super) async fn rehearse(&self, key: &FieldKey, verb: &Rehearse) -> Result<Rehearsal, ControlError> {
        let key = self.real(key).await?;
        let mut said = Rehearsal::of(&key);
        match verb {
            Rehearse::Start(ask) => self.rehearse_start(&mut said, ask).await?,
            Rehearse::Release(ask) => self.rehearse_release(&mut said, ask).await?,
            Rehearse::Cutover { .. }
            | Rehearse::Rollback { .. }
            | Rehearse::Order { .. }
            | Rehearse::Retire(_)
            | Rehearse::Verify(_) => {
                let migration = self.run(&key)?.state.lock().await.clone();
                self.rehearse_later(&mut said, &migration, verb).await?;
            }
        }
        if !said.against.is_empty() {
            said.would.clear();
        }
        Ok(said)
    }

    async fn rehearse_later(
        &self,
        said: &mut Rehearsal,
        migration: &Migration,
        verb: &Rehearse,
    ) -> Result<(), ControlError> {
        match verb {
            Rehearse::Cutover { to, is_forced, when } => {
                self.rehearse_flip(said, migration, (to, Direction::Forth), *is_forced)
                    .await?;
                self.rehearse_when(said, migration, *when)
            }
            Rehearse::Rollback { to } => {
                self.rehearse_flip(said, migration, (to, Direction::Back), false)
                    .await
            }
            Rehearse::Order { order } => self.rehearse_order(said, migration, *order).await,
            Rehearse::Retire(ask) => self.rehearse_retire(said, migration, ask).await,
            Rehearse::Verify(ask) => self.rehearse_verify(said, migration, *ask).await,
            Rehearse::Start(_) | Rehearse::Release(_) => Ok(()),
        }
    }

    async fn rehearse_start(&self, said: &mut Rehearsal, ask: &Start) -> Result<(), ControlError> {
        let key = said.key.clone();
        let (field, model) = (self.field(&key)?, self.resolve(&ask.to)?);
        said.check(self.may_start(&key, &field, &model).await)?;
        let known = lock(&self.runs).get(&key).cloned();
        if let Some(run) = known {
            let phase = run.state.lock().await.phase.name();
            if !phase.is_over() {
                said.step(format!(
                    "take up the migration of `{key}`, which is in phase `{phase}`"
                ));
                return Ok(());
            }
        }
        let view = self.view(&field);
        let points = self.calls.count(key.collection.as_str(), view.points()).await?;
        let untagged = match view.untagged() {
            Some(filter) => self.calls.count(key.collection.as_str(), filter).await?,
            None => 0,
        };
        let vector = standby_name(&field.name, &model.id);
        said.step(format!(
            "make the vector `{vector}` of `{}`, for `{}`",
            key.collection, model.id
        ));
        said.step(format!("give a tag to the {untagged} points that have none"));
        said.step("write to both spaces from then on");
        said.step(format!(
            "fill the {points} points of the field: `interlock migrate plan` says what that costs"
        ));
        Ok(())
    }

    async fn rehearse_flip(
        &self,
        said: &mut Rehearsal,
        migration: &Migration,
        (to, direction): (&ModelRef, Direction),
        is_forced: bool,
    ) -> Result<(), ControlError> {
        said.check(self.check_standing(&migration.key))?;
        said.check(flip::check(migration, to, direction))?;
        if !said.against.is_empty() {
            return Ok(());
        }
        let (serving, kept) = match direction {
            Direction::Forth => (&migration.to, &migration.from),
            Direction::Back => (&migration.from, &migration.to),
        };
        if migration.next_to_serve() != serving {
            said.step(format!("nothing: `{}` serves already", serving.model));
            return Ok(());
        }
        let verdict = gate::verdict(&self.evidence(migration).await?);
        let stand = verdict
            .reasons
            .iter()
            .filter(|reason| !(is_forced && reason.can_be_forced()));
        said.against.extend(stand.map(ToString::to_string));
        said.gate = Some(verdict);
        said.step(format!(
            "make `{}` serve `{}`, and keep the space of `{}` fresh for the way back",
            serving.model, migration.key, kept.model
        ));
        Ok(())
    }

    fn rehearse_when(
        &self,
        said: &mut Rehearsal,
        migration: &Migration,
        when: Option<When>,
    ) -> Result<(), ControlError> {
        let Some(when) = when else {
            return Ok(());
        };
        said.check(super::appointments::may_wait(
            &migration.key,
            migration.phase.name(),
        ))?;
        match when {
            When::Postponed => said.would = vec!["wait for a second command to flip".to_owned()],
            When::At { at_ms } => {
                said.check(super::appointments::is_ahead(at_ms, now_ms()))?;
                // What stands against it now need not stand then.
                let gate = said.gate.iter().flat_map(|gate| &gate.reasons);
                let now: Vec<String> = gate.map(ToString::to_string).collect();
                said.against.retain(|reason| !now.contains(reason));
                said.would = vec!["ask the gate at that time, and flip if it says go then".to_owned()];
                said.would
                    .extend(now.iter().map(|reason| format!("it would not now: {reason}")));
            }
            When::Never => {
                said.against.clear();
                said.would = vec!["take back what was postponed or scheduled".to_owned()];
            }
        }
        Ok(())
    }

    async fn rehearse_order(
        &self,
        said: &mut Rehearsal,
        migration: &Migration,
        order: Order,
    ) -> Result<(), ControlError> {
        let phase = migration.phase.name();
        if let Some(hint) = hint(order, phase) {
            said.against
                .push(format!("the migration is in phase `{phase}`: {hint}"));
            return Ok(());
        }
        match order {
            Order::Pause => said.step("let the backfill rest; writes go to both spaces all the same"),
            Order::Resume => said.step("let the backfill go on"),
            Order::Cancel if matches!(migration.phase, Phase::Cancelled) => {
                said.step("nothing: it is cancelled");
            }
            Order::Cancel => {
                self.say_dropped(said, migration, &migration.to).await?;
                said.step(format!("`{}` serves as before", migration.from.model));
            }
            Order::Keep => said.step(format!(
                "end the brownout: the space of `{}` stays, and is kept fresh",
                migration.from.model
            )),
        }
        Ok(())
    }

    async fn rehearse_retire(
        &self,
        said: &mut Rehearsal,
        migration: &Migration,
        ask: &Retire,
    ) -> Result<(), ControlError> {
        match &migration.phase {
            Phase::ServingNew(tally) => {
                let may = self.may_retire(migration, tally, ask).await;
                if let Ok(retirement) = &may {
                    said.step(format!(
                        "refuse reads of the space of `{}` for {} s, and longer while somebody asks",
                        migration.from.model, ask.brownout_seconds
                    ));
                    self.say_retired(said, migration, retirement).await?;
                }
                said.check(may.map(|_| ()))
            }
            Phase::Brownout(retirement) => {
                match ask.force {
                    Some(_) => said.step("end the brownout at once"),
                    None => said.step("nothing: the brownout is under way"),
                }
                self.say_retired(said, migration, retirement).await
            }
            Phase::Retiring(_) | Phase::Done(_) => {
                said.step("nothing: the space goes, or is gone");
                Ok(())
            }
            Phase::Planned
            | Phase::Opening
            | Phase::DualWriting
            | Phase::Backfilling(_)
            | Phase::Paused(_)
            | Phase::Ready(_)
            | Phase::RolledBack(_)
            | Phase::Cancelling
            | Phase::Cancelled => said.check(Err(not_flipped(migration))),
        }
    }

    async fn say_retired(
        &self,
        said: &mut Rehearsal,
        migration: &Migration,
        retirement: &Retirement,
    ) -> Result<(), ControlError> {
        said.step(self.say_snapshot(migration.key.collection.as_str()).await?);
        self.say_dropped(said, migration, &migration.from).await?;
        said.step("check that nothing else changed: counts, configuration, and a digest over every point's last write");
        match &retirement.undeclared {
            Some(Undeclared::Pinned(model)) => {
                said.step(format!(
                    "requests that declare no model mean `{model}` from then on"
                ));
            }
            Some(Undeclared::Reject) => said.step("refuse requests that declare no model from then on"),
            None => {}
        }
        Ok(())
    }

    async fn say_dropped(
        &self,
        said: &mut Rehearsal,
        migration: &Migration,
        space: &Space,
    ) -> Result<(), ControlError> {
        let collection = &migration.key.collection;
        let held = all(vec![has_vector(space.vector.as_str())]);
        let vectors = self.calls.count(collection.as_str(), held).await?;
        said.step(format!(
            "drop the vector `{}` of `{collection}`, which {vectors} points have",
            space.vector
        ));
        Ok(())
    }

    async fn rehearse_verify(
        &self,
        said: &mut Rehearsal,
        migration: &Migration,
        ask: Ask,
    ) -> Result<(), ControlError> {
        said.check(self.check_standing(&migration.key))?;
        said.check(verify::check_phase(migration))?;
        if !said.against.is_empty() {
            return Ok(());
        }
        let field = self.field_of(migration)?;
        let points = self.view(&field).points();
        let total = self
            .calls
            .count(migration.key.collection.as_str(), points)
            .await?;
        said.step(format!(
            "compare both spaces at {total} points, and embed the texts of {} anew",
            ask.sample
        ));
        if ask.repair {
            said.step("take the claims away from what differs, which is filled anew; a run without --repair lists it");
        }
        Ok(())
    }

    async fn rehearse_release(&self, said: &mut Rehearsal, ask: &Release) -> Result<(), ControlError> {
        let collection = said.key.collection.clone();
        let Some(managed) = self.registry.pin().managed(collection.as_str()).cloned() else {
            said.against.push(format!("`{collection}` is not managed"));
            return Ok(());
        };
        said.check(self.may_let_go(&collection, &managed).await.map(|_| ()))?;
        said.step(format!(
            "end the management of `{collection}`: nothing is tagged from then on"
        ));
        for field in managed.fields.values() {
            said.step(format!(
                "apps use the vector `{}` where they said `{}`",
                field.serving.vector, field.name
            ));
        }
        if ask.strip_tags {
            let points = self.calls.count(collection.as_str(), Default::default()).await?;
            said.step(format!("take the tags out of its {points} points' payloads"));
        }
        said.step("take Interlock's words out of its metadata");
        Ok(())
    }
}
