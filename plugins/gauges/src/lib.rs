//! Solids that the benchmarks measure with: how long an item takes to its clone, values of any size, and work.

mod latency;
mod values;
mod work;

pub use latency::{emit_times, since};
pub use values::{blob, blob_size, bytes, bytes_size, json, json_size, pass_blob, pass_bytes, pass_json};
pub use work::spin;

fanfold_sdk::plugin!(
    emit_times, since, spin, bytes, pass_bytes, bytes_size, json, pass_json, json_size, blob, pass_blob,
    blob_size,
);
