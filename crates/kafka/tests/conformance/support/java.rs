//! Small Java programs of `tests/java` that use Kafka's own clients.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};

use milena_testkit::reference;

/// A program that runs; killed when it is dropped.
pub struct JavaProgram {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

fn class_path() -> String {
    let output = Command::new(reference::script()).arg("classpath").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Compiles a program once per run; the folder with its classes.
fn compiled(class: &str, class_path: &str) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("java-{class}-{}", std::process::id()));
    if !out.join(format!("{class}.class")).exists() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java").join(format!("{class}.java"));
        let mut compiler = Command::new("javac");
        compiler.args(["-nowarn", "-cp", class_path, "-d"]).arg(&out).arg(source);
        let output = compiler.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    out
}

impl JavaProgram {
    /// Compiles and starts `tests/java/{class}.java`.
    pub fn start(class: &str, args: &[&str]) -> Self {
        let class_path = class_path();
        let classes = compiled(class, &class_path);
        let mut child = Command::new("java")
            .args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(format!("{}:{class_path}", classes.display()))
            .arg(class)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, stdin, lines }
    }

    /// The lines that it has written since the last call.
    pub fn lines(&mut self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// Ends its stdin, waits for its end, and returns the rest of what it wrote.
    pub fn finish(&mut self) -> Vec<String> {
        drop(self.stdin.take());
        self.child.wait().unwrap();
        self.lines.iter().collect()
    }

    /// SIGKILL; returns the rest of what it wrote.
    pub fn kill(&mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.lines.iter().collect()
    }
}

impl Drop for JavaProgram {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
