//! Calling a solid: its arguments become the inputs of an invocation.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::term::{Term, Var, Variable};
use super::{Argument, ComposeError, Composer, Handle};
use crate::definition::{InputDefinition, OutputDefinition, RetryPolicy, SolidDefinition};
use crate::name::{Identifier, OutputRef, PluginName, SolidName, SolidRef};
use crate::pipeline::Invocation;

/// One use of a solid, to be added to a pipeline by [`Composer::call`].
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// The plugin that has the solid.
    pub plugin: PluginName,
    /// What the solid says of itself.
    pub definition: &'a SolidDefinition,
    /// Its name in the pipeline, within the groups that are entered; none takes the solid's own, numbered where
    /// it is taken.
    pub alias: Option<Identifier>,
    /// Its configuration.
    pub config: Option<Json>,
    /// Labels that it adds to its definition's.
    pub tags: BTreeMap<String, String>,
    /// Its retry policy, where it is not its definition's.
    pub retry_policy: Option<RetryPolicy>,
    /// How long an execution of it may take, in milliseconds, where that is less than its limit on wall time.
    pub timeout_ms: Option<u32>,
    /// What it waits for without receiving it; of what is dynamic, for all items.
    pub after: Vec<Handle>,
    /// Arguments for the first inputs, in the order of the definition.
    pub positional: Vec<Argument>,
    /// Arguments by the name of their input.
    pub named: BTreeMap<Identifier, Argument>,
}

impl<'a> Call<'a> {
    /// A call without arguments, configuration and the like.
    pub fn new(plugin: PluginName, definition: &'a SolidDefinition) -> Self {
        Self {
            plugin,
            definition,
            alias: None,
            config: None,
            tags: BTreeMap::new(),
            retry_policy: None,
            timeout_ms: None,
            after: Vec::new(),
            positional: Vec::new(),
            named: BTreeMap::new(),
        }
    }

    /// The call with one more argument by position.
    #[must_use]
    pub fn with(mut self, argument: impl Into<Argument>) -> Self {
        self.positional.push(argument.into());
        self
    }
}

/// What a call returns: a handle for each output, in the order of the definition.
#[derive(Debug, Clone)]
pub struct Called {
    /// The name that the solid got in the pipeline.
    pub name: SolidName,
    /// Its outputs.
    pub outputs: Vec<(Identifier, Handle)>,
}

impl Called {
    /// The output of that name.
    pub fn output(&self, name: &str) -> Result<&Handle, ComposeError> {
        let found = self.outputs.iter().find(|(output, _)| output.as_str() == name);
        found.map(|(_, handle)| handle).ok_or_else(|| ComposeError::UnknownOutput {
            solid: self.name.clone(),
            output: name.to_owned(),
            known: self.outputs.iter().map(|(output, _)| output.clone()).collect(),
        })
    }

    /// The output of a solid that has just one.
    pub fn only(self) -> Result<Handle, ComposeError> {
        match <[_; 1]>::try_from(self.outputs) {
            Ok([(_, handle)]) => Ok(handle),
            Err(outputs) => Err(ComposeError::NotOneOutput { solid: self.name, outputs: outputs.len() }),
        }
    }
}

