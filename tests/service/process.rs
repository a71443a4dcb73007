//! The server as a process of its own: what it logs, and how large it grows under floods.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{ATTACK, long_text, prompt, request, segment, with_content};
use portcullis::config::Settings;
use portcullis::grpc::v1::segment::Content;
use portcullis::grpc::v1::threat_service_client::ThreatServiceClient;
use portcullis::grpc::v1::{AnalyzeBatchRequest, AnalyzeOptions, AnalyzeRequest, Source};
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

/// The real thing.
pub const BINARY: &str = env!("CARGO_BIN_EXE_portcullis");

/// A running server; it ends with the test.
pub struct Process {
    pub child: Child,
    pub address: SocketAddr,
    metrics: SocketAddr,
    /// Where models are changed, if the settings say `admin_listen`.
    pub admin: Option<SocketAddr>,
    /// What it has logged, all of it once it has ended.
    log: Arc<Mutex<String>>,
}

impl Process {
    /// Starts a server that logs at this level, with these settings, in TOML, and waits until it serves.
    pub fn start(level: &str, settings: &str) -> Self {
        Self::start_as(Self::command(BINARY), level, settings)
    }

    /// A program that shall listen where the system likes.
    pub fn command(program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("PORTCULLIS_LISTEN", "127.0.0.1:0").env("PORTCULLIS_METRICS_LISTEN", "127.0.0.1:0");
        command
    }

    /// The same of the binary in this environment, or by a shell that runs the binary with its own arguments.
    pub fn start_as(mut command: Command, level: &str, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("settings.toml");
        std::fs::write(&config, settings).unwrap();
        let mut child = command
            .args(["--log", level, "--log-json", "serve"])
            .arg("--config")
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let serving = lines.find(|line| line.contains("\"serving\"")).unwrap();
        let fields = &serde_json::from_str::<serde_json::Value>(&serving).unwrap()["fields"];
        let address = |name: &str| fields[name].as_str().unwrap().parse().unwrap();
        let (address, metrics) = (address("address"), address("metrics"));
        let admin = fields["admin"].as_str().map(|address| address.parse().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let collected = log.clone();
        std::thread::spawn(move || lines.for_each(|line| *collected.lock().unwrap() += &(line + "\n")));
        Self { child, address, metrics, admin, log }
    }

    pub async fn connect(&self) -> ThreatServiceClient<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        ThreatServiceClient::new(endpoint.connect().await.unwrap())
            .max_encoding_message_size(64 << 20)
            .max_decoding_message_size(64 << 20)
    }

    pub fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(self.metrics).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Asks it to shut down.
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// A line of /proc/PID/status, in bytes.
    pub fn memory(&self, name: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn with_trace(message: AnalyzeRequest) -> Request<AnalyzeRequest> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap());
    metadata.insert("x-portcullis-tenant", "zanzibarite-tenant".parse().unwrap());
    request
}

