//! Models from a hub: the real client against a local server that speaks the hub's paths.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use portcullis::artifact::{ArtifactFiles, FILES, MANIFEST, Model, WEIGHTS};
use portcullis::fetch::{FetchError, Hub, HubModel};
use portcullis::signing::{PrivateKey, SIGNATURE, Statement, sign};
use sha2::{Digest, Sha256};

const REPOSITORY: &str = "example/gate";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What a server has and how it misbehaves.
#[derive(Default)]
struct Content {
    files: BTreeMap<String, Vec<u8>>,
    /// The commit that answers say they are of; the one asked for, if none is given.
    commit: Option<&'static str>,
    /// The ETag of every file; its SHA-256, if none is given.
    etag: Option<&'static str>,
    /// The size that answers claim.
    size: Option<u64>,
    /// Whether the weights break off in the middle when they are first asked for.
    breaks_off: bool,
    /// Every request's path and the first byte that it asks for.
    log: Vec<(String, u64)>,
}

/// A hub on a port of the system's choice.
struct Server {
    endpoint: String,
    content: Arc<Mutex<Content>>,
}

impl Server {
    fn start(content: Content) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let content = Arc::new(Mutex::new(content));
        let shared = content.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that hangs up is not the server's concern.
                let _ = answer(&stream.unwrap(), &mut shared.lock().unwrap());
            }
        });
        Self { endpoint, content }
    }

    fn hub(&self, cache: &Path) -> Hub {
        Hub { endpoint: Some(self.endpoint.clone()), cache: Some(cache.join("hub")), is_offline: false }
    }

    fn n_requests(&self) -> usize {
        self.content.lock().unwrap().log.len()
    }
}

/// Reads a request and answers it, then closes the connection.
fn answer(stream: &TcpStream, content: &mut Content) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut range = (0, None);
    for line in lines {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some((start, end)) = line.strip_prefix("range: bytes=").and_then(|range| range.split_once('-')) {
            range = (start.parse().unwrap(), end.parse::<u64>().ok());
        }
    }
    content.log.push((path.clone(), range.0));
    if path == format!("/api/models/{REPOSITORY}/revision/{COMMIT}") {
        let siblings: Vec<_> = content.files.keys().map(|name| serde_json::json!({ "rfilename": name })).collect();
        let info = serde_json::json!({ "siblings": siblings, "sha": COMMIT }).to_string();
        return respond(stream, "200 OK", "", info.as_bytes(), info.len());
    }
    let name = path.strip_prefix(&format!("/{REPOSITORY}/resolve/{COMMIT}/")).unwrap_or_default().to_owned();
    let Some(file) = content.files.get(&name) else { return respond(stream, "404 Not Found", "", b"", 0) };
    let start = usize::try_from(range.0).unwrap().min(file.len());
    let end = range.1.map_or(file.len(), |end| file.len().min(usize::try_from(end).unwrap() + 1));
    let part = &file[start..end.max(start)];
    let headers = format!(
        "ETag: \"{}\"\r\nX-Repo-Commit: {}\r\nContent-Range: bytes {start}-{}/{}\r\n",
        content.etag.map_or_else(|| format!("{:x}", Sha256::digest(file)), str::to_owned),
        content.commit.unwrap_or(COMMIT),
        end.saturating_sub(1),
        content.size.unwrap_or(file.len() as u64),
    );
    let is_cut = content.breaks_off && name == WEIGHTS && range.1.is_none();
    let sent = if is_cut { &part[..part.len() / 2] } else { part };
    if is_cut {
        content.breaks_off = false;
    }
    respond(stream, "206 Partial Content", &headers, sent, part.len())
}

fn respond(mut stream: &TcpStream, status: &str, headers: &str, body: &[u8], length: usize) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n")?;
    stream.write_all(body)
}

/// The embedded model's files, as another version, signed.
fn signed_model(key: &PrivateKey) -> BTreeMap<String, Vec<u8>> {
    let (folder, embedded) = (tempfile::tempdir().unwrap(), ArtifactFiles::embedded().unwrap());
    let mut files: BTreeMap<String, Vec<u8>> = FILES
        .into_iter()
        .chain([MANIFEST])
        .map(|name| (name.to_owned(), embedded.read(name).unwrap().into_owned()))
        .collect();
    let mut manifest: serde_json::Value = serde_json::from_slice(&files[MANIFEST]).unwrap();
    manifest["version"] = "9.9.9".into();
    files.insert(MANIFEST.to_owned(), serde_json::to_vec(&manifest).unwrap());
    for (name, content) in &files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let signature = sign(&Statement::of_folder(folder.path()).unwrap(), key).unwrap();
    files.insert(SIGNATURE.to_owned(), signature);
    // What hubs add of their own accord, and what no artefact holds.
    files.insert(".gitattributes".to_owned(), b"* text".to_vec());
    files.insert("pickle.bin".to_owned(), b"never asked for".to_vec());
    files
}

fn model() -> HubModel {
    format!("{REPOSITORY}@{COMMIT}").parse().unwrap()
}

/// Small files under an artefact's names: fetching does not look into them.
fn small_files() -> BTreeMap<String, Vec<u8>> {
    FILES.into_iter().chain([MANIFEST]).map(|name| (name.to_owned(), name.repeat(1000).into_bytes())).collect()
}

