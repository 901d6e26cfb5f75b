//! The parameters of one operation, with their values read and checked against the table and each
//! other.

use num_rational::Ratio;

use super::error::{ProcessError, ProcessErrorKind};
use super::name::Name;
use super::parse::{OperationSpec, ParameterSpec, ProcessSpec};
use super::request::LowerSource;
use super::span::Span;
use super::table::{self, Absent, Need, Operation, Parameter};
use super::template::Template;
use super::value::{self, Size, Value};
use crate::quote::quote;

/// The parameters of one operation.
#[derive(Debug)]
pub(super) struct Arguments<'a> {
    pub(super) operation: Operation,
    source: &'a str,
    span: Span,
    given: Vec<Given>,
}

#[derive(Debug)]
struct Given {
    spec: ParameterSpec,
    value: Value,
}

/// Every operation of a process string.
#[derive(Debug)]
pub(super) struct Operations<'a> {
    pub(super) concat: Arguments<'a>,
    pub(super) pre: Vec<Arguments<'a>>,
    pub(super) sur: Vec<Arguments<'a>>,
    pub(super) segment: Option<Arguments<'a>>,
    pub(super) target: Arguments<'a>,
    pub(super) notify: Option<Arguments<'a>>,
}

impl<'a> Operations<'a> {
    /// Reads the operations in the order of the text, so that the first mistake is the one that is
    /// reported.
    pub(super) fn read(spec: &'a ProcessSpec) -> Result<Self, ProcessError> {
        let read = |operation| Arguments::read(&spec.source, operation);
        let concat = read(&spec.concat)?;
        let clips = spec.clips.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let (pre, sur) = clips.into_iter().partition(|clip| clip.operation == Operation::Pre);
        Ok(Self {
            concat,
            pre,
            sur,
            segment: spec.segment.as_ref().map(read).transpose()?,
            target: read(&spec.target)?,
            notify: spec.notify.as_ref().map(read).transpose()?,
        })
    }

    /// All operations in canonical order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arguments<'a>> {
        std::iter::once(&self.concat)
            .chain(&self.pre)
            .chain(&self.sur)
            .chain(&self.segment)
            .chain(std::iter::once(&self.target))
            .chain(&self.notify)
    }
}

impl<'a> Arguments<'a> {
    fn read(source: &'a str, spec: &OperationSpec) -> Result<Self, ProcessError> {
        let given = spec
            .parameters
            .iter()
            .map(|parameter| Given::read(source, *parameter))
            .collect::<Result<_, _>>()?;
        let arguments = Self { operation: spec.operation, source, span: spec.span, given };
        arguments.check_required()?;
        arguments.check_needs()?;
        arguments.check_excludes()?;
        Ok(arguments)
    }

    fn check_required(&self) -> Result<(), ProcessError> {
        let missing = self.operation.parameters().find(|parameter| {
            parameter.absent == Absent::Required && !self.is_given(parameter.name)
        });
        missing.map_or(Ok(()), |parameter| {
            let kind = ProcessErrorKind::MissingParameter(parameter);
            Err(ProcessError::about(kind, self.span, parameter.name, ""))
        })
    }

    fn check_needs(&self) -> Result<(), ProcessError> {
        for given in &self.given {
            let parameter = given.spec.parameter;
            if let Some(need) = parameter.needs.filter(|&need| !self.has(need)) {
                return Err(self.error_at(given, ProcessErrorKind::Needs { parameter, need }));
            }
        }
        Ok(())
    }

    fn check_excludes(&self) -> Result<(), ProcessError> {
        for given in &self.given {
            let parameter = given.spec.parameter;
            if let Some(other) = parameter.excludes.filter(|other| self.is_given(other)) {
                return Err(self.error_at(given, ProcessErrorKind::Excludes { parameter, other }));
            }
        }
        Ok(())
    }

    fn has(&self, need: Need) -> bool {
        match need {
            Need::Given(name) => self.is_given(name),
            Need::Is(name, value) => self.word(name) == Some(value),
        }
    }

    fn given(&self, name: &str) -> Option<&Given> {
        self.given.iter().find(|given| given.spec.parameter.name == name)
    }