impl Composer {
    /// Adds a use of a solid. After an error the pipeline is as it was before.
    ///
    /// It is cloned over the maps whose items its arguments speak of, directly or by way of what they depend on.
    /// Called inside a map with arguments that speak of none, it runs once.
    pub fn call(&mut self, call: Call<'_>) -> Result<Called, ComposeError> {
        let solid = SolidRef { plugin: call.plugin.clone(), solid: call.definition.name.clone() };
        if self.definitions.get(&solid).is_some_and(|known| known != call.definition) {
            return Err(ComposeError::TwoDefinitions(solid));
        }
        let name = self.names.pick(&call.definition.name, call.alias.as_ref())?;
        let Call { definition, config, tags, retry_policy, timeout_ms, after, positional, named, .. } = call;
        let terms = self.bind(&name, &definition.inputs, positional, named)?;
        let mut after = after.into_iter().map(|it| self.whole(it)).collect::<Result<Vec<_>, _>>()?;
        let scope = self.scope(terms.values().chain(&after));
        after.extend(scope.iter().filter_map(|var| self.variables.get(*var).after.clone()));
        let after =
            after.iter().map(|term| self.variables.resolve(term, &scope)).collect::<Result<_, _>>()?;
        let dimensions = self.variables.dimensions(&scope)?;
        let mut inputs = BTreeMap::new();
        for (input, term) in &terms {
            inputs.insert(input.clone(), self.variables.resolve(term, &scope)?);
        }
        let outputs = definition.outputs.iter();
        let outputs = outputs.map(|it| (it.name.clone(), self.handle(&name, it, &scope))).collect();
        self.definitions.entry(solid.clone()).or_insert_with(|| definition.clone());
        self.names.take(name.clone());
        let called = Called { name: name.clone(), outputs };
        let scope = dimensions;
        self.solids.push(Invocation {
            name,
            solid,
            scope,
            inputs,
            after,
            config,
            tags,
            retry_policy,
            timeout_ms,
        });
        Ok(called)
    }

    /// What each input receives.
    fn bind(
        &self,
        solid: &SolidName,
        inputs: &[InputDefinition],
        positional: Vec<Argument>,
        named: BTreeMap<Identifier, Argument>,
    ) -> Result<BTreeMap<Identifier, Term>, ComposeError> {
        if positional.len() > inputs.len() {
            let (takes, given) = (inputs.len(), positional.len());
            return Err(ComposeError::TooManyArguments { solid: solid.clone(), takes, given });
        }
        let known = || inputs.iter().map(|input| &input.name);
        if let Some(input) = named.keys().find(|input| !known().any(|it| it == *input)) {
            let (input, known) = (input.clone(), known().cloned().collect());
            return Err(ComposeError::UnknownInput { solid: solid.clone(), input, known });
        }
        let mut terms = BTreeMap::new();
        for (input, argument) in known().cloned().zip(positional).chain(named) {
            if terms.contains_key(&input) {
                return Err(ComposeError::GivenTwice { solid: solid.clone(), input });
            }
            let term = self.input_term(solid, &input, argument)?;
            terms.insert(input, term);
        }
        self.check_missing(solid, inputs, &terms)?;
        Ok(terms)
    }

    fn input_term(
        &self,
        solid: &SolidName,
        input: &Identifier,
        argument: Argument,
    ) -> Result<Term, ComposeError> {
        self.term(argument, &|handle| {
            if handle.is_dynamic() {
                let (solid, input) = (solid.clone(), input.clone());
                return Err(ComposeError::Dynamic { solid, input, handle: self.label(&handle) });
            }
            Ok(handle.term)
        })
    }

    fn check_missing(
        &self,
        solid: &SolidName,
        inputs: &[InputDefinition],
        terms: &BTreeMap<Identifier, Term>,
    ) -> Result<(), ComposeError> {
        if self.allows_unconnected_inputs {
            return Ok(());
        }
        let missing = |it: &&InputDefinition| it.default_value.is_none() && !terms.contains_key(&it.name);
        inputs.iter().find(missing).map_or(Ok(()), |missing| {
            let input = missing.name.clone();
            Err(ComposeError::MissingInput { solid: solid.clone(), input })
        })
    }

    /// The active variables that the terms speak of, outermost first.
    fn scope<'t>(&self, terms: impl Iterator<Item = &'t Term>) -> Vec<Var> {
        let free: BTreeSet<Var> = terms.flat_map(|term| self.variables.free(term)).collect();
        self.active().filter(|var| free.contains(var)).collect()
    }

    /// The handle of an output. That of a dynamic one is a mapped item, over a variable of its own.
    fn handle(&mut self, solid: &SolidName, output: &OutputDefinition, scope: &[Var]) -> Handle {
        let of = OutputRef { solid: solid.clone(), output: output.name.clone() };
        let at = scope.to_vec();
        if !output.is_dynamic {
            return self.own(Term::Output { of, at }, Vec::new());
        }
        let var = self.variables.declare(Variable::new(of, at));
        self.own(Term::Item(var), vec![var])
    }
}
