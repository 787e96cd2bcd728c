use fanfold_sdk::prelude::*;

#[solid]
fn shout(text: &str) -> String {
    text.to_uppercase()
}

#[solid]
fn whisper(cx: &Context) {
    cx.info("psst");
}

fn main() {}
