//! Solids whose outputs stand for assets.

use fanfold_sdk::Table;
use fanfold_sdk::prelude::*;

/// Emits sales by day: each day is a partition of the asset.
#[solid]
pub fn sales(
    days: Vec<u32>,
    #[output(asset_key = ["sales", "daily"])] mut result: DynamicOutput<u32>,
) -> Result<()> {
    for day in days {
        result.emit_with(day, day * 10, Metadata::new().integer("rows", day).boolean("is final", day > 1))?;
    }
    Ok(())
}

/// Doubles, once for each region.
#[solid(result(asset_key = ["sales", "by_region"], asset_partitions = ["eu", "us"]))]
pub fn regional(x: u32) -> u32 {
    x * 2
}

/// Adds up, with facts of every type about the sum.
#[solid(result(asset_key = ["report"]))]
pub fn report(xs: Vec<u32>) -> Annotated<u32> {
    let (sum, count) = (xs.iter().sum(), u32::try_from(xs.len()).unwrap_or(u32::MAX));
    let facts = Metadata::new()
        .text("note", "all \u{1b}[31mregions")
        .markdown("summary", "# Sales\n\nmore than ever")
        .url("dashboard", "https://example.com/sales")
        .path("file", "/reports/sales.csv")
        .json("raw", serde_json::json!({ "xs": xs }))
        .integer("rows", count)
        .number("mean", f64::from(sum) / f64::from(count))
        .boolean("is final", true)
        .timestamp_ms("as of", 1.5e12)
        .asset("made from", ["sales", "daily"])
        .table("by place", Table::new(["place", "x"]).row(["0", "10"]).row(["1", "20"]));
    Annotated::new(sum, facts)
}

/// Makes an asset that is none of its outputs.
#[solid]
pub fn publish(cx: Context, x: u32) -> u32 {
    cx.materialize(["site"], Some(&format!("page_{x}")), Metadata::new().integer("version", x));
    x
}

fanfold_sdk::plugin!(sales, regional, report, publish);
