//! The Lambda function: wiring, and nothing else.
fn main() {}
