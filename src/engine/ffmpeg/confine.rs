//! What the kernel denies ffmpeg and ffprobe, should a file take one of them over.
//!
//! A filter of system calls is inherited and can't be taken off, but only a process itself can put
//! it on. So this program starts itself in the role of a launcher, which puts the filter on and then
//! becomes the other program. Knowing its own process id, it can let that signal itself, as
//! `abort` does, and nobody else.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;
use std::thread;

use libc::c_long;
use rustix::process::{Signal, set_parent_process_death_signal};
use seccompiler::{
    BackendError as Unbuilt, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, apply_filter, sock_filter,
};
use thiserror::Error;

/// By this name of its own, a process knows that it is the launcher.
const ROLE: &str = "video-concat-launcher";
/// What the launcher ends with where it can't become the program.
const NOT_STARTED: i32 = 125;
/// What it writes before the reason.
const NOT_STARTED_WORDS: &str = "the program was not started: ";

/// This program's own file, once [`begin`] has found that the kernel has filters.
static LAUNCHER: OnceLock<PathBuf> = OnceLock::new();

/// Why programs run without a filter.
#[derive(Debug, Error)]
pub enum ConfineError {
    /// The kernel has none.
    #[error(
        "this kernel takes no seccomp filter ({0}): a media file that takes ffmpeg over could open \
         connections, signal this function, and outlive its task"
    )]
    NoFilter(String),
    /// This program does not find itself.
    #[error("ffmpeg can't be confined, since the path of this program is unknown: {0}")]
    NoLauncher(io::Error),
}

/// Has all programs start confined from now on. To be called first of all in `main`: in a process
/// that was started as the launcher, it does not return.
///
/// # Errors
/// Where the kernel has no filters; programs start without then.
pub fn begin() -> Result<(), ConfineError> {
    let mut arguments = env::args_os();
    if arguments.next().is_some_and(|name| name == ROLE) {
        let reason = become_program(arguments);
        eprintln!("{NOT_STARTED_WORDS}{reason}");
        std::process::exit(NOT_STARTED);
    }
    // On a thread that ends at once, since no filter can be taken off.
    let trial = thread::spawn(|| confine_thread(0));
    let panicked = |_| ConfineError::NoFilter("the trial of a filter panicked".to_owned());
    trial.join().map_err(panicked)?.map_err(ConfineError::NoFilter)?;
    let this = env::current_exe().map_err(ConfineError::NoLauncher)?;
    LAUNCHER.get_or_init(|| this);
    Ok(())
}

/// The command that starts this one confined; itself, where programs are not confined.
pub(super) fn confined(command: Command) -> Command {
    let Some(this) = LAUNCHER.get() else {
        return command;
    };
    let mut launcher = Command::new(this);
    launcher.arg0(ROLE).arg(command.get_program()).args(command.get_args());
    launcher
}

/// Why the launcher could not become the program, where a process ended as this says.
pub(super) fn not_started(status: ExitStatus, log: &str) -> Option<io::Error> {
    let reason = log.strip_prefix(NOT_STARTED_WORDS)?;
    let system = |number| io::Error::from_raw_os_error(number);
    (status.code() == Some(NOT_STARTED))
        .then(|| reason.parse().map_or_else(|_| io::Error::other(reason), system))
}

/// Returns the reason only where it can't: the system's number for it, or words.
fn become_program(mut arguments: impl Iterator<Item = impl AsRef<OsStr>>) -> String {
    let Some(program) = arguments.next() else {
        return "none is named".to_owned();
    };
    // The thread that has started it waits for it, so a killed function takes it along.
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.to_string();
    }
    if let Err(reason) = confine_thread(std::process::id()) {
        return reason;
    }
    let error = Command::new(program).args(arguments).exec();
    error.raw_os_error().map_or_else(|| error.to_string(), |number| number.to_string())
}

