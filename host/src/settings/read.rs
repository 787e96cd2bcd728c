//! From the text of `fanfold.toml` to [`Settings`]: every problem is found.

use std::fmt::Display;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::str::FromStr;

use fanfold_graph::definition::RetryPolicy;
use fanfold_graph::name::Identifier;
use fanfold_graph::slots::{ConcurrencyLimit, Limited};
use toml::de::DeTable;
use toml_parser::lexer::TokenKind;
use url::Url;

use super::field::{Field, Fields, Named, Reader};
use super::limits::LimitChanges;
use super::{HookSettings, PluginCode, PluginSettings, Settings, SolidSettings};
use crate::diagnostic::Diagnostic;
use crate::findings::Findings;
use crate::io_manager::{IoManagerSettings, OptionValue, RUN_STORE_KEY};
use crate::orchestrator::HookEvent;
use crate::source_text::SourceText;

/// Parts that a key may have. The parser bounds how deep values nest, but not keys, and trees are taken down by recursion.
const MAX_KEY_PARTS: usize = 10;

/// Reads the settings in `source`, whose relative paths start at `dir`.
pub(super) fn read(source: &SourceText, dir: &Path) -> Result<Settings, Vec<Diagnostic>> {
    check_keys(source)?;
    let (root, errors) = DeTable::parse_recoverable(&source.text);
    let mut reader = Reader { source, findings: Findings::default() };
    for error in errors {
        reader.findings.add(|| {
            let span = error.span().unwrap_or(source.text.len()..source.text.len());
            Diagnostic::new(format!("this is no TOML: {}", error.message())).at(source.place(&span))
        });
    }
    let mut settings = Settings::default_in(dir);
    if reader.findings.is_empty() {
        reader.settings(&mut settings, root.get_ref());
    }
    reader.findings.into_result(settings)
}

/// Refuses keys so long that the tree would be too deep for the stack.
pub(super) fn check_keys(source: &SourceText) -> Result<(), Vec<Diagnostic>> {
    let mut dots = 0;
    for token in toml_parser::Source::new(&source.text).lex() {
        match token.kind() {
            TokenKind::Dot => dots += 1,
            TokenKind::Atom
            | TokenKind::Whitespace
            | TokenKind::BasicString
            | TokenKind::LiteralString
            | TokenKind::MlBasicString
            | TokenKind::MlLiteralString => {}
            _ => dots = 0,
        }
        if dots >= MAX_KEY_PARTS {
            let problem = Diagnostic::new(format!("a key has at most {MAX_KEY_PARTS} parts"));
            return Err(vec![problem.at(source.place(&(token.span().start()..token.span().end())))]);
        }
    }
    Ok(())
}

impl<'a> Reader<'a> {
    fn settings(&mut self, settings: &mut Settings, root: &'a DeTable<'a>) {
        let fields = self.root(
            root,
            &["plugins_dir", "run", "store", "retention", "limits", "hooks", "io_managers", "plugins"],
        );
        let dir = settings.dir.clone();
        if let Some(path) = fields.get("plugins_dir").and_then(|field| self.path(field)) {
            settings.plugins_dir = dir.join(path);
        }
        if let Some(run) = fields.get("run") {
            let run = self.table(run, &["jobs", "retry", "concurrency"]);
            settings.jobs = run.get("jobs").and_then(|field| self.jobs(field));
            settings.retry_policy = run.get("retry").and_then(|field| self.retry_policy(field));
            let limits = run.get("concurrency").map(|field| self.list(field)).unwrap_or_default();
            settings.concurrency = limits.iter().filter_map(|field| self.concurrency_limit(field)).collect();
        }
        if let Some(store) = fields.get("store") {
            let store = self.table(store, &["dir"]);
            if let Some(path) = store.get("dir").and_then(|field| self.path(field)) {
                settings.store_dir = dir.join(path);
            }
        }
        if let Some(retention) = fields.get("retention") {
            let retention = self.table(retention, &["max_age", "max_runs"]);
            settings.retention.max_age = retention.get("max_age").and_then(|field| self.duration(field));
            settings.retention.max_runs = retention.get("max_runs").and_then(|field| self.max_runs(field));
        }
        settings.limits = self.limits(&fields);
        let hooks = fields.get("hooks").map(|field| self.list(field)).unwrap_or_default();
        settings.hooks = hooks.iter().filter_map(|field| self.hook(field)).collect();
        if let Some(managers) = fields.get("io_managers") {
            // Plugins may call theirs as they like.
            let managers = self.named::<String>(managers).into_iter();
            let managers = managers.filter_map(|Named { name, field }| {
                Some((name.clone(), self.io_manager(&dir, &name, &field)?))
            });
            settings.io_managers = managers.collect();
        }
        if let Some(plugins) = fields.get("plugins") {
            settings.plugins = self
                .named(plugins)
                .into_iter()
                .map(|Named { name, field }| (name, self.plugin(&dir, &field)))
                .collect();
        }
    }

