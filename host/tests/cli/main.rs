//! The command `fanfold` as people meet it: what it prints, where, and how it ends.

mod environment;
mod plugins;
mod transcripts;
