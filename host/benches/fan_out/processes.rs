//! The floor in processes of their own, of one thread each: threads that share nothing but the machine. What two of them gain
//! over one is what its second processor is worth at that time.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::thread::{sched_getaffinity, sched_setaffinity};

use crate::component::component;
use crate::floor::Floor;

/// The argument with which this program is such a process.
pub(crate) const ARGUMENT: &str = "floor-process";

/// Runs as many steps as each line of the standard input says, and answers with a line when they have ended.
pub(crate) fn serve() {
    let floor = Floor::new(&component("numbers"));
    for line in std::io::stdin().lines() {
        let steps: u32 = line.unwrap().parse().unwrap();
        (0..steps).for_each(|_| floor.step());
        println!("{steps}");
    }
}

/// A process that waits for steps to run, until it is dropped.
pub(crate) struct FloorProcess {
    child: Child,
    asks: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl FloorProcess {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut process = Self { asks: child.stdin.take(), answers, child };
        // Its code is compiled by then.
        process.begin(1);
        process.end();
        process
    }

    /// Begins so many steps, on the processors that the caller may use.
    pub(crate) fn begin(&mut self, steps: u32) {
        let pid = rustix::process::Pid::from_child(&self.child);
        sched_setaffinity(Some(pid), &sched_getaffinity(None).unwrap()).unwrap();
        writeln!(self.asks.as_mut().unwrap(), "{steps}").unwrap();
    }

    /// Waits until they have ended.
    pub(crate) fn end(&mut self) {
        self.answers.next().unwrap().unwrap();
    }
}

impl Drop for FloorProcess {
    fn drop(&mut self) {
        // It ends with its input.
        self.asks = None;
        self.child.wait().unwrap();
    }
}
