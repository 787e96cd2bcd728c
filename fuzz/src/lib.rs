//! What the fuzz targets share: something to fuzz against, and what holds of every answer.

pub mod described;
pub mod example;
pub mod guest;
pub mod store;
pub mod told;