/// Puts the filters on this thread and all that it starts. `own` is the process that may be
/// signalled.
fn confine_thread(own: u32) -> Result<(), String> {
    let program = denied(own).map_err(|error| error.to_string())?;
    // Of two filters that deny a call, the later one's error counts.
    for filter in [unknown(), program] {
        apply_filter(&filter).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The last system call that was looked at for this list, `mseal`. Later ones, and those of the
/// x32 world, don't exist for the program.
const LAST_KNOWN: u32 = 462;

/// Denies what can't be judged, in the way that makes libraries use something else: `clone3` has
/// its flags in memory, where no filter can read them.
fn unknown() -> BpfProgram {
    let statement = |code: u32, k: u32| instruction(code, k, 0, 0);
    let missing = SeccompAction::Errno(number(libc::ENOSYS));
    let clone3 = u32::try_from(libc::SYS_clone3).expect("system calls have small numbers");
    vec![
        // The call's number is the first field of what a filter sees.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, clone3, 1, 0),
        instruction(libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K, LAST_KNOWN, 0, 1),
        statement(libc::BPF_RET | libc::BPF_K, missing.into()),
        statement(libc::BPF_RET | libc::BPF_K, SeccompAction::Allow.into()),
    ]
}

fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: u16::try_from(code).expect("codes have 16 bits"), jt, jf, k }
}

/// Calls that are denied whatever their arguments.
const DENIED: &[c_long] = &[
    // Connections: what is on loopback, such as the runtime API, asks for no credentials.
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_connect,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    // These would do all the others, past any filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Other processes: their memory, files, and course.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_perf_event_open,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_setpriority,
    libc::SYS_ioprio_set,
    // Signals whose receiver a filter can't know.
    libc::SYS_tkill,
    libc::SYS_pidfd_send_signal,
    // Leaving the process group, which ends with the task.
    libc::SYS_setsid,
    libc::SYS_setpgid,
    // Another view of the system.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    // What would outlive the process without being a file.
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
];

/// Flags of `clone`: every new namespace, and a child that is its parent's sibling.
const CLONE_FLAGS: [libc::c_int; 8] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_PARENT,
];

/// Commands of `fcntl` by which a file sends signals, and to whom. The C library's headers hide two.
const FILE_SIGNALS: [libc::c_int; 3] = [libc::F_SETOWN, 10, 15];
/// Requests of `ioctl`: `FIOSETOWN` and `SIOCSPGRP` for the same, and input for a terminal.
const REQUESTS: [libc::c_int; 3] = [0x8901, 0x8902, 0x5412];

/// Denies the listed calls, and some others by their arguments.
fn denied(own: u32) -> Result<BpfProgram, Unbuilt> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> =
        DENIED.iter().map(|call| (*call, Vec::new())).collect();
    for call in
        [libc::SYS_kill, libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo]
    {
        rules.insert(call, vec![unless(&[own])?]);
    }
    // A limit that has been passed already ends another process as a signal does.
    for call in [
        libc::SYS_prlimit64,
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setattr,
    ] {
        rules.insert(call, vec![unless(&[0, own])?]);
    }
    let has = |flag| SeccompCmpOp::MaskedEq(flag);
    rules.insert(libc::SYS_prctl, where_any(0, |_| SeccompCmpOp::Eq, [libc::PR_SET_PDEATHSIG])?);
    rules.insert(libc::SYS_clone, where_any(0, has, CLONE_FLAGS)?);
    rules.insert(libc::SYS_fcntl, where_any(1, |_| SeccompCmpOp::Eq, FILE_SIGNALS)?);
    rules.insert(libc::SYS_ioctl, where_any(1, |_| SeccompCmpOp::Eq, REQUESTS)?);
    let denial = SeccompAction::Errno(number(libc::EPERM));
    let arch = env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Allow, denial, arch)?.try_into()
}

/// Applies where the first argument is none of these processes.
fn unless(processes: &[u32]) -> Result<SeccompRule, Unbuilt> {
    let others = processes.iter().map(|process| argument(0, SeccompCmpOp::Ne, (*process).into()));
    SeccompRule::new(others.collect::<Result<_, _>>()?)
}

/// A rule for each of the values that an argument may be compared with.
fn where_any(
    index: u8,
    operator: impl Fn(u64) -> SeccompCmpOp,
    values: impl IntoIterator<Item = libc::c_int>,
) -> Result<Vec<SeccompRule>, Unbuilt> {
    let rule = |value: u64| SeccompRule::new(vec![argument(index, operator(value), value)?]);
    values.into_iter().map(|value| rule(number(value).into())).collect()
}

/// Ids, flags, and commands have 32 bits; the kernel reads no more of them either.
fn argument(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, Unbuilt> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)
}

fn number(constant: libc::c_int) -> u32 {
    u32::try_from(constant).expect("it is not negative")
}