#[test]
fn a_model_is_fetched_once_and_loads() {
    let (cache, key) = (tempfile::tempdir().unwrap(), PrivateKey::generate().unwrap());
    let server = Server::start(Content { files: signed_model(&key), ..Content::default() });
    let folder = server.hub(cache.path()).fetch(&model()).unwrap();
    let mut names: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let mut expected = [FILES.as_slice(), &[MANIFEST, SIGNATURE]].concat();
    names.sort();
    expected.sort_unstable();
    assert_eq!(names, expected, "an artefact's files and no other");
    assert_eq!(Model::load(&ArtifactFiles::Folder(folder.clone())).unwrap().id.version, "9.9.9");

    let n_requests = server.n_requests();
    assert_eq!(server.hub(cache.path()).fetch(&model()).unwrap(), folder);
    let offline = Hub { is_offline: true, ..server.hub(cache.path()) };
    assert_eq!(offline.fetch(&model()).unwrap(), folder);
    assert_eq!(server.n_requests(), n_requests, "the commit is pinned: nobody is asked again");
}

#[test]
fn what_breaks_off_is_gone_on_with() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(Content { files: small_files(), breaks_off: true, ..Content::default() });
    let folder = server.hub(cache.path()).fetch(&model()).unwrap();
    let content = server.content.lock().unwrap();
    assert_eq!(std::fs::read(folder.join(WEIGHTS)).unwrap(), content.files[WEIGHTS]);
    let half = content.files[WEIGHTS].len() as u64 / 2;
    assert!(content.log.iter().any(|(path, start)| path.ends_with(WEIGHTS) && *start == half), "{:?}", content.log);
}

#[test]
fn offline_only_the_cache_is_asked() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(Content { files: small_files(), ..Content::default() });
    let offline = Hub { is_offline: true, ..server.hub(cache.path()) };
    assert!(matches!(offline.fetch(&model()), Err(FetchError::Offline { .. })));
    assert_eq!(server.n_requests(), 0);
    // What other clients of the hub have put into its cache will do.
    let cached = offline.cache.clone().unwrap().join("models--example--gate").join("snapshots").join(COMMIT);
    std::fs::create_dir_all(&cached).unwrap();
    for (name, content) in small_files() {
        std::fs::write(cached.join(name), content).unwrap();
    }
    assert!(offline.fetch(&model()).unwrap().join(WEIGHTS).is_file());
    assert_eq!(server.n_requests(), 0);
}

#[test]
fn answers_that_were_not_asked_for_are_refused() {
    let check = |what: &str, content: Content| {
        let cache = tempfile::tempdir().unwrap();
        let server = Server::start(content);
        let refused = server.hub(cache.path()).fetch(&model()).unwrap_err();
        assert!(matches!(refused, FetchError::Answer { file, .. } if file == MANIFEST), "{what}: {refused}");
        let log = &server.content.lock().unwrap().log;
        assert_eq!(log.len(), 2, "{what}: nothing is downloaded: {log:?}");
    };
    let files = small_files;
    check("another commit", Content { commit: Some("main"), files: files(), ..Content::default() });
    check("too large", Content { size: Some((1 << 20) + 1), files: files(), ..Content::default() });
    check("a path for an ETag", Content { etag: Some("../../../x"), files: files(), ..Content::default() });
    check("an absolute ETag", Content { etag: Some("/tmp/x"), files: files(), ..Content::default() });
}

#[test]
fn a_missing_file_leaves_nothing_that_would_load() {
    let cache = tempfile::tempdir().unwrap();
    let mut files = small_files();
    files.remove(WEIGHTS);
    let server = Server::start(Content { files, ..Content::default() });
    let hub = server.hub(cache.path());
    assert!(matches!(hub.fetch(&model()), Err(FetchError::Hub(_))));
    server.content.lock().unwrap().files = small_files();
    assert!(hub.fetch(&model()).unwrap().join(WEIGHTS).is_file(), "a later try succeeds");
}

/// The command line: fetched, signature checked, classified; refused without the key.
#[test]
fn the_command_line_takes_models_of_the_hub() {
    let (folder, key) = (tempfile::tempdir().unwrap(), PrivateKey::generate().unwrap());
    let server = Server::start(Content { files: signed_model(&key), ..Content::default() });
    let public = folder.path().join("public.pem");
    std::fs::write(&public, key.public().unwrap().to_pem()).unwrap();
    let run = |arguments: &[&str]| -> Output {
        Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(arguments)
            .env("HF_ENDPOINT", &server.endpoint)
            .env("HF_HUB_CACHE", folder.path().join("hub"))
            .current_dir(folder.path())
            .output()
            .unwrap()
    };
    let source = format!("hf:{REPOSITORY}@{COMMIT}");
    let accepted = run(&["models", "verify", &source, "--key", "public.pem"]);
    assert!(accepted.status.success(), "{}", String::from_utf8_lossy(&accepted.stderr));
    assert!(String::from_utf8_lossy(&accepted.stdout).starts_with("accepted: default 9.9.9 "));
    let n_requests = server.n_requests();
    let classified = run(&["classify", "hello", "--model", &source, "--trusted-key", "public.pem", "--offline"]);
    assert!(classified.status.success(), "{}", String::from_utf8_lossy(&classified.stderr));
    let refused = run(&["classify", "hello", "--model", &source]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not trusted"));
    assert_eq!(server.n_requests(), n_requests);
}
