//! An executor that plays solids in a few lines of Rust, and the pipelines that they are in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use fanfold::executor::{Executor, Job};
use fanfold::sandbox::*;
use fanfold_graph::compose::{Call, Composer};
use fanfold_graph::definition::{RetryPolicy, SolidDefinition};
use fanfold_graph::name::{Identifier, MappingKey, PluginName};
use fanfold_graph::plan::Plan;
use serde_json::json;

pub(crate) type OnStep = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// Solid 0 emits numbers under their own names, the next doubles each, the last sums them up.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) keys: u64,
    pub(crate) waits_for_first_clone: bool,
    pub(crate) fails_on: Option<u64>,
    /// The clone of this number does not end before all others have.
    pub(crate) waits_for_others: Option<u64>,
    /// How often each step fails, and a count of it.
    pub(crate) flaky: Option<(u32, Arc<AtomicU64>)>,
    /// Spaces that make values longer.
    pub(crate) padding: usize,
    pub(crate) on_third_clone: Option<OnStep>,
    pub(crate) gathering: Option<Arc<Gathering>>,
    pub(crate) executed: Arc<Mutex<Vec<String>>>,
    pub(crate) clones: (Mutex<u64>, Condvar),
}

/// How many clones run at once. The first ones wait until as many as may have come.
pub(crate) struct Gathering {
    expected: u64,
    /// Now, and at most so far.
    present: Mutex<(u64, u64)>,
    arrival: Condvar,
}

impl Gathering {
    pub(crate) fn of(expected: u64) -> Self {
        Self { expected, present: Mutex::default(), arrival: Condvar::new() }
    }

    pub(crate) fn most(&self) -> u64 {
        self.present.lock().unwrap().1
    }

    fn come(&self) {
        let mut present = self.present.lock().unwrap();
        present.0 += 1;
        present.1 = present.1.max(present.0);
        self.arrival.notify_all();
        drop(self.arrival.wait_while(present, |(_, most)| *most < self.expected).unwrap());
    }

    fn go(&self) {
        self.present.lock().unwrap().0 -= 1;
    }
}

impl Script {
    pub(crate) fn counting(keys: u64) -> Self {
        Self { keys, ..Self::default() }
    }

    fn emit_all(&self, host: &mut dyn StepHost) {
        for n in 0..self.keys {
            emit(host, Some(&n.to_string()), format!("{}{n}", " ".repeat(self.padding)));
        }
        if self.waits_for_first_clone {
            let begun = self.clones.0.lock().unwrap();
            drop(self.clones.1.wait_while(begun, |clones| *clones == 0).unwrap());
        }
    }

    fn double(&self, job: Job, host: &mut dyn StepHost) -> Result<(), StepFailure> {
        if let Some(gathering) = &self.gathering {
            gathering.come();
            gathering.go();
        }
        let n = number(&single(job.inputs));
        if self.waits_for_others == Some(n) {
            let ended = self.clones.0.lock().unwrap();
            let is_early = |ended: &mut u64| *ended < self.keys - 1;
            let waited = self.clones.1.wait_timeout_while(ended, Duration::from_mins(1), is_early).unwrap();
            assert!(!waited.1.timed_out(), "others do not end while this one runs");
        }
        if self.fails_on == Some(n) {
            return Err(StepFailure::new(FailureKind::SolidFailed, "no"));
        }
        emit(host, None, format!("{}{}", " ".repeat(self.padding), n * 2));
        let mut clones = self.clones.0.lock().unwrap();
        *clones += 1;
        self.clones.1.notify_all();
        if *clones == 3
            && let Some(hook) = &self.on_third_clone
            && let Some(hook) = hook.lock().unwrap().take()
        {
            hook();
        }
        Ok(())
    }
}

