//! The operator's ceilings: the most that projects on this machine may grant, and the highest limits that they may set.

use std::path::{Path, PathBuf};

use fanfold::diagnostic::Diagnostic;
use fanfold::sandbox::GrantList;
use fanfold::settings::{Ceiling, Settings};
use fanfold_graph::name::PluginName;

use super::Failure;

/// Where the operator's ceiling is. One that the environment names narrows further.
const FIXED: &str = "/etc/fanfold/ceiling.toml";

/// Each of them holds.
#[derive(Debug)]
pub(super) struct Ceilings(Vec<(PathBuf, Ceiling)>);

impl Ceilings {
    /// Reads those that there are. One that cannot be read allows nothing.
    pub(super) fn find() -> Result<Self, Failure> {
        let fixed = Some(PathBuf::from(FIXED)).filter(|file| !matches!(file.try_exists(), Ok(false)));
        let named = std::env::var_os("FANFOLD_CEILING").map(PathBuf::from);
        let files = fixed.into_iter().chain(named);
        let ceilings = files.map(|file| {
            let ceiling = Ceiling::load(&file).map_err(Failure::all_invalid)?;
            Ok((file, ceiling))
        });
        ceilings.collect::<Result<_, _>>().map(Self)
    }

    /// Puts the limits in the settings under them.
    pub(super) fn lower(&self, settings: &mut Settings) -> Result<(), Failure> {
        for (file, ceiling) in &self.0 {
            settings.put_under(ceiling).map_err(|above| {
                Failure::all_invalid(above.into_iter().map(|it| it.hint(hint(file))).collect())
            })?;
        }
        Ok(())
    }

    /// Refuses grants that are above them.
    pub(super) fn check(&self, plugin: &PluginName, list: &GrantList) -> Result<(), Failure> {
        for (file, ceiling) in &self.0 {
            if let Some(above) = ceiling.exceeded(list) {
                let message = format!("plugin `{plugin}` is granted more than is allowed: {above}");
                return Err(Failure::invalid(Diagnostic::new(message).hint(hint(file))));
            }
        }
        Ok(())
    }
}

fn hint(file: &Path) -> String {
    format!("`{}` says what is allowed on this machine", file.display())
}
