//! What an ffmpeg that was taken over can't do: other programs in its place try it.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::bed::process::{Running, descendants, end, python};
use crate::bed::source::Source;
use crate::scene::{Scene, USUAL, b64};

/// The helper that every attempt uses: `call` makes a system call, and returns the error number or
/// 0.
const TOOLS: &str = "
import ctypes, json, os, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
folder = os.path.dirname(os.path.abspath(sys.argv[0]))
def call(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    return ctypes.get_errno() if result == -1 else 0
def tell(value):
    with open(folder + '/seen', 'w') as file:
        json.dump(value, file)
";

/// The attempts: a name, the system call, and its arguments in Python.
const ATTEMPTS: &[(&str, libc::c_long, &str)] = &[
    ("an internet socket", libc::SYS_socket, "2, 1, 0"),
    ("a datagram socket", libc::SYS_socket, "10, 2, 0"),
    ("a local socket", libc::SYS_socket, "1, 1, 0"),
    ("a netlink socket", libc::SYS_socket, "16, 3, 0"),
    ("a raw socket", libc::SYS_socket, "17, 3, 0"),
    ("an internet socket, upper bits set", libc::SYS_socket, "2 | 1 << 40, 1, 0"),
    ("a pair of sockets", libc::SYS_socketpair, "1, 1, 0, 0"),
    ("to connect what it has", libc::SYS_connect, "0, 0, 0"),
    ("to send by what it has", libc::SYS_sendto, "1, 0, 0, 0, 0, 0"),
    ("a ring", libc::SYS_io_uring_setup, "8, ctypes.addressof(ring)"),
    ("to trace the function", libc::SYS_ptrace, "16, parent, 0, 0"),
    ("to be traced", libc::SYS_ptrace, "0, 0, 0, 0"),
    ("to read another's memory", libc::SYS_process_vm_readv, "other, 0, 0, 0, 0, 0"),
    ("to write another's memory", libc::SYS_process_vm_writev, "other, 0, 0, 0, 0, 0"),
    ("a handle of another", libc::SYS_pidfd_open, "other, 0"),
    ("to end the function", libc::SYS_kill, "parent, 9"),
    ("to look for the function", libc::SYS_kill, "parent, 0"),
    ("to end another", libc::SYS_kill, "other, 9"),
    ("to end another, upper bits set", libc::SYS_kill, "other | 1 << 32, 9"),
    ("to end its group", libc::SYS_kill, "0, 9"),
    ("to end the function's group", libc::SYS_kill, "-parent, 9"),
    ("to end everybody", libc::SYS_kill, "-1, 0"),
    ("to end the first", libc::SYS_kill, "1, 0"),
    ("to end another's thread", libc::SYS_tgkill, "other, other, 9"),
    ("to end any thread", libc::SYS_tkill, "other, 9"),
    ("to queue a signal", libc::SYS_rt_sigqueueinfo, "other, 9, 0"),
    ("to queue a thread's signal", libc::SYS_rt_tgsigqueueinfo, "other, other, 9, 0"),
    ("to signal by a handle", libc::SYS_pidfd_send_signal, "0, 9, 0, 0"),
    ("to signal another by a file", libc::SYS_fcntl, "0, 8, other"),
    ("to choose the signal", libc::SYS_fcntl, "0, 10, 9"),
    ("to signal by a device", libc::SYS_ioctl, "0, 0x8901, 0"),
    ("to limit another", libc::SYS_prlimit64, "other, 0, 0, 0"),
    ("to limit the function", libc::SYS_prlimit64, "parent, 0, 0, 0"),
    ("to hold another up", libc::SYS_sched_setaffinity, "other, 0, 0"),
    ("to outlive the function", libc::SYS_prctl, "1, 0, 0, 0, 0"),
    ("a session", libc::SYS_setsid, ""),
    ("a group", libc::SYS_setpgid, "0, 0"),
    ("the function's group", libc::SYS_setpgid, "0, os.getpgid(parent)"),
    ("a sibling", libc::SYS_clone, "0x8000 | 17, 0, 0, 0, 0"),
    ("to leave the user's namespace", libc::SYS_unshare, "0x10000000"),
    ("to leave the mounts' namespace", libc::SYS_unshare, "0x20000"),
    ("to enter a namespace", libc::SYS_setns, "0, 0"),
    ("a child in user and network of its own", libc::SYS_clone, "0x50000000 | 17, 0, 0, 0, 0"),
    ("a child with processes of its own", libc::SYS_clone, "0x20000000 | 17, 0, 0, 0, 0"),
    ("to mount", libc::SYS_mount, "0, 0, 0, 0, 0"),
    ("another root", libc::SYS_chroot, "0"),
    ("shared memory", libc::SYS_shmget, "0, 4096, 0o1600"),
    ("a queue of messages", libc::SYS_mq_open, "0, 0, 0, 0"),
    ("a key", libc::SYS_add_key, "0, 0, 0, 0, 0"),
    ("a program in the kernel", libc::SYS_bpf, "0, 0, 0"),
];

/// The path of a Python program.
fn program(folder: &Path, text: &str) -> String {
    let path = folder.join("program");
    let text = format!("#!{}\n{TOOLS}\n{text}\n", python().get_program().display());
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A scene whose function runs this Python program instead of ffmpeg.
fn scene(folder: &Path, text: &str) -> Scene {
    let path = program(folder, text);
    let scene = Scene::with(|settings| settings.set("FFMPEG_PATH", path));
    scene.source("a.mp4", &Source::new(1))
}

fn seen(scene: &Scene, folder: &Path) -> Value {
    let outcome = scene.run("a.mp4", &format!("f_mp4,{USUAL}"));
    let seen = fs::read(folder.join("seen"));
    let seen = seen.unwrap_or_else(|_| panic!("{:#}", outcome.record));
    serde_json::from_slice(&seen).unwrap()
}

/// A process of the same user that has nothing to do with the task.
fn bystander() -> Running {
    Running::start(Command::new("/bin/sleep").arg("1000").stdin(Stdio::null()))
}

#[test]
fn every_attempt_gets_eperm() {
    let other = bystander();
    let other = other.id();
    let attempt = |(name, call, arguments): &(&str, libc::c_long, &str)| {
        format!("seen[{name:?}] = call({call}, *[{arguments}])\n")
    };
    let attempts = ATTEMPTS.iter().map(attempt).collect::<Vec<_>>().concat();
    let folder = tempfile::tempdir().unwrap();
    let program = format!(
        "ring = ctypes.create_string_buffer(256)\nparent, other, seen = os.getppid(), {other}, {{}}\n{attempts}tell(seen)\nsys.exit(1)"
    );
    let scene = scene(folder.path(), &program);
    let seen = seen(&scene, folder.path());
    let allowed: Vec<_> = ATTEMPTS.iter().filter(|(name, ..)| seen[name] != libc::EPERM).collect();
    assert!(allowed.is_empty(), "{allowed:#?}: {seen:#}");
    assert!(!scene.function.has_ended());
    scene.assert_clean();
}

/// Calls that the filter can't judge are reported as unknown, so that libraries use other calls.
#[test]
fn calls_that_no_filter_understands_do_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    // The last two are `socket` and `ptrace` of the x32 ABI.
    let program = "tell([call(435, 0, 0), call(470), call(600), call(0x40000029, 2, 1, 0), \
                   call(0x40000000 | 521, 0, 0, 0, 0)])\nsys.exit(1)";
    let scene = scene(folder.path(), program);
    assert_eq!(seen(&scene, folder.path()), Value::from(vec![libc::ENOSYS; 5]));
}

#[test]
fn both_programs_run_without_new_privileges_and_with_filters() {
    let folder = tempfile::tempdir().unwrap();
    let status = "tell(open('/proc/self/status').read())\nsys.exit(1)";
    let program = program(folder.path(), status);
    for variable in ["FFMPEG_PATH", "FFPROBE_PATH"] {
        let scene = Scene::with(|settings| settings.set(variable, &program));
        let scene = scene.source("a.mp4", &Source::new(1));
        let status = seen(&scene, folder.path());
        let status = status.as_str().unwrap();
        for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "Seccomp_filters:\t2"] {
            assert!(status.contains(line), "{variable}: {status}");
        }
    }
}

