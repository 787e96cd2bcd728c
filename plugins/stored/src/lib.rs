//! Solids whose outputs are kept by the IO manager `lake`.

use std::io::{Read, Write};

use fanfold_sdk::prelude::*;
use fanfold_sdk::{Blob, Bytes};

/// Emits the numbers below `count`.
#[solid]
pub fn numbers(count: u32, #[output(io_manager_key = "lake")] mut result: DynamicOutput<u32>) -> Result<()> {
    for number in 0..count {
        result.emit(number, number)?;
    }
    Ok(())
}

/// Doubles a number.
#[solid(result(io_manager_key = "lake"))]
pub fn double(x: u32) -> u32 {
    x * 2
}

/// Adds numbers up; the run store keeps the sum.
#[solid(result(io_manager_key = "io_manager"))]
pub fn sum(xs: Vec<u32>) -> u32 {
    xs.iter().sum()
}

/// Makes bytes.
#[solid(result(io_manager_key = "lake"))]
pub fn bytes(text: String) -> Bytes {
    Bytes(text.into_bytes())
}

/// Counts bytes.
#[solid]
pub fn length(bytes: Bytes) -> usize {
    bytes.0.len()
}

/// Writes a blob of that many mebibytes.
#[solid(result(io_manager_key = "lake"))]
pub fn write(cx: Context, mebibytes: u32) -> Result<Blob> {
    let mut blob = cx.create_blob("application/x-zeros")?;
    let zeros = vec![0; 1 << 16];
    for _ in 0..mebibytes * 16 {
        blob.write_all(&zeros)?;
    }
    Ok(blob.finish()?)
}

/// Reads a blob to its end, and says how long it is.
#[solid]
pub fn read(blob: Blob) -> Result<u64> {
    let mut reader = blob.open()?;
    let (mut length, mut chunk) = (0, vec![0; 1 << 16]);
    loop {
        match reader.read(&mut chunk)? {
            0 => return Ok(length),
            more => length += more as u64,
        }
    }
}

/// Passes a blob on, into the run store.
#[solid]
pub fn hand_on(blob: Blob) -> Blob {
    blob
}

fanfold_sdk::plugin!(numbers, double, sum, bytes, length, write, read, hand_on);
