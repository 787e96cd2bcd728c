//! `fanfold assets`: what runs have made, asset by asset or partition by partition.

use fanfold::diagnostic::{Diagnostic, printable};
use fanfold::metadata_text;
use fanfold::store::{Asset, Materialization, Store, StoreError};
use serde_json::{Value as Json, json};

use super::project::Project;
use super::terminal::{print, print_with};
use super::{Exit, Failure, Outcome, recorded};
use crate::cli::{AssetsArgs, Format};

pub(super) fn execute(args: &AssetsArgs) -> Outcome {
    let project = Project::find()?;
    let store = recorded::open(&project, &args.store)?;
    let assets =
        store.as_ref().map_or(Ok(Vec::new()), Store::assets).map_err(|error| Failure::store(&error))?;
    match (&args.asset, store) {
        (None, _) => list(&assets, args.format)?,
        (Some(wanted), store) => {
            let asset = assets.iter().find(|asset| name(asset) == *wanted);
            let (Some(asset), Some(store)) = (asset, store) else { return Err(unknown(wanted, &assets)) };
            show(&store, asset, args.format)?;
        }
    }
    Ok(Exit::Succeeded)
}

/// How an asset is called on the command line.
fn name(asset: &Asset) -> String {
    asset.key.join("/")
}

fn unknown(wanted: &str, assets: &[Asset]) -> Failure {
    let names: Vec<String> = assets.iter().map(name).collect();
    let unknown = Diagnostic::new(format!("no run has made an asset `{wanted}`"));
    Failure::usage(unknown.did_you_mean(wanted, names.iter().map(String::as_str)))
}

fn list(assets: &[Asset], format: Format) -> Result<(), Failure> {
    let told = match format {
        Format::Json => {
            let asset = |it: &Asset| json!({ "asset_key": it.key, "partitions": it.partitions, "latest": made_json(&it.latest) });
            json!(assets.iter().map(asset).collect::<Vec<_>>()).to_string()
        }
        Format::Text => assets.iter().map(asset_line).collect::<Vec<_>>().join("\n"),
    };
    if told.is_empty() { Ok(()) } else { print(&told) }
}

fn asset_line(asset: &Asset) -> String {
    let partitions = match asset.partitions {
        0 => String::new(),
        1 => "  1 partition".to_owned(),
        more => format!("  {more} partitions"),
    };
    format!("{}{partitions}  {}", printable(&name(asset)), made_line(&asset.latest))
}

/// Prints what was made last of each partition, as it is read: there may be a million.
fn show(store: &Store, asset: &Asset, format: Format) -> Result<(), Failure> {
    let mut is_first = true;
    print_with(|out| {
        if format == Format::Json {
            write!(out, r#"{{"asset_key":{},"materializations":["#, json!(asset.key))?;
        }
        let shown = store.each_partition(&asset.key, |made| -> Result<(), Interrupted> {
            match format {
                Format::Json => {
                    let comma = if is_first { "" } else { "," };
                    write!(out, "{comma}{}", made_json(&made))?;
                }
                Format::Text => {
                    writeln!(out, "{}", made_line(&made))?;
                    for line in made.metadata.iter().flat_map(metadata_text::lines) {
                        writeln!(out, "    {line}")?;
                    }
                }
            }
            is_first = false;
            Ok(())
        });
        shown.map_err(|interrupted| match interrupted {
            Interrupted::Output(error) => error,
            Interrupted::Store(error) => std::io::Error::other(error),
        })?;
        if format == Format::Json { writeln!(out, "]}}") } else { Ok(()) }
    })
}

/// Why printing ended early.
enum Interrupted {
    Output(std::io::Error),
    Store(StoreError),
}

impl From<std::io::Error> for Interrupted {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<StoreError> for Interrupted {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time of this millennium is exact")]
fn made_line(made: &Materialization) -> String {
    let partition = made.partition.as_ref().map_or_else(String::new, |it| format!("{}  ", printable(it)));
    format!("{partition}run {}  {}  {}", made.run_id, made.step, metadata_text::time(made.at_ms as f64))
}

fn made_json(made: &Materialization) -> Json {
    json!({
        "partition": made.partition,
        "run_id": made.run_id,
        "seq": made.seq,
        "at_ms": made.at_ms,
        "step": made.step,
        "metadata": made.metadata,
    })
}