    fn max_runs(&mut self, field: &Field<'a>) -> Option<u32> {
        match u32::try_from(self.count(field)?) {
            Ok(runs) if runs > 0 => Some(runs),
            _ => self.refused(field, "it is a whole number from 1 to 4294967295"),
        }
    }

    fn io_manager(&mut self, dir: &Path, name: &str, field: &Field<'a>) -> Option<IoManagerSettings> {
        if name == RUN_STORE_KEY {
            return self
                .refused(field, "that is the run store, which `store.dir` places; choose another name");
        }
        let fields = self.table(field, &["url", "path", "options"]);
        let url = match (fields.get("url"), fields.get("path")) {
            (Some(url), None) => self.text(url).map(str::to_owned),
            (None, Some(path)) => {
                let path = self.path(path)?;
                let url = Url::from_directory_path(dir.join(path));
                url.ok().map(String::from).or_else(|| self.refused(field, "the directory has no URL"))
            }
            _ => self.refused(field, "an IO manager has either a `url` or a `path`"),
        };
        let options = fields.get("options").map(|field| self.named::<Identifier>(field)).unwrap_or_default();
        let options = options
            .into_iter()
            .filter_map(|Named { name, field }| Some((name.to_string(), self.option(&field)?)));
        let options = options.collect();
        Some(IoManagerSettings { url: url?, options })
    }

    /// A text, or `{ env = "NAME" }`.
    fn option(&mut self, field: &Field<'a>) -> Option<OptionValue> {
        if !field.is_table() {
            return self.text(field).map(|text| OptionValue::Text(text.to_owned()));
        }
        let fields = self.table(field, &["env"]);
        let name = self.required(field, &fields, "env").and_then(|field| self.text(field))?;
        Some(OptionValue::Env(name.to_owned()))
    }

    fn hook(&mut self, field: &Field<'a>) -> Option<HookSettings> {
        let fields = self.table(field, &["on", "solid", "config", "solids"]);
        let on = self.required(field, &fields, "on").and_then(|field| match self.text(field)? {
            "success" => Some(HookEvent::Success),
            "failure" => Some(HookEvent::Failure),
            _ => self.refused(field, "a hook is called on `success` or on `failure`"),
        });
        let solid = self.required(field, &fields, "solid").and_then(|field| self.name(field));
        let solids = fields.get("solids").map(|field| {
            let names = self.list(field);
            names.iter().filter_map(|name| self.name(name)).collect()
        });
        let config = fields.get("config").map(Field::json);
        Some(HookSettings { on: on?, solid: solid?, config, solids })
    }

    /// A text that is a name.
    fn name<Name: FromStr<Err: Display>>(&mut self, field: &Field<'a>) -> Option<Name> {
        match self.text(field)?.parse() {
            Ok(name) => Some(name),
            Err(error) => self.refused(field, &error.to_string()),
        }
    }

    fn plugin(&mut self, dir: &Path, field: &Field<'a>) -> PluginSettings {
        let fields = self.table(
            field,
            &[
                "source", "path", "digest", "fs", "scratch", "net", "env", "clock", "random", "limits",
                "solids",
            ],
        );
        if let (Some(_), Some(path)) = (fields.get("source"), fields.get("path")) {
            let hint = "`source` is a crate that is built, `path` a component that is there".to_owned();
            self.problem(path, "a plugin has either a `source` or a `path`", Some(hint));
        }
        let source = fields.get("source").and_then(|field| self.path(field));
        let file = fields.get("path").and_then(|field| self.path(field));
        let solids = fields.get("solids").map(|field| self.named::<Identifier>(field));
        PluginSettings {
            code: match (source, file) {
                (Some(source), _) => PluginCode::Source(dir.join(source)),
                (None, Some(file)) => PluginCode::File(dir.join(file)),
                (None, None) => PluginCode::InPluginsDir,
            },
            limits: fields
                .get("limits")
                .map(|field| LimitChanges::read_of_plugin(self, field))
                .unwrap_or_default(),
            digest: fields.get("digest").and_then(|field| self.digest(field)),
            grants: self.grants(dir, &fields),
            solids: solids
                .unwrap_or_default()
                .into_iter()
                .map(|Named { name, field }| (name, self.solid(dir, &field)))
                .collect(),
        }
    }

