//! The parameters of `video/concat` as command-line arguments, made from the language's table.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use video_concat::process::table::{Absent, Kind, Operation, Parameter};
use video_concat::quantity::converted;

/// The given parameters, in table order, with their names in the language.
#[derive(Debug, Default)]
pub(crate) struct OutputParameters(Vec<(&'static str, String)>);

impl OutputParameters {
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.given().find(|(given, _)| *given == name).map(|(_, value)| value)
    }
}

fn argument(parameter: &'static Parameter) -> Arg {
    let name = parameter.name;
    let value_name = match parameter.kind {
        Kind::Word(_) => "NAME",
        _ => parameter.unit.unwrap_or("VALUE"),
    };
    let argument =
        Arg::new(name).value_name(value_name).help(help(parameter)).help_heading("Output");
    // A name of one letter gets one dash. The language checks the values.
    let argument = match name.chars().next().filter(|_| name.len() == 1) {
        Some(letter) => argument.short(letter),
        None => argument.long(name),
    };
    match name {
        "scaletype" => argument.visible_alias("fit"),
        "f" => argument.long("format").required(true),
        "s" => argument.long("size"),
        "t" => argument.long("length"),
        _ => argument,
    }
}

fn help(parameter: &Parameter) -> String {
    let default = match parameter.absent {
        Absent::Value(value) | Absent::ValueUnless { value, .. } => format!(" [default: {value}]"),
        Absent::Words(words) => format!(" [default: {words}]"),
        Absent::Required => String::new(),
    };
    let allowed = match parameter.kind {
        Kind::Word(words) => format!(" [one of: {}]", words.join(", ")),
        _ => String::new(),
    };
    format!("{}{allowed}{default}", parameter.doc)
}

impl FromArgMatches for OutputParameters {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut parameters = Self::default();
        parameters.update_from_arg_matches(matches)?;
        Ok(parameters)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let given = Operation::Concat.parameters().filter_map(|parameter| {
            let value = matches.get_one::<String>(parameter.name)?;
            Some((parameter.name, converted(parameter, value)))
        });
        self.0 = given.collect();
        Ok(())
    }
}

impl Args for OutputParameters {
    fn augment_args(command: Command) -> Command {
        command.args(Operation::Concat.parameters().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
