//! A hook: a solid that is called with the facts about a step that has ended.

use fanfold_sdk::prelude::*;
use serde_json::Value;

/// What the hook does besides telling.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertConfig {
    /// What each message begins with.
    #[serde(default = "word")]
    pub word: String,
    /// It fails.
    #[serde(default)]
    pub fail: bool,
    /// It never ends.
    #[serde(default)]
    pub hang: bool,
}

fn word() -> String {
    "heard".to_owned()
}

/// Logs what it hears of a step.
#[solid]
pub fn notify(config: AlertConfig, cx: Context, step: Value, #[default = "!"] mark: String) -> Result<()> {
    cx.warn(message(&config.word, &step, &mark));
    if config.hang {
        loop {
            std::hint::spin_loop();
        }
    }
    if config.fail {
        fail!("nobody listens");
    }
    Ok(())
}

fn message(word: &str, step: &Value, mark: &str) -> String {
    let text = |name: &str| step[name].as_str().unwrap_or_default();
    let why = step["failure"]["message"].as_str().map_or_else(String::new, |why| format!(": {why}"));
    format!("{word} {} {}{why}{mark}", text("step"), text("outcome"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_which_step_and_why() {
        let failed = json!({ "step": "a[b]", "outcome": "failed", "failure": { "message": "no disk" } });
        assert_eq!(message("look", &failed, "!"), "look a[b] failed: no disk!");
        assert_eq!(message("look", &json!({ "step": "a", "outcome": "succeeded" }), ""), "look a succeeded");
    }
}
