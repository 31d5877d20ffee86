//! The workloads of goro-bench with Tokio: the same names, loops, capacities and timed sections on the
//! multi-threaded runtime. Prints lines of "workload=<name> procs=<threads> metric=<metric> value=<number>".
//!
//! Where Tokio has something else: a channel cannot be unbuffered (mpsc of capacity 1 stands in); it has one
//! receiver (in chan_mpmc four share it through an async Mutex); fib joins by the tasks' handles; those who
//! are parked wait for a semaphore that is closed, or for a oneshot channel each.
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, Mutex, Notify, Semaphore};
use tokio::task::yield_now;

#[derive(Clone)]
struct Command {
    name: String,
    procs: usize,
    size: usize,
    count: usize,
}

impl Command {
    fn size_or(&self, default: usize) -> usize {
        if self.size == 0 { default } else { self.size }
    }
    fn count_or(&self, default: usize) -> usize {
        if self.count == 0 { default } else { self.count }
    }
    fn report(&self, metric: &str, value: f64) {
        println!("workload={} procs={} metric={} value={:.4}", self.name, self.procs, metric, value);
    }
    fn report_per_op(&self, start: Instant, n: usize) {
        self.report("ns_per_op", start.elapsed().as_nanos() as f64 / n as f64);
    }
    fn report_ms(&self, metric: &str, start: Instant) {
        self.report(metric, start.elapsed().as_secs_f64() * 1e3);
    }
}

/// A count of tasks that run, and one who waits for them.
#[derive(Clone)]
struct WaitGroup(Arc<(AtomicUsize, Notify)>);

impl WaitGroup {
    fn new(n: usize) -> Self {
        WaitGroup(Arc::new((AtomicUsize::new(n), Notify::new())))
    }
    fn done(&self) {
        if self.0 .0.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0 .1.notify_one();
        }
    }
    async fn wait(&self) {
        self.0 .1.notified().await;
    }
}

/// VmRSS and VmPTE of this process.
fn memory_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let lines = status.lines().filter(|l| l.starts_with("VmRSS:") || l.starts_with("VmPTE:"));
    lines.map(|l| l.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0).sum()
}

/// Of user and system, in ticks of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

async fn spawn_join(command: Command) {
    let n = command.size_or(1_000_000);
    let start = Instant::now();
    let wg = WaitGroup::new(n);
    for _ in 0..n {
        let wg = wg.clone();
        tokio::spawn(async move { wg.done() });
    }
    wg.wait().await;
    command.report_per_op(start, n);
}

async fn yields(command: Command) {
    let g = command.count_or(1000);
    let k = command.size_or(1_000_000) / g;
    let start = Instant::now();
    let wg = WaitGroup::new(g);
    for _ in 0..g {
        let wg = wg.clone();
        tokio::spawn(async move {
            for _ in 0..k {
                yield_now().await;
            }
            wg.done();
        });
    }
    wg.wait().await;
    command.report_per_op(start, g * k);
}

async fn ping_pong(command: Command) {
    let n = command.size_or(1_000_000);
    let (to, mut from) = mpsc::channel::<usize>(1);
    let (back, mut answers) = mpsc::channel::<usize>(1);
    tokio::spawn(async move {
        while let Some(v) = from.recv().await {
            let _ = back.send(v).await;
        }
    });
    let start = Instant::now();
    for i in 0..n {
        to.send(i).await.unwrap();
        answers.recv().await.unwrap();
    }
    command.report_per_op(start, n);
}

async fn chan_spsc(command: Command) {
    let n = command.size_or(10_000_000);
    let (to, mut from) = mpsc::channel::<usize>(128);
    let start = Instant::now();
    tokio::spawn(async move {
        for i in 0..n {
            to.send(i).await.unwrap();
        }
    });
    let mut sum = 0;
    while let Some(v) = from.recv().await {
        sum += v;
    }
    command.report_per_op(start, n);
    assert_eq!(sum, n * (n - 1) / 2);
}