/// Everything a caller sends carries a word that is nowhere else: text, JSON, names, identifiers, canaries, metadata. At the
/// most talkative level it is in no log and no metric; the caller's trace is.
#[tokio::test]
async fn no_text_is_logged_or_counted() {
    let server = Process::start("trace", "");
    let mut client = server.connect().await;
    let mut message = request(vec![
        segment(Source::UserPrompt, format!("zanzibarite {ATTACK} zanzibarite")),
        with_content(Source::ToolOutput, Content::Json(format!("{{\"zanzibarite\": \"{ATTACK}\"}}"))),
        with_content(Source::Document, Content::Bytes(b"zanzibarite \xFF".to_vec())),
    ]);
    message.request_id = "zanzibarite-request".to_owned();
    message.segments[0].id = "zanzibarite-segment".to_owned();
    message.segments[0].uri = "https://zanzibarite.example".to_owned();
    let canaries = vec!["zanzibarite-canary".to_owned()];
    message.options = Some(AnalyzeOptions { spans: true, sanitize: 1, canaries, ..Default::default() });
    client.analyze(with_trace(message.clone())).await.unwrap();
    message.segments[0].source = 99;
    message.segments[1] = with_content(Source::ToolOutput, Content::Json("{zanzibarite".to_owned()));
    client.analyze(with_trace(message)).await.unwrap_err();
    let metrics = server.metrics();
    assert!(metrics.contains("portcullis_request_seconds_count") && !metrics.contains("zanzibarite"), "{metrics}");
    // Logs are written before the answer, and read by a thread of this test.
    for _ in 0..100 {
        if server.log.lock().unwrap().contains("\"answered\"") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let log = server.log.lock().unwrap().clone();
    let answered = log.lines().find(|line| line.contains("\"answered\"")).unwrap();
    assert!(answered.contains("0af7651916cd43dd8448eb211c80319c"), "{answered}");
    let told: Vec<_> = log.lines().filter(|line| line.contains("zanzibarite")).collect();
    assert!(told.is_empty(), "{told:?}");
}

/// Whoever reads the log stops reading: every request is answered all the same, and lines that find no room are counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_stops_nothing() {
    let process = Process::start("trace", "");
    let (log, (go_on, stopped)) = (process.log.clone(), std::sync::mpsc::channel::<()>());
    let reader = std::thread::spawn(move || {
        let _unread = log.lock().unwrap();
        let _ = stopped.recv();
    });
    let mut client = process.connect().await;
    let dropped = || {
        let metrics = process.metrics();
        let count = metrics.lines().find_map(|line| line.strip_prefix("portcullis_log_lines_dropped_total "));
        count.unwrap().parse::<usize>().unwrap()
    };
    for sent in 0.. {
        assert!(sent < 5000, "the log is still read");
        client.analyze(prompt(ATTACK)).await.unwrap();
        if sent % 100 == 0 && dropped() > 0 {
            break;
        }
    }
    client.analyze(prompt(ATTACK)).await.unwrap();
    drop(go_on);
    reader.join().unwrap();
}

/// Floods of tiny messages, of huge ones, of texts that are all tokens, and callers that go away or do not read: the server
/// stays below the bound that its limits add up to, and answers afterwards.
#[tokio::test]
async fn memory_stays_within_its_bound() {
    let settings = "max_in_flight_requests = 64\nmax_in_flight_bytes = 4194304\nmax_in_flight_tokens = 300000\n\
                    max_receive_bytes = 8388608\nmax_connections = 64\ncache_bytes = 1048576\nbatch_tokens = 512";
    let bound = toml::from_str::<Settings>(settings).unwrap().check().unwrap().memory_bound();
    let server = Process::start("info", settings);
    let at_start = server.memory("VmRSS");
    let punctuation = "?! ,;".repeat(160_000);
    let floods: [(usize, AnalyzeRequest); 4] = [
        (1_000, prompt("a")),
        (60, prompt(punctuation)),
        (60, request((0..4).map(|_| segment(Source::ToolOutput, long_text(900_000))).collect())),
        (200, request((0..250).map(|_| segment(Source::Document, "")).collect())),
    ];
    for (n_calls, message) in floods {
        let mut client = server.connect().await;
        let mut other = server.connect().await;
        let calls = (0..n_calls).map(|index| {
            let mut client = if index % 2 == 0 { client.clone() } else { other.clone() };
            let message = message.clone();
            async move { client.analyze(message).await.map(drop) }
        });
        // Whoever has no answer by then goes away.
        let calls = futures::future::join_all(calls);
        let _ = tokio::time::timeout(Duration::from_secs(4), calls).await;
        let batch = AnalyzeBatchRequest { requests: vec![prompt("b"); 200] };
        let _ = tokio::time::timeout(Duration::from_secs(1), client.analyze_batch(batch)).await;
        drop(tokio::time::timeout(Duration::from_millis(100), other.analyze(message)).await);
    }
    let idle: Vec<_> = (0..200).filter_map(|_| TcpStream::connect(server.address).ok()).collect();
    let peak = server.memory("VmHWM");
    assert!(peak <= at_start + bound, "{peak} is above {at_start} and {bound}");
    drop(idle);
    let answered = async {
        loop {
            let Ok(mut client) = tokio::time::timeout(Duration::from_secs(1), server.connect()).await else { continue };
            if client.analyze(prompt("still there?")).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), answered).await.unwrap();
}