impl Executor for Script {
    fn execute(&self, job: Job, mut host: Box<dyn StepHost>) -> Result<StepReport, StepFailure> {
        if let Some((failures, count)) = &self.flaky
            && job.attempt < *failures
            && !job.mapping_keys.is_empty()
        {
            count.fetch_add(1, Ordering::Relaxed);
            return Err(StepFailure::new(FailureKind::SolidFailed, "not yet"));
        }
        self.executed.lock().unwrap().push(format!("{:?}{:?}", job.code, job.mapping_keys));
        match job.inputs.first().map(|input| input.name.clone()).as_deref() {
            None | Some("seed") => self.emit_all(&mut *host),
            Some("n") => self.double(job, &mut *host)?,
            Some("all") => {
                let numbers: Vec<u64> = members(job.inputs).iter().map(|text| number(text)).collect();
                assert!(numbers.is_sorted(), "not in emission order");
                emit(&mut *host, None, numbers.iter().sum::<u64>().to_string());
            }
            Some(other) => panic!("no solid has an input `{other}`"),
        }
        Ok(StepReport::default())
    }
}

pub(crate) fn emit(host: &mut dyn StepHost, key: Option<&str>, json: String) {
    let mapping_key = key.map(|key| MappingKey::new(key).unwrap());
    let value = Value::Json(json.into());
    host.emit(Emission { output: "result".to_owned(), mapping_key, value, metadata: Vec::new() }).unwrap();
}

fn number(text: &str) -> u64 {
    text.trim().parse().unwrap()
}

fn single(inputs: Vec<Input>) -> String {
    match inputs.into_iter().next().unwrap().value {
        InputValue::Single(Value::Json(text)) => text.into(),
        other => panic!("{other:?}"),
    }
}

fn members(inputs: Vec<Input>) -> Vec<String> {
    let InputValue::Items(collection) = inputs.into_iter().next().unwrap().value else { panic!("no list") };
    let texts = collection.items.map(|item| match item.unwrap() {
        CollectedItem { mapping_key: Some(_), value: Value::Json(text) } => text.into(),
        other => panic!("{other:?}"),
    });
    let texts: Vec<_> = texts.collect();
    assert_eq!(texts.len(), collection.len as usize);
    texts
}

pub(crate) fn solid(name: &str, input: &str, is_dynamic: bool) -> SolidDefinition {
    let inputs = if input.is_empty() { json!([]) } else { json!([{ "name": input }]) };
    let outputs = json!([{ "name": "result", "is_dynamic": is_dynamic }]);
    serde_json::from_value(json!({ "name": name, "inputs": inputs, "outputs": outputs })).unwrap()
}

pub(crate) fn call(definition: &SolidDefinition) -> Call<'_> {
    Call::new(PluginName::new("scripted").unwrap(), definition)
}

/// Sums up the doubles of what a generator emits.
pub(crate) fn fan_out(max_retries: u32) -> Arc<Plan> {
    let policy = RetryPolicy { max_retries, delay_ms: 1, backoff: 1.0, jitter: 0.5 };
    let mut composer = Composer::new(Identifier::new("fan_out").unwrap(), "");
    let numbers = composer.call(call(&solid("numbers", "", true))).unwrap().only().unwrap();
    let doubles = composer.map(&numbers, |composer, n| {
        let double = solid("double", "n", false);
        let tags = [("kind".to_owned(), "clone".to_owned())].into();
        composer.call(Call { retry_policy: Some(policy), tags, ..call(&double) }.with(n))?.only()
    });
    let all = composer.collect(&doubles.unwrap(), None).unwrap();
    let sum = composer.call(call(&solid("sum", "all", false)).with(all)).unwrap().only().unwrap();
    Arc::new(Plan::new(composer.finish(sum).unwrap()).unwrap())
}

/// For each number all numbers again, doubled and collected twice.
pub(crate) fn nested() -> Arc<Plan> {
    let mut composer = Composer::new(Identifier::new("nested").unwrap(), "");
    let outer = composer.call(call(&solid("numbers", "", true))).unwrap().only().unwrap();
    let lists = composer.map(&outer, |composer, n| {
        let inner = composer.call(call(&solid("inner", "seed", true)).with(n))?.only()?;
        let double =
            |composer: &mut Composer, n| composer.call(call(&solid("double", "n", false)).with(n))?.only();
        let doubles = composer.map(&inner, double)?;
        composer.collect(&doubles, None)
    });
    let all = composer.collect(&lists.unwrap(), None).unwrap();
    Arc::new(Plan::new(composer.finish(all).unwrap()).unwrap())
}