    pub(super) fn is_given(&self, name: &str) -> bool {
        self.given(name).is_some()
    }

    /// The given parameters, in table order.
    pub(super) fn in_table_order(&self) -> impl Iterator<Item = (&'static Parameter, &Value)> {
        self.operation.parameters().filter_map(|parameter| {
            self.given(parameter.name).map(|given| (parameter, &given.value))
        })
    }

    /// The given value, else the table's default.
    fn value(&self, name: &str) -> Option<Value> {
        if let Some(given) = self.given(name) {
            return Some(given.value.clone());
        }
        let parameter = table::find(self.operation, name)?;
        let default = match parameter.absent {
            Absent::Value(value) => value,
            Absent::ValueUnless { value, other } if !self.is_given(other) => value,
            Absent::ValueUnless { .. } | Absent::Required | Absent::Words(_) => return None,
        };
        value::read(&parameter.kind, default).ok()
    }

    pub(super) fn integer(&self, name: &str) -> Option<u64> {
        match self.value(name)? {
            Value::Integer(number) => Some(number),
            _ => None,
        }
    }

    /// Like [`Self::integer`], for numbers whose range in the table is narrower.
    pub(super) fn small<T: TryFrom<u64>>(&self, name: &str) -> Option<T> {
        self.integer(name).and_then(|number| T::try_from(number).ok())
    }

    /// Like [`Self::integer`], for parameters where 0 means unset.
    pub(super) fn positive(&self, name: &str) -> Option<u64> {
        self.integer(name).filter(|&number| number > 0)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.integer(name) == Some(1)
    }

    pub(super) fn option(&self, name: &str) -> LowerSource {
        self.integer(name).and_then(LowerSource::from_number).unwrap_or_default()
    }

    pub(super) fn decimal(&self, name: &str) -> Option<Ratio<i64>> {
        match self.value(name)? {
            Value::Decimal(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn word(&self, name: &str) -> Option<&'static str> {
        match self.value(name)? {
            Value::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(super) fn size(&self, name: &str) -> Option<Size> {
        match self.value(name)? {
            Value::Size(size) => Some(size),
            _ => None,
        }
    }

    pub(super) fn name(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::Name(Name { text, .. }) => Some(text),
            _ => None,
        }
    }

    pub(super) fn template(&self, name: &str) -> Option<Template> {
        match self.value(name)? {
            Value::Template(template, _) => Some(template),
            _ => None,
        }
    }

    /// An error about the parameter `name`, or about the operation if the parameter is not given.
    pub(super) fn error(&self, name: &str, kind: impl Into<ProcessErrorKind>) -> ProcessError {
        match self.given(name) {
            Some(given) => self.error_at(given, kind),
            None => ProcessError::about(kind, self.span, name, ""),
        }
    }

    /// A parameter as written in the string, or its name alone if it is not given.
    pub(super) fn quoted(&self, name: &str) -> String {
        let given = self.given(name).map(|given| given.spec.span().of(self.source));
        quote(given.unwrap_or(name))
    }

    /// A value that the table guarantees: it is required or has a default, and is one of its type's
    /// names.
    pub(super) fn presume<T>(&self, name: &str, value: Option<T>) -> T {
        value.unwrap_or_else(|| unreachable!("the table promises `{name}` in `{}`", self.operation))
    }

    fn error_at(&self, given: &Given, kind: impl Into<ProcessErrorKind>) -> ProcessError {
        let spec = given.spec;
        ProcessError::about(kind, spec.span(), spec.parameter.name, spec.value.of(self.source))
    }
}

impl Given {
    fn read(source: &str, spec: ParameterSpec) -> Result<Self, ProcessError> {
        let text = spec.value.of(source);
        let parameter = spec.parameter;
        let value = value::read(&parameter.kind, text).map_err(|error| {
            let value = text.to_owned();
            let kind = ProcessErrorKind::BadValue { parameter, value, error };
            ProcessError::about(kind, spec.value, parameter.name, text)
        })?;
        Ok(Self { spec, value })
    }
}
