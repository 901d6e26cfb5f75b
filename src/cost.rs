//! What a task costs at AWS's list prices. They stand here once, with their date; look up today's.

use serde::Serialize;

/// Processors of Lambda.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// `x86_64`.
    X86,
    /// `arm64`.
    Arm,
}

/// List prices in US dollars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// The region that they hold for.
    pub region: &'static str,
    /// The month that they were looked up in.
    pub as_of: &'static str,
    /// A gigabyte of Lambda's memory for a second, on x86.
    pub x86_gb_second: f64,
    /// The same, on arm.
    pub arm_gb_second: f64,
    /// An invocation.
    pub invocation: f64,
    /// A gigabyte of `/tmp` for a second, above [`FREE_DISK_MB`].
    pub disk_gb_second: f64,
    /// A PUT or POST request to S3, standard class.
    pub put: f64,
    /// A GET or HEAD request to S3, standard class.
    pub get: f64,
}

/// The first of Lambda's tiers, up to 6 billion GB-seconds a month.
pub const PRICES: Prices = Prices {
    region: "us-east-1",
    as_of: "2024-12",
    x86_gb_second: 0.000_016_666_7,
    arm_gb_second: 0.000_013_333_4,
    invocation: 0.000_000_2,
    disk_gb_second: 0.000_000_030_9,
    put: 0.000_005,
    get: 0.000_000_4,
};

/// Megabytes of `/tmp` that cost nothing.
pub const FREE_DISK_MB: u32 = 512;

/// What a task takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Memory of the function.
    pub memory_mb: u32,
    /// `/tmp` of the function.
    pub disk_mb: u32,
    /// Seconds of all its invocations.
    pub seconds: f64,
    /// Invocations.
    pub invocations: u32,
    /// Requests to S3 that write.
    pub puts: u32,
    /// Requests to S3 that read.
    pub gets: u32,
}

/// What it costs, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Cost {
    /// Memory times seconds.
    pub compute: f64,
    /// `/tmp` times seconds.
    pub disk: f64,
    /// Invocations and requests to S3.
    pub requests: f64,
    /// All of it.
    pub total: f64,
}

impl Prices {
    /// What so much work costs.
    #[must_use]
    pub fn cost(&self, work: &Work, architecture: Architecture) -> Cost {
        let gb_second = match architecture {
            Architecture::X86 => self.x86_gb_second,
            Architecture::Arm => self.arm_gb_second,
        };
        let gigabytes = |megabytes: u32| f64::from(megabytes) / 1024.0;
        let compute = gigabytes(work.memory_mb) * work.seconds * gb_second;
        let billed_disk = work.disk_mb.saturating_sub(FREE_DISK_MB);
        let disk = gigabytes(billed_disk) * work.seconds * self.disk_gb_second;
        let requests = f64::from(work.invocations) * self.invocation
            + f64::from(work.puts) * self.put
            + f64::from(work.gets) * self.get;
        Cost { compute, disk, requests, total: compute + disk + requests }
    }
}

#[cfg(test)]
mod tests {
    use super::{Architecture, PRICES, Work};

    /// Each part and all of them, in dollars.
    fn cost(work: &Work, architecture: Architecture) -> [String; 4] {
        let cost = PRICES.cost(work, architecture);
        [cost.compute, cost.disk, cost.requests, cost.total].map(|usd| format!("{usd:.8}"))
    }

    #[test]
    fn a_minute_of_the_default_function_costs_a_third_of_a_cent() {
        let work = Work {
            memory_mb: 3008,
            disk_mb: 512,
            seconds: 60.0,
            invocations: 1,
            puts: 4,
            gets: 10,
        };
        assert_eq!(
            cost(&work, Architecture::X86),
            ["0.00293751", "0.00000000", "0.00002420", "0.00296171"]
        );
        assert_eq!(
            cost(&work, Architecture::Arm),
            ["0.00235001", "0.00000000", "0.00002420", "0.00237421"]
        );
    }

    #[test]
    fn disk_costs_above_what_is_free() {
        let work = Work {
            memory_mb: 1024,
            disk_mb: 512 + 10_240,
            seconds: 100.0,
            invocations: 0,
            puts: 0,
            gets: 0,
        };
        assert_eq!(cost(&work, Architecture::X86)[1], "0.00003090");
    }
}