async fn chan_mpmc(command: Command) {
    let n = command.size_or(4_000_000);
    let (to, from) = mpsc::channel::<usize>(128);
    let from = Arc::new(Mutex::new(from));
    let wg = WaitGroup::new(4);
    let start = Instant::now();
    for _ in 0..4 {
        let (to, from, wg) = (to.clone(), from.clone(), wg.clone());
        tokio::spawn(async move {
            for i in 0..n / 4 {
                to.send(i).await.unwrap();
            }
        });
        tokio::spawn(async move {
            let mut sum = 0;
            while let Some(v) = from.lock().await.recv().await {
                sum += v;
            }
            std::hint::black_box(sum);
            wg.done();
        });
    }
    drop(to);
    wg.wait().await;
    command.report_per_op(start, n);
}

async fn mutex(command: Command) {
    let (g, n) = (command.count_or(8), command.size_or(1_000_000));
    let value = Arc::new(Mutex::new(0));
    let wg = WaitGroup::new(g);
    let start = Instant::now();
    for _ in 0..g {
        let (value, wg) = (value.clone(), wg.clone());
        tokio::spawn(async move {
            for _ in 0..n {
                *value.lock().await += 1;
            }
            wg.done();
        });
    }
    wg.wait().await;
    command.report_per_op(start, g * n);
    assert_eq!(*value.lock().await, g * n);
}

fn sky_node(to: mpsc::Sender<usize>, num: usize, size: usize) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let mut sum = num;
        if size > 1 {
            let (up, mut from) = mpsc::channel(1);
            for i in 0..10 {
                tokio::spawn(sky_node(up.clone(), num + i * (size / 10), size / 10));
            }
            sum = 0;
            for _ in 0..10 {
                sum += from.recv().await.unwrap();
            }
        }
        let _ = to.send(sum).await;
    })
}

async fn skynet(command: Command) {
    let n = command.size_or(1_000_000);
    let start = Instant::now();
    let (to, mut from) = mpsc::channel(1);
    tokio::spawn(sky_node(to, 0, n));
    assert_eq!(from.recv().await, Some(n * (n - 1) / 2));
    command.report_ms("ms", start);
}

async fn parked(command: Command, shared: bool) {
    let n = command.size_or(1_000_000);
    let mut channels: Vec<Option<oneshot::Sender<()>>> = Vec::new();
    if !shared {
        channels.resize_with(n, || None);
    }
    let gate = Arc::new(Semaphore::new(0));
    let (ready, done) = (WaitGroup::new(n), WaitGroup::new(n));
    let before = memory_bytes();
    let start = Instant::now();
    for i in 0..n {
        let (ready, done) = (ready.clone(), done.clone());
        if shared {
            let gate = gate.clone();
            tokio::spawn(async move {
                ready.done();
                let _ = gate.acquire().await;
                done.done();
            });
        } else {
            let (to, from) = oneshot::channel();
            channels[i] = Some(to);
            tokio::spawn(async move {
                ready.done();
                let _ = from.await;
                done.done();
            });
        }
    }
    ready.wait().await;
    command.report_ms("create_ms", start);
    tokio::time::sleep(Duration::from_millis(50)).await; // the last ones reach their wait
    command.report("bytes_each", (memory_bytes() - before) / n as f64);
    let start = Instant::now();
    if shared {
        gate.close();
    }
    for to in channels.iter_mut() {
        to.take().unwrap().send(()).unwrap();
    }
    done.wait().await;
    command.report_ms("wake_ms", start);
}

async fn sleepers(command: Command) {
    let n = command.size_or(1_000_000);
    let (start, cpu_before) = (Instant::now(), cpu_seconds());
    let wg = WaitGroup::new(n);
    let mut x = 1u32;
    for _ in 0..n {
        x = x.wrapping_mul(1664525).wrapping_add(1013904223);
        let (wg, d) = (wg.clone(), Duration::from_millis(1 + (x as u64 >> 8) % 1000));
        tokio::spawn(async move {
            tokio::time::sleep(d).await;
            wg.done();
        });
    }
    wg.wait().await;
    command.report_ms("ms", start);
    command.report("cpu_s", cpu_seconds() - cpu_before);
}