/// A program that succeeds, or is abandoned, after it has started others that try to survive.
#[test]
fn nothing_that_it_started_outlives_the_task() {
    let stay = "
def stay(depth):
    if os.fork() == 0:
        for leave in (os.setsid, lambda: os.setpgid(0, 0)):
            try:
                leave()
            except OSError:
                pass
        if depth > 0:
            stay(depth - 1)
        os.closerange(0, 3)
        with open(folder + '/pids', 'a') as file:
            file.write(f'{os.getpid()}.\\n')
        time.sleep(1000)
stay(3)
while not os.path.exists(folder + '/pids') or open(folder + '/pids').read().count('.') < 4:
    pass
";
    for end in ["sys.exit(0)", "sys.exit(1)", "os.abort()", "time.sleep(1000)"] {
        let folder = tempfile::tempdir().unwrap();
        let scene = scene(folder.path(), &format!("{stay}{end}"));
        let process = format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("o"));
        let event = json!({"bucket": "sources", "object": "a.mp4", "process": process});
        let limit = std::time::Duration::from_secs(20);
        let reply = scene.function.invoke_within(&event, limit);
        assert_eq!(descendants(scene.function.id()), [] as [u32; 0], "{end}");
        let pids = fs::read_to_string(folder.path().join("pids")).unwrap();
        assert!(pids.lines().count() >= 4, "{end}: {pids}");
        let alive: Vec<_> = pids.lines().filter(|pid| is_alive(pid)).collect();
        assert_eq!(alive, [] as [&str; 0], "{end}: {reply:?}");
        assert!(!scene.function.has_ended());
        scene.assert_clean();
    }
}

