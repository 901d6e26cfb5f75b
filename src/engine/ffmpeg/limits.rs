//! Resource limits of a process. A source can claim anything, and the function has to survive
//! whatever ffmpeg requests because of it.

use crate::clamped::clamped;
use rustix::io;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

/// Open files of one process: enough for every clip of a request.
const OPEN_FILES: u64 = 1024;
/// Lambda's longest invocation, on all of its six processors.
const CPU_SECONDS: u64 = 6 * 900;
/// The largest `/tmp` of a Lambda function.
const FILE_BYTES: u64 = 10_240 * MEBIBYTE;
/// The default stack size of Rust's own threads.
const STACK_BYTES: u64 = 2 * MEBIBYTE;
/// Memory that is reserved for the function itself.
const OWN_MEMORY_MB: u64 = 128;

const MEBIBYTE: u64 = 1024 * 1024;

/// Memory that concurrent processes may use together, and the largest file that each of them may
/// write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    megabytes: u64,
    file_bytes: u64,
}

impl Limits {
    /// All memory except what the function itself needs.
    pub(super) const fn of_function(megabytes: u64) -> Self {
        Self { megabytes: megabytes.saturating_sub(OWN_MEMORY_MB), file_bytes: FILE_BYTES }
    }

    /// The same with another limit for the size of a file.
    pub(super) const fn writing(self, file_bytes: u64) -> Self {
        Self { file_bytes, ..self }
    }

    /// An equal share for each of these processes.
    pub(super) fn shared(self, processes: usize) -> Self {
        let processes = clamped::<u64>(processes);
        Self { megabytes: self.megabytes / processes.max(1), ..self }
    }

    /// This percentage of it.
    pub(super) const fn portion(self, percent: u64) -> Self {
        Self { megabytes: self.megabytes * percent / 100, ..self }
    }

    pub(super) const fn bytes(self) -> u64 {
        self.megabytes * MEBIBYTE
    }

    pub(super) const fn megabytes(self) -> u64 {
        self.megabytes
    }
}

/// Limits a process that has just been started. If it has already ended, nothing happens.
///
/// Memory means what the process can write to. Address space that is only reserved, as glibc's
/// allocator does by the gigabyte, does not count.
pub(super) fn limit(process: Pid, most: Limits) {
    let limits = [
        (Resource::Cpu, CPU_SECONDS),
        (Resource::Fsize, most.file_bytes),
        (Resource::Nofile, OPEN_FILES),
        // No core files in the sandbox.
        (Resource::Core, 0),
        (Resource::Data, most.megabytes * MEBIBYTE),
    ];
    for (resource, most) in limits {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        let _ = prlimit(Some(process), resource, limit);
    }
}

/// Makes processes that are started later give their threads small stacks. glibc reserves as much
/// for each thread as the stack limit, 8 MB on Lambda, and all of it counts as memory though hardly
/// a page is used.
///
/// # Errors
/// When the system does not allow it.
pub fn shrink_stacks() -> io::Result<()> {
    let limit = Rlimit { current: Some(STACK_BYTES), ..getrlimit(Resource::Stack) };
    setrlimit(Resource::Stack, limit)
}

/// Whether a process ran out of memory, by its log: FFmpeg, the encoders and the C++ library have
/// different messages. FFmpeg also uses its message for a file with too many streams.
pub(super) fn ran_out(log: &str) -> bool {
    let words = [
        "annot allocate memory",
        "emory allocation",
        "ailed to allocate",
        "malloc of size",
        "bad_alloc",
        "pthread_create() failed",
    ];
    words.iter().any(|words| log.contains(words)) && !log.contains("exceeds max_streams")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::super::{Ffmpeg, RunError};
    use super::{Limits, ran_out};

    /// A program that waits until its limits are set, which happens just after its start.
    fn limited(script: &str) -> (Ffmpeg, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        let wait = "until [ \"$(ulimit -d)\" != unlimited ]; do :; done";
        fs::write(&program, format!("#!/bin/bash\n{wait}\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        (Ffmpeg::new(&program, &program, 512), folder)
    }

    #[tokio::test]
    async fn every_resource_is_limited() {
        let (ffmpeg, folder) = limited("ulimit -a >\"$0.limits\"");
        ffmpeg.encode(vec![], |_| ()).await.unwrap();
        let limits = fs::read_to_string(folder.path().join("program.limits")).unwrap();
        for (name, most) in [
            ("data seg size", "393216"),
            ("cpu time", "5400"),
            ("file size", "10485760"),
            ("open files", "1024"),
            ("core file size", "0"),
        ] {
            let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
            assert_eq!(line.split_whitespace().last(), Some(most), "{line}");
        }
    }

    #[tokio::test]
    async fn who_wants_more_memory_does_not_get_it() {
        let (ffmpeg, _folder) = limited("dd if=/dev/zero of=/dev/null bs=256M count=1");
        ffmpeg.encode(vec![], |_| ()).await.unwrap();
        let error = ffmpeg.shared(2).encode(vec![], |_| ()).await.unwrap_err();
        assert!(error.to_string().contains("memory exhausted"), "{error}");
    }

    #[tokio::test]
    async fn to_run_out_of_memory_is_no_success() {
        for end in ["exit 0", "exit 1", "kill -ABRT $$"] {
            let said = "Error submitting packet to decoder: Cannot allocate memory";
            let (ffmpeg, _folder) = limited(&format!("echo '{said}' >&2; {end}"));
            let error = ffmpeg.encode(vec![], |_| ()).await.unwrap_err();
            let RunError::OutOfMemory { megabytes: 384, ref log, .. } = error else {
                panic!("{end}: {error}");
            };
            assert_eq!(log, said);
            assert!(error.to_string().contains("give the function more memory"), "{error}");
        }
    }

    #[test]
    fn each_library_has_its_own_words() {
        for log in [
            "[fc#0] Error while filtering: Cannot allocate memory",
            "[libx264] malloc of size 7332480 failed",
            "x265 [error]: malloc of size 718848 failed",
            "x265 [error]: memory allocation failure, aborting encode",
            "[libvpx-vp9] Failed to initialize encoder: Memory allocation error",
            "terminate called after throwing an instance of 'std::bad_alloc'",
            "[vist#0:0] pthread_create() failed: Resource temporarily unavailable",
        ] {
            assert!(ran_out(log), "{log}");
        }
        for log in [
            "[ac3] new bit allocation info must be present in block 0",
            "[mov] Number of streams exceeds max_streams parameter (256)\nCannot allocate memory",
        ] {
            assert!(!ran_out(log), "{log}");
        }
    }

    #[test]
    fn a_tiny_function_keeps_its_own_part() {
        assert_eq!(Limits::of_function(64).megabytes(), 0);
        assert_eq!(Limits::of_function(3008).shared(4).megabytes(), 720);
    }
}