async fn ring(command: Command) {
    let (g, n) = (command.count_or(1000), command.size_or(1_000_000));
    let wg = WaitGroup::new(1);
    let (first, mut input) = mpsc::channel::<usize>(1);
    for i in 0..g {
        let (to, next) = mpsc::channel(1);
        let to = if i == g - 1 { first.clone() } else { to };
        let (mut from, wg) = (std::mem::replace(&mut input, next), wg.clone());
        tokio::spawn(async move {
            while let Some(v) = from.recv().await {
                if v == 0 {
                    return wg.done();
                }
                let _ = to.send(v - 1).await;
            }
        });
    }
    let start = Instant::now();
    first.send(n).await.unwrap();
    wg.wait().await;
    command.report_per_op(start, n);
}

fn fib_of(n: usize) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move {
        if n < 2 {
            return n;
        }
        let x = tokio::spawn(fib_of(n - 1));
        let y = fib_of(n - 2).await;
        x.await.unwrap() + y
    })
}

/// How many tasks fib(n) starts: F(n+1) - 1.
fn forks(n: usize) -> usize {
    let (mut a, mut b) = (0, 1);
    for _ in 0..n {
        (a, b) = (b, a + b);
    }
    b - 1
}

async fn fib(command: Command) {
    let n = command.size_or(27);
    let start = Instant::now();
    let value = fib_of(n).await;
    command.report_per_op(start, forks(n));
    assert!(n != 27 || value == 196_418);
}

const WORKLOADS: &str = "spawn_join yield skynet parked_shared parked_own sleepers fib fib_wg ping_pong chan_spsc \
                         chan_mpmc mutex ring";

fn usage(complaint: &str) -> ! {
    eprintln!("tokiobench: {complaint}\nusage: tokiobench WORKLOAD [-p THREADS] [-n SIZE] [-g TASKS]\nworkloads: {WORKLOADS}");
    std::process::exit(2)
}

fn parse_command() -> Command {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let mut command = Command { name, procs: 1, size: 0, count: 0 };
    while let Some(flag) = arguments.next() {
        let value = arguments.next().and_then(|text| text.parse().ok());
        match (flag.as_str(), value) {
            ("-p", Some(value)) if value > 0 => command.procs = value,
            ("-n", Some(value)) => command.size = value,
            ("-g", Some(value)) => command.count = value,
            _ => usage(&format!("what is {flag}?")),
        }
    }
    command
}

fn main() {
    let command = parse_command();
    let work: Pin<Box<dyn Future<Output = ()> + Send>> = match command.name.clone().as_str() {
        "spawn_join" => Box::pin(spawn_join(command.clone())),
        "yield" => Box::pin(yields(command.clone())),
        "skynet" => Box::pin(skynet(command.clone())),
        "parked_shared" => Box::pin(parked(command.clone(), true)),
        "parked_own" => Box::pin(parked(command.clone(), false)),
        "sleepers" => Box::pin(sleepers(command.clone())),
        "fib" | "fib_wg" => Box::pin(fib(command.clone())),
        "ping_pong" => Box::pin(ping_pong(command.clone())),
        "chan_spsc" => Box::pin(chan_spsc(command.clone())),
        "chan_mpmc" => Box::pin(chan_mpmc(command.clone())),
        "mutex" => Box::pin(mutex(command.clone())),
        "ring" => Box::pin(ring(command.clone())),
        name => usage(&format!("unknown workload {name}")),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(command.procs).enable_all().build();
    // As a task of its own, so that only the worker threads run it.
    runtime.unwrap().block_on(async { tokio::spawn(work).await.unwrap() });
    std::process::exit(0); // who is left behind is not torn down, as in the other twins
}
