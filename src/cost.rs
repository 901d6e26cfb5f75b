//! The cost of a task by AWS's list prices. The prices are defined here once, with their date; look
//! up the current ones.

use serde::Serialize;

/// A processor architecture of Lambda.
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
    /// The region of the prices.
    pub region: &'static str,
    /// The month in which they were looked up.
    pub as_of: &'static str,
    /// One second of a gigabyte of Lambda's memory, on x86.
    pub x86_gb_second: f64,
    /// The same on arm.
    pub arm_gb_second: f64,
    /// One invocation.
    pub invocation: f64,
    /// One second of a gigabyte of `/tmp`, above [`FREE_DISK_MB`].
    pub disk_gb_second: f64,
    /// One PUT or POST request to S3, standard class.
    pub put: f64,
    /// One GET or HEAD request to S3, standard class.
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

/// Megabytes of `/tmp` that are free.
pub const FREE_DISK_MB: u32 = 512;

/// The resources that a task uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Memory of the function in MB.
    pub memory_mb: u32,
    /// `/tmp` of the function in MB.
    pub disk_mb: u32,
    /// Duration of all invocations in seconds.
    pub seconds: f64,
    /// Number of invocations.
    pub invocations: u32,
    /// Number of requests to S3 that write.
    pub puts: u32,
    /// Number of requests to S3 that read.
    pub gets: u32,
}

/// The cost in US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Cost {
    /// Cost of memory.
    pub compute: f64,
    /// Cost of `/tmp`.
    pub disk: f64,
    /// Cost of invocations and of requests to S3.
    pub requests: f64,
    /// The sum.
    pub total: f64,
}

impl Prices {
    /// The cost of this work.
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

    /// Each part and the sum, in dollars.
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
