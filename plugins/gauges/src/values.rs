//! Values of a given size, made, passed on and received, in each of their forms.

use std::io::{Read, Write};

use fanfold_sdk::prelude::*;

const CHUNK_BYTES: usize = 64 << 10;

/// So many bytes.
#[solid]
pub fn bytes(size: usize) -> Bytes {
    Bytes(vec![0x5a; size])
}

/// Returns its input.
#[solid]
pub fn pass_bytes(x: Bytes) -> Bytes {
    x
}

/// The size of its input.
#[solid]
pub fn bytes_size(x: Bytes) -> usize {
    x.len()
}

/// A text whose JSON has so many bytes.
#[solid]
pub fn json(size: usize) -> String {
    "z".repeat(size.saturating_sub(2))
}

/// Returns its input.
#[solid]
pub fn pass_json(x: String) -> String {
    x
}

/// The size of its input as JSON.
#[solid]
pub fn json_size(x: String) -> usize {
    x.len() + 2
}

/// A blob of so many bytes.
#[solid]
pub fn blob(cx: Context, size: usize) -> Result<Blob> {
    let mut blob = cx.create_blob("application/octet-stream")?;
    let chunk = vec![0x5a; CHUNK_BYTES];
    let mut left = size;
    while left > 0 {
        let now = left.min(CHUNK_BYTES);
        blob.write_all(&chunk[..now])?;
        left -= now;
    }
    Ok(blob.finish()?)
}

/// Reads a blob and writes another one with its content.
#[solid]
pub fn pass_blob(cx: Context, x: Blob) -> Result<Blob> {
    let mut copy = cx.create_blob(x.media_type())?;
    read(&x, |chunk| copy.write_all(chunk))?;
    Ok(copy.finish()?)
}

/// The size of a blob, read to its end.
#[solid]
pub fn blob_size(x: Blob) -> Result<usize> {
    let mut size = 0;
    read(&x, |chunk| {
        size += chunk.len();
        Ok(())
    })?;
    Ok(size)
}

fn read(blob: &Blob, mut each: impl FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
    let mut reader = blob.open()?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match reader.read(&mut chunk)? {
            0 => return Ok(()),
            length => each(&chunk[..length])?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_what_was_asked_for() {
        assert_eq!(bytes_size(pass_bytes(bytes(10))), 10);
        assert_eq!(json_size(pass_json(json(10))), 10);
        assert_eq!(serde_json::to_string(&json(10)).unwrap().len(), 10);
    }
}
