//! `video-concat`, the command line: writes, checks and explains requests, runs them on this
//! machine, or sends them to a deployed function.

mod build;
mod check;
mod decode;
mod endpoint;
mod engine;
mod explain;
mod failure;
mod json;
mod output;
mod page;
mod progress;
mod remote;
mod request;
mod run;
mod side;
mod task;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use video_concat::engine::ffmpeg::confine::{self, ConfineError};
use video_concat::storage::client::restart_without_empty_endpoints;

use failure::Failure;
use output::Output;

/// Joins video and audio files as `video/concat` says.
#[derive(Debug, Parser)]
#[command(
    name = "video-concat",
    version,
    propagate_version = true,
    after_help = "Exit status: 0 done, 1 failed, 2 wrong request."
)]
struct Cli {
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a request: print its canonical process string, or what is wrong and where.
    Check(check::Check),
    /// Write a process string, or the commands that send it.
    Build(Box<build::Build>),
    /// Show a process string with its names decoded.
    Decode(decode::Decode),
    /// Write a page that edits and explains requests in a browser: one HTML file.
    Page(page::Page),
    /// Show what a request would do: clips, frames and samples, chunks, disk, time, and cost.
    Explain(explain::Explain),
    /// Run a request on this machine.
    Run(run::Run),
    /// Send a request to a deployed function.
    Submit(remote::Submit),
    /// List the tasks of a deployed function, the newest first.
    Tasks(remote::Tasks),
    /// Show the record of a task.
    Show(remote::One),
    /// Cancel a task.
    Cancel(remote::One),
    /// Print a script that completes this command's arguments in a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page, or write all of them.
    Man(Man),
}

#[derive(Args, Debug)]
struct Man {
    /// Write the page of each command into this folder instead.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let restarted = restart_without_empty_endpoints();
    // Has to come first: this program also starts itself as the launcher that confines ffmpeg.
    let confined = confine::begin();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let output = Output::new(cli.json);
    let outcome = restarted
        .map_err(|error| Failure::failed(format!("can't start without empty endpoints: {error}")))
        .and_then(|()| carry_out(cli.command, confined, output));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.failure(&failure),
    }
}

/// Prints help, the version, or what is wrong with the arguments: as JSON if the arguments ask for
/// it.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || !std::env::args_os().any(|argument| argument == "--json") {
        error.exit();
    }
    let text = error.to_string();
    // The usage follows after an empty line.
    let problem = text.split("\n\n").next().into_iter().flat_map(str::split_ascii_whitespace);
    let words: Vec<&str> = problem.skip_while(|word| *word == "error:").collect();
    Output::new(true).failure(&Failure::wrong(words.join(" ")))
}

fn carry_out(
    command: Command,
    confined: Result<(), ConfineError>,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::Check(check) => check.run(output),
        Command::Build(build) => build.run(output),
        Command::Decode(decode) => decode.run(output),
        Command::Page(page) => page.run(output),
        Command::Explain(explain) => {
            warn(confined, output);
            explain.run(output)
        }
        Command::Run(run) => {
            warn(confined, output);
            run.run(output)
        }
        Command::Submit(submit) => submit.run(output),
        Command::Tasks(tasks) => tasks.run(output),
        Command::Show(one) => one.show(output),
        Command::Cancel(one) => one.cancel(output),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            let mut command = Cli::command();
            clap_complete::generate(shell, &mut command, "video-concat", &mut script);
            output.bytes(&script)
        }
        Command::Man(man) => man.run(output),
    }
}

/// Warns that media files are read by an ffmpeg that is not confined.
fn warn(confined: Result<(), ConfineError>, output: Output) {
    if let Err(error) = confined {
        output.warnings(&[error.to_string()]);
    }
}

impl Man {
    fn run(&self, output: Output) -> Result<(), Failure> {
        let command = Cli::command();
        let Some(folder) = &self.out else {
            let mut page = Vec::new();
            let written = clap_mangen::Man::new(command).render(&mut page);
            written.map_err(|error| Failure::failed(error.to_string()))?;
            return output.bytes(&page);
        };
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(command, folder));
        written.map_err(|error| {
            Failure::failed(format!("can't write into `{}`: {error}", folder.display()))
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }
}
