//! What every execution does: a pure function of the step, the attempt and what it reads, so that a run and its
//! specification can be told the same story.

use std::collections::BTreeMap;

use fanfold_graph::definition::SolidDefinition;
use fanfold_graph::name::{Identifier, MappingKey};

use super::read::Value;
use super::values::hash;

/// How often solids misbehave, in percent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) failures: u64,
    pub(crate) retries: u64,
    pub(crate) silences: u64,
}

/// One execution.
#[derive(Debug)]
pub(crate) struct Execution {
    pub(crate) emissions: Vec<Emission>,
    pub(crate) end: End,
}

#[derive(Debug)]
pub(crate) struct Emission {
    pub(crate) output: u32,
    pub(crate) mapping_key: Option<MappingKey>,
    pub(crate) content: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Succeeds,
    Fails,
    /// It fails and is to run again.
    Retries,
}

impl Script {
    pub(crate) fn execution(
        &self,
        solid: &SolidDefinition,
        step: &str,
        attempt: u32,
        inputs: &BTreeMap<Identifier, Value>,
    ) -> Execution {
        let inputs = format!("{inputs:?}");
        let chance = |what: &str| hash(&format!("{} {step} {attempt} {inputs} {what}", self.seed)) >> 7;
        let end = if attempt < 2 && chance("retries") % 100 < self.retries {
            End::Retries
        } else if chance("fails") % 100 < self.failures {
            End::Fails
        } else {
            End::Succeeds
        };
        let mut emissions = Vec::new();
        for (output, described) in solid.outputs.iter().enumerate() {
            let output = output as u32;
            if described.is_dynamic {
                let (first, count) =
                    (chance(&format!("first {output}")) % 3, chance(&format!("count {output}")) % 4);
                for number in first..first + count {
                    // Downwards every other time, so that keys and emission order have nothing to do with each other.
                    let number = if chance(&format!("down {output}")) % 2 == 0 { number } else { 9 - number };
                    let variant = chance(&format!("variant {output} {number}")) % 2;
                    let content = format!(
                        "{step} {output} {number} {variant} {}",
                        chance("reads inputs") % 2 * hash(&inputs)
                    );
                    let mapping_key = Some(MappingKey::new(&number.to_string()).unwrap());
                    emissions.push(Emission { output, mapping_key, content });
                }
            } else if described.is_required || chance(&format!("silent {output}")) % 100 >= self.silences {
                emissions.push(Emission {
                    output,
                    mapping_key: None,
                    content: format!("{step} {output} {inputs}"),
                });
            }
        }
        if end != End::Succeeds {
            emissions.truncate(emissions.len() - (chance("cut") as usize % (emissions.len() + 1)));
        }
        Execution { emissions, end }
    }
}
