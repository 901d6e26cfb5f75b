//! `check`: whether a request is valid, as far as its text shows.

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::output::Output;
use super::request::RequestArgs;

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    request: RequestArgs,
}

impl Check {
    pub(crate) fn run(&self, output: Output) -> Result<(), Failure> {
        for asked in self.request.all()? {
            let request = asked.resolve()?;
            output.warnings(&request.warnings);
            output.result(
                &format!("{}\n", request.canonical),
                || json!({"Process": request.canonical, "Warnings": request.warnings}),
            )?;
        }
        Ok(())
    }
}
