//! What holds of everything that people are told about bad input, however bad it is.

use fanfold::diagnostic::Diagnostic;

/// A problem is shown, not obeyed: no control character of the input reaches the terminal.
pub fn check(problem: &Diagnostic) {
    let text = problem.to_string();
    assert!(!text.chars().any(|it| it.is_control() && it != '\n'), "{text:?}");
    if let Some(place) = &problem.place {
        assert!(place.line >= 1 && place.column >= 1, "{place}");
    }
}

/// The same for several.
pub fn check_all(problems: &[Diagnostic]) {
    assert!(!problems.is_empty(), "a refusal has a reason");
    problems.iter().for_each(check);
}
