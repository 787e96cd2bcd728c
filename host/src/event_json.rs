//! A run's event log as a program reads it: one JSON object for each entry.
//!
//! Every object has `seq`, `at_ms` and `event`; those about a step have `step`, its key.

use fanfold_graph::run::Run;
use fanfold_graph::step::StepId;
use serde_json::{Map, Value as Json, json};

use crate::store::{Entry, Fact, LoggedValue, ValueForm};

/// An entry as JSON. `run` is the run's state after the entry, and [knows](Run::knows) the step that it is about.
pub fn event_json(run: &Run, entry: &Entry) -> Json {
    let (event, facts) = told(run, &entry.fact);
    let mut object = Map::new();
    object.insert("seq".to_owned(), entry.seq.into());
    object.insert("at_ms".to_owned(), entry.at_ms.into());
    object.insert("event".to_owned(), event.into());
    if let Some(step) = entry.fact.step() {
        object.insert("step".to_owned(), run.step_key(step).to_string().into());
    }
    if let Json::Object(facts) = facts {
        object.extend(facts.into_iter().filter(|(_, fact)| !is_nothing(fact)));
    }
    Json::Object(object)
}

/// The event's name, and what is known of it.
fn told(run: &Run, fact: &Fact) -> (&'static str, Json) {
    match fact {
        Fact::StepStarted { step } => ("step_started", json!({ "attempt": run.attempt(*step) })),
        Fact::OutputEmitted { step, output, mapping_key, value, metadata } => {
            let facts = json!({
                "output": output_name(run, *step, *output),
                "mapping_key": mapping_key,
                "value": value_json(value),
                "metadata": metadata,
            });
            ("output_emitted", facts)
        }
        Fact::OutputAnnotated { step, output, mapping_key, metadata } => {
            let output = output_name(run, *step, *output);
            let facts = json!({ "output": output, "mapping_key": mapping_key, "metadata": metadata });
            ("output_annotated", facts)
        }
        Fact::StepSucceeded { report, .. } => ("step_succeeded", json!({ "report": report })),
        Fact::StepFailed { retry_after_ms, failure, .. } => {
            ("step_failed", json!({ "retry_after_ms": retry_after_ms, "failure": failure }))
        }
        Fact::StepCanceled { .. } => ("step_canceled", Json::Null),
        Fact::StepTaken { .. } => ("step_taken", Json::Null),
        Fact::RunCanceled => ("run_canceled", Json::Null),
        Fact::RunResumed => ("run_resumed", Json::Null),
        Fact::Logged { level, source, message, .. } => {
            ("logged", json!({ "level": level, "source": source, "message": message }))
        }
        Fact::Materialized { asset_key, partition, metadata, .. } => {
            ("materialized", json!({ "asset_key": asset_key, "partition": partition, "metadata": metadata }))
        }
        Fact::HookEnded { hook, failure, .. } => ("hook_ended", json!({ "hook": hook, "failure": failure })),
        Fact::Expectation { label, passed, metadata, .. } => {
            ("expectation", json!({ "label": label, "passed": passed, "metadata": metadata }))
        }
    }
}

fn output_name(run: &Run, step: StepId, output: u32) -> Option<&str> {
    let outputs = &run.plan().definition(step.solid).outputs;
    outputs.get(output as usize).map(|output| output.name.as_str())
}

/// What a value is and how large; its content is for `fanfold outputs`.
fn value_json(value: &LoggedValue) -> Json {
    match value {
        LoggedValue::Json(text) => json!({ "form": "json", "bytes": text.len() }),
        LoggedValue::Bytes(bytes) => json!({ "form": "bytes", "bytes": bytes.len() }),
        LoggedValue::JsonFile(file) => json!({ "form": "json", "bytes": file.size }),
        LoggedValue::BytesFile(file) => json!({ "form": "bytes", "bytes": file.size }),
        LoggedValue::Blob { file, media_type } => {
            json!({ "form": "blob", "bytes": file.size, "media_type": media_type })
        }
        LoggedValue::Kept(kept) => {
            let mut told = match &kept.form {
                ValueForm::Json => json!({ "form": "json" }),
                ValueForm::Bytes => json!({ "form": "bytes" }),
                ValueForm::Blob(media_type) => json!({ "form": "blob", "media_type": media_type }),
            };
            told["bytes"] = kept.size.into();
            told["io_manager"] = kept.keeper.io_manager.as_str().into();
            told["path"] = kept.keeper.path.as_str().into();
            told
        }
    }
}

fn is_nothing(fact: &Json) -> bool {
    fact.is_null() || fact.as_array().is_some_and(Vec::is_empty)
}
