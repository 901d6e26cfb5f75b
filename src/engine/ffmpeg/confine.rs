//! System calls that the kernel denies to ffmpeg and ffprobe, in case a file takes one of them
//! over.
//!
//! A filter of system calls is inherited and can't be removed, but only a process itself can
//! install it. So this program starts a copy of itself in the role of a launcher, which installs
//! the filter and then executes the other program. Since the launcher knows its own process id, the
//! filter can allow the program to signal itself, as `abort` does, and no other process.

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

/// The program name by which a process knows that it is the launcher.
const ROLE: &str = "video-concat-launcher";
/// The launcher's exit code if it can't execute the program.
const NOT_STARTED: i32 = 125;
/// The launcher's output before the reason.
const NOT_STARTED_WORDS: &str = "the program was not started: ";

/// The path of this program, once [`begin`] has found that the kernel supports filters.
static LAUNCHER: OnceLock<PathBuf> = OnceLock::new();

/// Why programs run without a filter.
#[derive(Debug, Error)]
pub enum ConfineError {
    /// The kernel does not support filters.
    #[error(
        "this kernel supports no seccomp filter ({0}): a media file that takes ffmpeg over could \
         open connections, signal this function, and outlive its task"
    )]
    NoFilter(String),
    /// The path of this program can't be found.
    #[error("ffmpeg can't be confined, since the path of this program is unknown: {0}")]
    NoLauncher(io::Error),
}

/// From now on, starts all programs confined. `main` has to call this first: in a process that was
/// started as the launcher, it does not return.
///
/// # Errors
/// When the kernel does not support filters; programs are then started without one.
pub fn begin() -> Result<(), ConfineError> {
    let mut arguments = env::args_os();
    if arguments.next().is_some_and(|name| name == ROLE) {
        let reason = become_program(arguments);
        eprintln!("{NOT_STARTED_WORDS}{reason}");
        std::process::exit(NOT_STARTED);
    }
    // On a thread that ends at once, since a filter can't be removed.
    let trial = thread::spawn(|| confine_thread(0));
    let panicked = |_| ConfineError::NoFilter("the trial of a filter panicked".to_owned());
    trial.join().map_err(panicked)?.map_err(ConfineError::NoFilter)?;
    let this = env::current_exe().map_err(ConfineError::NoLauncher)?;
    LAUNCHER.get_or_init(|| this);
    Ok(())
}

/// The command that starts `command` confined, or `command` itself if the kernel does not support
/// filters.
pub(super) fn confined(command: Command) -> Command {
    let Some(this) = LAUNCHER.get() else {
        return command;
    };
    let mut launcher = Command::new(this);
    launcher.arg0(ROLE).arg(command.get_program()).args(command.get_args());
    launcher
}

/// Why the launcher could not execute the program, if this status and log show that.
pub(super) fn not_started(status: ExitStatus, log: &str) -> Option<io::Error> {
    let reason = log.strip_prefix(NOT_STARTED_WORDS)?;
    let system = |number| io::Error::from_raw_os_error(number);
    (status.code() == Some(NOT_STARTED))
        .then(|| reason.parse().map_or_else(|_| io::Error::other(reason), system))
}

/// Returns only on failure: the system's error number, or a message.
fn become_program(mut arguments: impl Iterator<Item = impl AsRef<OsStr>>) -> String {
    let Some(program) = arguments.next() else {
        return "none is named".to_owned();
    };
    // The parent thread waits for this process, so if the function is killed, this process is
    // killed as well.
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.to_string();
    }
    if let Err(reason) = confine_thread(std::process::id()) {
        return reason;
    }
    let error = Command::new(program).args(arguments).exec();
    error.raw_os_error().map_or_else(|| error.to_string(), |number| number.to_string())
}

/// Installs the filters for this thread and everything that it starts. `own` is the process that
/// may be signalled.
fn confine_thread(own: u32) -> Result<(), String> {
    let program = denied(own).map_err(|error| error.to_string())?;
    // If two filters deny a call, the later one's error is returned.
    for filter in [unknown(), program] {
        apply_filter(&filter).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The last system call that was considered for this list, `mseal`. Later ones, and those of the
/// x32 ABI, are reported as unknown.
const LAST_KNOWN: u32 = 462;

/// Denies calls that can't be judged with the error that makes libraries fall back to another call:
/// `clone3` has its flags in memory, which filters can't read.
fn unknown() -> BpfProgram {
    let statement = |code: u32, k: u32| instruction(code, k, 0, 0);
    let missing = SeccompAction::Errno(number(libc::ENOSYS));
    let clone3 = u32::try_from(libc::SYS_clone3).expect("system calls have small numbers");
    vec![
        // A filter's input begins with the call's number.
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

/// Calls that are always denied.
const DENIED: &[c_long] = &[
    // Connections: services on loopback, such as the runtime API, ask for no credentials.
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
    // io_uring executes any of the other calls without the filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Access to other processes: their memory, files, and scheduling.
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
    // Signals whose target a filter can't check.
    libc::SYS_tkill,
    libc::SYS_pidfd_send_signal,
    // Leaving the process group, which is killed when the task ends.
    libc::SYS_setsid,
    libc::SYS_setpgid,
    // Changing the process's view of the system.
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
    // IPC objects that would outlive the process and are not files.
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
];

/// Denied flags of `clone`: every new namespace, and making the child a sibling of its parent.
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

/// Commands of `fcntl` that make a file send signals, and choose their target. The C library's
/// headers lack two of them.
const FILE_SIGNALS: [libc::c_int; 3] = [libc::F_SETOWN, 10, 15];
/// Requests of `ioctl`: `FIOSETOWN` and `SIOCSPGRP`, which do the same, and terminal input.
const REQUESTS: [libc::c_int; 3] = [0x8901, 0x8902, 0x5412];

/// Denies the listed calls, and some others depending on their arguments.
fn denied(own: u32) -> Result<BpfProgram, Unbuilt> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> =
        DENIED.iter().map(|call| (*call, Vec::new())).collect();
    for call in
        [libc::SYS_kill, libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo]
    {
        rules.insert(call, vec![unless(&[own])?]);
    }
    // Lowering another process's limit below what it already uses would kill it, like a signal.
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

/// Applies if the first argument is none of these processes.
fn unless(processes: &[u32]) -> Result<SeccompRule, Unbuilt> {
    let others = processes.iter().map(|process| argument(0, SeccompCmpOp::Ne, (*process).into()));
    SeccompRule::new(others.collect::<Result<_, _>>()?)
}

/// One rule for each value, which applies if the argument equals it.
fn where_any(
    index: u8,
    operator: impl Fn(u64) -> SeccompCmpOp,
    values: impl IntoIterator<Item = libc::c_int>,
) -> Result<Vec<SeccompRule>, Unbuilt> {
    let rule = |value: u64| SeccompRule::new(vec![argument(index, operator(value), value)?]);
    values.into_iter().map(|value| rule(number(value).into())).collect()
}

/// Ids, flags, and commands have 32 bits; the kernel ignores the rest, too.
fn argument(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, Unbuilt> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)
}

fn number(constant: libc::c_int) -> u32 {
    u32::try_from(constant).expect("it is not negative")
}