/// Whether a process runs. One that only waits for its parent to reap it has ended.
fn is_alive(pid: &str) -> bool {
    let path = format!("/proc/{}/stat", pid.trim_end_matches('.'));
    let stat = fs::read_to_string(path).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// A kernel without seccomp, simulated by a filter that denies filters.
#[test]
fn without_filters_the_function_says_so_and_works() {
    let scene = std::thread::spawn(|| {
        let rules = [(libc::SYS_seccomp, Vec::new())].into();
        let missing = seccompiler::SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
        let arch = std::env::consts::ARCH.try_into().unwrap();
        let allow = seccompiler::SeccompAction::Allow;
        let filter = seccompiler::SeccompFilter::new(rules, allow, missing, arch).unwrap();
        let program: seccompiler::BpfProgram = filter.try_into().unwrap();
        seccompiler::apply_filter(&program).unwrap();
        Scene::new()
    });
    let scene = scene.join().unwrap().source("a.mp4", &Source::new(1));
    scene.run("a.mp4", &format!("f_mp4,{USUAL}")).succeeded();
    let says = |line: &Value| {
        line["level"] == "WARN"
            && line["error"]
                .as_str()
                .is_some_and(|error| error.contains("supports no seccomp filter"))
    };
    let logs = scene.function.logs_until(|lines| lines.iter().any(says));
    assert!(logs.iter().any(says), "{logs:#?}");
    let confined = Scene::new();
    confined.function.cold_start();
    let logs: Vec<Value> = confined.function.logs_until(|lines| !lines.is_empty());
    assert!(!logs.iter().any(says), "{logs:#?}");
}

/// The launcher starts the given program, or reports why it can't.
#[test]
fn what_can_not_be_started_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let scene = scene(folder.path(), "sys.exit(1)");
    fs::write(folder.path().join("program"), "#!/nowhere/python\n").unwrap();
    let process = format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("o"));
    let reply = format!("{:?}", scene.invoke("a.mp4", &process));
    assert!(reply.contains("InternalError") && reply.contains("can't run"), "{reply}");
    assert!(reply.contains("No such file or directory"), "{reply}");
}

#[test]
fn a_killed_function_takes_its_programs_along() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let owner = rustix::fs::Mode::RWXU;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, owner, 0).unwrap();
    let program = "pipe = open(folder + '/pipe', 'w')\npipe.write('here')\npipe.flush()\n\
                   while True:\n    time.sleep(1000)";
    let scene = scene(folder.path(), program);
    std::thread::scope(|scope| {
        let process = format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("o"));
        let scene = &scene;
        scope.spawn(move || scene.invoke("a.mp4", &process));
        let mut pipe = fs::File::open(&pipe).unwrap();
        pipe.read_exact(&mut [0; 4]).unwrap();
        end(scene.function.id());
        // Ends when the programs end, which have the other end of the pipe.
        pipe.read_to_end(&mut Vec::new()).unwrap();
    });
}
