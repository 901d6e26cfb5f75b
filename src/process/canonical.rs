//! The canonical spelling: one for all process strings that mean the same task.

use std::fmt::Write as _;

use super::arguments::Operations;

/// Every operation in canonical order, its parameters in table order, its
/// values in their shortest form.
pub(super) fn canonical(operations: &Operations<'_>) -> String {
    let mut text = String::new();
    for arguments in operations.iter() {
        text.push_str(arguments.operation.written());
        for (parameter, value) in arguments.in_table_order() {
            // Writing to a String never fails.
            let _ = write!(text, ",{}_{}", parameter.name, value.canonical());
        }
    }
    text
}
