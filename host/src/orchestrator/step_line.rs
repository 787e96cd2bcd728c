//! A running step's line to the orchestrator.

use std::io;
use std::sync::Arc;

use fanfold_graph::definition::MetadataEntry;
use fanfold_graph::name::MappingKey;
use fanfold_graph::step::StepId;

use super::Shared;
use super::executions::Ticket;
use super::tray::{Handed, What};
use super::worker::Worker;
use crate::io_manager::{self, Keeper, object_path};
use crate::sandbox::{BlobRef, BlobSink, Emission, Interrupt, StepEvent, StepHost};
use crate::store::{Fact, LoggedValue};

/// Records what one execution hands over.
pub(super) struct StepLine {
    shared: Arc<Shared>,
    worker: Worker,
    step: StepId,
    ticket: Ticket,
    interrupt: Interrupt,
}

impl StepLine {
    pub(super) fn new(
        shared: Arc<Shared>,
        worker: Worker,
        step: StepId,
        ticket: Ticket,
        interrupt: Interrupt,
    ) -> Self {
        Self { shared, worker, step, ticket, interrupt }
    }

    /// Records an output whose value is kept already.
    pub(super) fn emit_logged(
        &self,
        output: u32,
        mapping_key: Option<MappingKey>,
        value: LoggedValue,
        metadata: Vec<MetadataEntry>,
    ) {
        let fact = Fact::OutputEmitted { step: self.step, output, mapping_key, value, metadata };
        let outputs = &self.shared.plan.definition(self.step.solid).outputs;
        if outputs.iter().any(|output| output.is_dynamic) {
            self.record(fact);
        } else {
            // Nobody can read it before the step has ended.
            self.shared.trays[self.worker.0].put(self.handed(fact));
        }
    }

    /// The place of an output in the definition.
    fn output(&self, name: &str) -> io::Result<u32> {
        let outputs = &self.shared.plan.definition(self.step.solid).outputs;
        let place = outputs.iter().position(|it| it.name.as_str() == name).map(|place| place as u32);
        place.ok_or_else(|| io::Error::other("an output that is not in the definition"))
    }

    /// Where a value of an output goes that has an IO manager.
    fn keeper(&self, output: u32, mapping_key: Option<&MappingKey>) -> io::Result<Option<Keeper>> {
        let definition = &self.shared.plan.definition(self.step.solid).outputs[output as usize];
        let Some(io_manager) = io_manager::chosen(definition.io_manager_key.as_deref()) else {
            return Ok(None);
        };
        let state = self.shared.lock();
        // Before anything is written: an object of a newer execution must stay as it is.
        if !state.executions.is_current(self.ticket) {
            return Err(unwanted());
        }
        let step_key = state.run.step_key(self.step);
        let path = object_path(self.shared.run_id.as_str(), &step_key, &definition.name, mapping_key);
        Ok(Some(Keeper { io_manager: io_manager.to_owned(), path }))
    }

    /// What an emission makes of the asset that its output stands for: one fact for each partition. An asset whose
    /// partitions are not fixed has those that the mapping keys say.
    fn materialized(
        &self,
        output: u32,
        mapping_key: Option<&MappingKey>,
        metadata: &[MetadataEntry],
    ) -> Vec<Fact> {
        let definition = &self.shared.plan.definition(self.step.solid).outputs[output as usize];
        if definition.asset_key.is_empty() {
            return Vec::new();
        }
        let partitions = if definition.asset_partitions.is_empty() {
            let state = self.shared.lock();
            if !state.executions.is_current(self.ticket) {
                return Vec::new();
            }
            let keys = state.run.mapping_keys(self.step).into_iter().chain(mapping_key);
            let keys: Vec<&str> = keys.map(MappingKey::as_str).collect();
            vec![Some(keys.join("/")).filter(|_| !keys.is_empty())]
        } else {
            definition.asset_partitions.iter().cloned().map(Some).collect()
        };
        let fact = |partition| Fact::Materialized {
            step: self.step,
            asset_key: definition.asset_key.clone(),
            partition,
            metadata: metadata.to_vec(),
        };
        partitions.into_iter().map(fact).collect()
    }

    /// Has something recorded, now or soon.
    fn record(&self, fact: Fact) {
        self.shared.hand_over(self.worker, self.handed(fact));
    }

    fn handed(&self, fact: Fact) -> Handed {
        Handed { step: self.step, ticket: self.ticket, what: What::Fact(fact) }
    }
}

fn unwanted() -> io::Error {
    io::Error::other("the step's work is no longer wanted")
}

impl StepHost for StepLine {
    fn emit(&mut self, emission: Emission) -> io::Result<()> {
        let output = self.output(&emission.output)?;
        let keeper = self.keeper(output, emission.mapping_key.as_ref())?;
        let value = self.shared.store.write_value(emission.value, keeper, &self.interrupt)?;
        let Emission { mapping_key, metadata, .. } = emission;
        let made = self.materialized(output, mapping_key.as_ref(), &metadata);
        self.emit_logged(output, mapping_key, value, metadata);
        for fact in made {
            self.record(fact);
        }
        Ok(())
    }

    fn report(&mut self, event: StepEvent) -> io::Result<()> {
        let step = self.step;
        match event {
            StepEvent::OutputAnnotated { output, mapping_key, metadata } => {
                let output = self.output(&output)?;
                self.record(Fact::OutputAnnotated { step, output, mapping_key, metadata });
            }
            StepEvent::Progress { done, total, message } => {
                let mut state = self.shared.lock();
                if state.executions.is_current(self.ticket) {
                    state.report.progress(step, done, total, &message);
                }
            }
            event => Fact::reported(step, event).into_iter().for_each(|fact| self.record(fact)),
        }
        Ok(())
    }

    fn open_blob(&mut self, blob: &BlobRef) -> io::Result<Box<dyn io::Read + Send>> {
        self.shared.store.open_blob(blob, &self.interrupt)
    }

    fn create_blob(&mut self, media_type: &str) -> io::Result<Box<dyn BlobSink>> {
        self.shared.store.create_blob(media_type)
    }
}