    fn solid(&mut self, dir: &Path, field: &Field<'a>) -> SolidSettings {
        let fields = self.table(field, &["fs", "scratch", "net", "env", "clock", "random", "limits"]);
        let limits = fields.get("limits").map(|field| LimitChanges::read_of_solid(self, field));
        SolidSettings { limits: limits.unwrap_or_default(), grants: self.grants(dir, &fields) }
    }

    pub(super) fn limits(&mut self, fields: &Fields<'a>) -> LimitChanges {
        fields.get("limits").map(|field| LimitChanges::read(self, field)).unwrap_or_default()
    }

    pub(super) fn required<'f>(
        &mut self,
        of: &Field<'a>,
        fields: &'f Fields<'a>,
        key: &str,
    ) -> Option<&'f Field<'a>> {
        let found = fields.get(key);
        if found.is_none() {
            self.problem(of, &format!("`{key}` is missing"), None);
        }
        found
    }

    pub(super) fn path(&mut self, field: &Field<'a>) -> Option<&'a Path> {
        let path = self.text(field)?;
        if path.is_empty() || path.contains('\0') {
            self.problem(field, "this is no path", None);
            return None;
        }
        Some(Path::new(path))
    }

    fn jobs(&mut self, field: &Field<'a>) -> Option<NonZeroUsize> {
        let jobs = self.count(field)?;
        let positive = usize::try_from(jobs).ok().and_then(NonZeroUsize::new);
        if positive.is_none() {
            self.problem(field, "at least one step must be able to run", None);
        }
        positive
    }

    fn concurrency_limit(&mut self, field: &Field<'a>) -> Option<ConcurrencyLimit> {
        let fields = self.table(field, &["solid", "tag", "value", "max"]);
        let max =
            self.required(field, &fields, "max").and_then(|field| self.small(field).map(|it| (field, it)));
        let max = max.and_then(|(field, max)| {
            NonZeroU32::new(max).or_else(|| self.refused(field, "one step must be able to run"))
        });
        let [solid, tag, value] = ["solid", "tag", "value"].map(|name| {
            let text = fields.get(name).map(|field| (field, self.text(field)));
            text.and_then(|(field, text)| Some((field, text?.to_owned())))
        });
        let of = match (solid, tag, value) {
            (Some((field, name)), None, None) => match name.parse() {
                Ok(name) => Limited::Solid(name),
                Err(error) => return self.refused(field, &error.to_string()),
            },
            (None, Some((_, name)), value) => Limited::Tag { name, value: value.map(|(_, value)| value) },
            _ => return self.refused(field, "it limits either a `solid` or a `tag`, perhaps with a `value`"),
        };
        Some(ConcurrencyLimit { of, max: max? })
    }

    fn retry_policy(&mut self, field: &Field<'a>) -> Option<RetryPolicy> {
        let fields = self.table(field, &["max_retries", "delay", "backoff", "jitter"]);
        let max_retries = self.required(field, &fields, "max_retries").and_then(|field| self.small(field));
        let delay = fields.get("delay").map_or(Some(0), |field| {
            let delay = u32::try_from(self.duration(field)?.as_millis()).ok();
            delay.or_else(|| self.refused(field, "a pause is at most 49 days"))
        });
        let backoff = fields.get("backoff").map_or(Some(1.0), |field| {
            let backoff = self.number(field)?;
            let is_good = backoff.is_finite() && backoff >= 1.0;
            if is_good { Some(backoff) } else { self.refused(field, "a backoff is a finite number from 1") }
        });
        let jitter = fields.get("jitter").map_or(Some(0.0), |field| {
            let jitter = self.number(field)?;
            let is_good = (0.0..=1.0).contains(&jitter);
            if is_good { Some(jitter) } else { self.refused(field, "a jitter is a number from 0 to 1") }
        });
        Some(RetryPolicy { max_retries: max_retries?, delay_ms: delay?, backoff: backoff?, jitter: jitter? })
    }

    fn small(&mut self, field: &Field<'a>) -> Option<u32> {
        let count = self.count(field)?;
        u32::try_from(count).ok().or_else(|| self.refused(field, "a step can run at most 4294967295 times"))
    }

    fn refused<T>(&mut self, field: &Field<'_>, problem: &str) -> Option<T> {
        self.problem(field, problem, None);
        None
    }
}
