//! What one evaluation works on. Starlark values are small: they hold places in the tables here.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::sync::Arc;

use fanfold_graph::compose::{Composer, Handle, Zip};
use fanfold_graph::definition::{RetryPolicy, SolidDefinition};
use fanfold_graph::name::{Identifier, PluginName};
use fanfold_graph::pipeline::Pipeline;
use serde_json::Value as Json;
use starlark::any::ProvidesStaticType;
use starlark::eval::Evaluator;

use super::KnownSolids;
use super::misuse::Misuse;

/// Solids, handles and pipelines that a file may make of each kind.
const MAX_ENTRIES: usize = 100_000;

/// The state of one evaluation.
#[derive(ProvidesStaticType)]
pub(super) struct Session {
    pub(super) known: KnownSolids,
    solids: RefCell<Vec<Arc<SolidUse>>>,
    handles: RefCell<Vec<Handle>>,
    zips: RefCell<Vec<Zip>>,
    /// The pipeline that is being composed.
    composer: RefCell<Option<Composer>>,
    pub(super) pipelines: RefCell<Vec<Pipeline>>,
    pub(super) printed: RefCell<Vec<String>>,
    /// How often each group was called in the pipeline that is being composed.
    pub(super) groups: RefCell<BTreeMap<Vec<Identifier>, u32>>,
    pub(super) entered_groups: RefCell<Vec<Identifier>>,
}

/// A solid as the file uses it.
#[derive(Debug, Clone)]
pub(super) struct SolidUse {
    pub(super) plugin: PluginName,
    pub(super) definition: Arc<SolidDefinition>,
    pub(super) alias: Option<Identifier>,
    pub(super) config: Option<Json>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) retry_policy: Option<RetryPolicy>,
    pub(super) timeout_ms: Option<u32>,
    pub(super) after: Vec<Handle>,
}

impl Session {
    pub(super) fn new(known: KnownSolids) -> Self {
        Self {
            known,
            solids: RefCell::default(),
            handles: RefCell::default(),
            zips: RefCell::default(),
            composer: RefCell::default(),
            pipelines: RefCell::default(),
            printed: RefCell::default(),
            groups: RefCell::default(),
            entered_groups: RefCell::default(),
        }
    }

    /// What an evaluation works on.
    pub(super) fn of<'a>(eval: &Evaluator<'_, 'a, '_>) -> &'a Self {
        eval.extra.and_then(|extra| extra.downcast_ref()).expect("every evaluation here has a session")
    }

    pub(super) fn add_solid(&self, solid: SolidUse) -> Result<u32, Misuse> {
        add(&mut self.solids.borrow_mut(), Arc::new(solid))
    }

    pub(super) fn solid(&self, place: u32) -> Arc<SolidUse> {
        Arc::clone(&self.solids.borrow()[place as usize])
    }

    pub(super) fn add_handle(&self, handle: Handle) -> Result<u32, Misuse> {
        add(&mut self.handles.borrow_mut(), handle)
    }

    pub(super) fn handle(&self, place: u32) -> Handle {
        self.handles.borrow()[place as usize].clone()
    }

    pub(super) fn add_zip(&self, zip: Zip) -> Result<u32, Misuse> {
        add(&mut self.zips.borrow_mut(), zip)
    }

    pub(super) fn zip(&self, place: u32) -> Zip {
        self.zips.borrow()[place as usize].clone()
    }

    /// The composer of the pipeline that is being composed.
    pub(super) fn composer(&self) -> Result<RefMut<'_, Composer>, Misuse> {
        RefMut::filter_map(self.composer.borrow_mut(), Option::as_mut).map_err(|_| {
            Misuse::new("a solid is called outside of a pipeline's function")
                .hint("put the call into a function, and give that to `pipeline(...)`")
        })
    }

    /// Begins a pipeline.
    pub(super) fn begin(&self, composer: Composer) -> Result<(), Misuse> {
        let mut current = self.composer.borrow_mut();
        if current.is_some() {
            return Err(Misuse::new("`pipeline(...)` is called inside a pipeline's function")
                .hint("call it at the top of the file"));
        }
        self.groups.borrow_mut().clear();
        *current = Some(composer);
        Ok(())
    }

    /// Ends the pipeline that was begun.
    pub(super) fn end(&self) -> Option<Composer> {
        self.composer.borrow_mut().take()
    }

    /// Keeps a finished pipeline.
    pub(super) fn add_pipeline(&self, pipeline: Pipeline) -> Result<(), Misuse> {
        let mut pipelines = self.pipelines.borrow_mut();
        if pipelines.iter().any(|earlier| earlier.name == pipeline.name) {
            return Err(Misuse::new(format!("the file defines two pipelines named `{}`", pipeline.name))
                .hint("give one of them another `name`"));
        }
        add(&mut pipelines, pipeline).map(|_| ())
    }
}

fn add<T>(table: &mut Vec<T>, entry: T) -> Result<u32, Misuse> {
    if table.len() >= MAX_ENTRIES {
        return Err(Misuse::new(format!(
            "the file makes more than {MAX_ENTRIES} solids, handles or pipelines"
        )));
    }
    table.push(entry);
    Ok(table.len() as u32 - 1)
}
