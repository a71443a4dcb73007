//! Models that lie elsewhere, brought into a folder that `artifact` can load.
//!
//! The hub is asked for commits only: what a branch or tag names may change behind one's back. What comes from it is not
//! trusted: only files that belong to an artefact are fetched, none larger than its kind may be, and signature and digests
//! are for `artifact` to check, as with any other folder.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};
use serde::Deserialize;

use crate::artifact::{ArtifactFiles, FILES, MANIFEST, size_limit};
use crate::signing::SIGNATURE;

/// The model that is compiled in.
const EMBEDDED: &str = "embedded";
/// What a model on the hub begins with.
const HUB_PREFIX: &str = "hf:";
/// Hexadecimal digits of a commit.
const COMMIT_DIGITS: usize = 40;
/// How often a file that breaks off is gone on with.
const MAX_RETRIES: usize = 3;

/// Where a model lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum ModelSource {
    /// In this binary: `embedded`. A folder of that name is `./embedded`.
    #[default]
    Embedded,
    /// In a folder.
    Folder(PathBuf),
    /// On the hub.
    Hub(HubModel),
}

/// A commit of a repository of models on the hub: `hf:OWNER/NAME@COMMIT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubModel {
    repository: String,
    commit: String,
}

impl FromStr for ModelSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix(HUB_PREFIX) {
            None if text == EMBEDDED => Ok(Self::Embedded),
            Some(model) => model.parse().map(Self::Hub),
            None => Ok(Self::Folder(text.into())),
        }
    }
}

impl TryFrom<String> for ModelSource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str(EMBEDDED),
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Hub(model) => write!(f, "{HUB_PREFIX}{}@{}", model.repository, model.commit),
        }
    }
}

impl ModelSource {
    /// The model's files, fetched if they lie elsewhere.
    ///
    /// # Errors
    /// They cannot be fetched, or this binary holds no model.
    pub fn files(&self, hub: &Hub) -> Result<ArtifactFiles, FetchError> {
        match self {
            Self::Embedded => ArtifactFiles::embedded().ok_or(FetchError::NoneEmbedded),
            Self::Folder(folder) => Ok(ArtifactFiles::Folder(folder.clone())),
            Self::Hub(model) => hub.fetch(model).map(ArtifactFiles::Folder),
        }
    }

    /// The same place, whatever folder the process is started in.
    #[must_use]
    pub fn absolute(self) -> Self {
        match self {
            Self::Folder(folder) => Self::Folder(std::path::absolute(&folder).unwrap_or(folder)),
            source => source,
        }
    }
}

impl FromStr for HubModel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('@').and_then(|(repository, commit)| Some((repository.split_once('/')?, commit)));
        let Some(((owner, name), commit)) = parts.filter(|((owner, name), _)| is_name(owner) && is_name(name)) else {
            return Err(format!("{HUB_PREFIX}{text} is not {HUB_PREFIX}OWNER/NAME@COMMIT"));
        };
        if !is_commit(commit) {
            return Err(format!("{commit:?} is no commit of {COMMIT_DIGITS} digits; a branch or tag may change"));
        }
        Ok(Self { repository: format!("{owner}/{name}"), commit: commit.to_owned() })
    }
}

/// Whether a revision is a commit, and so says which content it has: 40 lower-case hexadecimal digits.
pub fn is_commit(revision: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    revision.len() == COMMIT_DIGITS && revision.bytes().all(is_digit)
}

/// Whether a part of a repository's name can be nothing else in a path or an address.
fn is_name(part: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_allowed)
}

/// Why a model could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The binary was built without a model.
    #[error("this binary was built without a model; name one with --model")]
    NoneEmbedded,
    /// A file is not here, and nobody may be asked.
    #[error("{file} is not in the cache, and --offline forbids to fetch it")]
    Offline {
        /// The file's name in the artefact.
        file: &'static str,
    },
    /// The hub's answer is not what was asked for.
    #[error("the hub's answer for {file} is refused: {reason}")]
    Answer {
        /// The file's name in the artefact.
        file: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The hub gave no answer.
    #[error("asking the hub: {0}")]
    Hub(#[from] ApiError),
    /// The cache cannot be written.
    #[error("the cache in {}: {source}", .folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A hub, and the cache of what was fetched from it. The cache is the one that the hub's other clients use.
#[derive(Clone, Debug, Default)]
pub struct Hub {
    /// Its address; `https://huggingface.co` if none is given.
    pub endpoint: Option<String>,
    /// The cache's folder; `hub` in `HF_HOME`, or in the user's cache folder, if none is given.
    pub cache: Option<PathBuf>,
    /// Whether only the cache is asked.
    pub is_offline: bool,
}

impl Hub {
    /// The folder of a model, fetched if it is not here yet. What broke off is gone on with.
    ///
    /// # Errors
    /// A file is neither in the cache nor to be had, or is not what an artefact may hold.
    pub fn fetch(&self, model: &HubModel) -> Result<PathBuf, FetchError> {
        let source = Source::new(self, model)?;
        let folder = source.cache.path().join("portcullis").join(source.repo.folder_name()).join(&model.commit);
        if !folder.is_dir() {
            let files: Vec<_> = source
                .names()?
                .into_iter()
                .map(|name| Ok((name, source.file(name)?)))
                .collect::<Result<_, FetchError>>()?;
            gather(&files, &folder).map_err(|source| FetchError::Cache { folder: folder.clone(), source })?;
        }
        Ok(folder)
    }
}

/// Makes a folder of cached files: of all or none. Of two processes that do so, the first to end wins.
fn gather(files: &[(&str, PathBuf)], folder: &Path) -> io::Result<()> {
    let part = folder.with_extension(format!("part-{}", std::process::id()));
    fs::create_dir_all(&part)?;
    files.iter().try_for_each(|(name, cached)| place(cached, &part.join(name)))?;
    fs::rename(&part, folder).or_else(|error| if folder.is_dir() { fs::remove_dir_all(&part) } else { Err(error) })
}

/// The hub's client keeps a model's files as links into its cache, which an artefact's files must not be.
fn place(cached: &Path, file: &Path) -> io::Result<()> {
    let content = cached.canonicalize()?;
    if file.exists() {
        fs::remove_file(file)?;
    }
    fs::hard_link(&content, file).or_else(|_| fs::copy(&content, file).map(|_| ()))
}

/// One commit of one repository.
struct Source {
    repo: Repo,
    cache: Cache,
    /// None offline.
    api: Option<Api>,
}

impl Source {
    fn new(hub: &Hub, model: &HubModel) -> Result<Self, FetchError> {
        let repo = Repo::with_revision(model.repository.clone(), RepoType::Model, model.commit.clone());
        let cache = hub.cache.clone().map_or_else(Cache::from_env, Cache::new);
        let mut builder = ApiBuilder::from_cache(cache.clone()).with_retries(MAX_RETRIES);
        if let Some(endpoint) = &hub.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
        }
        let api = if hub.is_offline { None } else { Some(builder.build()?) };
        Ok(Self { repo, cache, api })
    }

    /// An artefact's files, with its signature if it has one.
    fn names(&self) -> Result<Vec<&'static str>, FetchError> {
        let is_signed = match &self.api {
            None => self.cached(SIGNATURE).is_some(),
            Some(api) => {
                api.repo(self.repo.clone()).info()?.siblings.iter().any(|sibling| sibling.rfilename == SIGNATURE)
            }
        };
        Ok([MANIFEST].into_iter().chain(FILES).chain(is_signed.then_some(SIGNATURE)).collect())
    }

    fn cached(&self, name: &str) -> Option<PathBuf> {
        let path = self.cache.repo(self.repo.clone()).pointer_path(self.repo.revision()).join(name);
        path.exists().then_some(path)
    }

    fn file(&self, name: &'static str) -> Result<PathBuf, FetchError> {
        match (self.cached(name), &self.api) {
            (Some(path), _) => Ok(path),
            (None, None) => Err(FetchError::Offline { file: name }),
            (None, Some(api)) => {
                self.check_answer(api, name)?;
                Ok(api.repo(self.repo.clone()).download(name)?)
            }
        }
    }

    /// Asks for a file's size and names before its content: the client writes any amount of bytes, below any name.
    fn check_answer(&self, api: &Api, name: &'static str) -> Result<(), FetchError> {
        let metadata = api.metadata(&api.repo(self.repo.clone()).url(name))?;
        let refused = |reason: String| Err(FetchError::Answer { file: name, reason });
        if metadata.commit_hash() != self.repo.revision() {
            return refused(format!("it is of commit {:?}", metadata.commit_hash()));
        }
        if metadata.size() as u64 > size_limit(name) {
            return refused(format!("it has {} bytes; at most {} are accepted", metadata.size(), size_limit(name)));
        }
        if !is_name(metadata.etag().trim_start_matches("W/")) {
            return refused("its ETag is no plain name".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_folders_or_commits_on_the_hub() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let check = |text: &str, expected: Option<bool>| {
            let parsed = text.parse::<ModelSource>();
            assert_eq!(parsed.as_ref().ok().map(|source| matches!(source, ModelSource::Hub(_))), expected, "{text}");
            if let Ok(source) = parsed {
                assert_eq!(source.to_string(), text);
            }
        };
        check("models/default", Some(false));
        check("./hf:x", Some(false));
        check("embedded", Some(false));
        check(&format!("hf:owner/na-me_1.0@{commit}"), Some(true));
        check("hf:owner/name", None);
        check("hf:owner/name@main", None);
        check(&format!("hf:owner/name@{}", commit.to_uppercase()), None);
        check(&format!("hf:owner/name@{commit}0"), None);
        check(&format!("hf:owner@{commit}"), None);
        check(&format!("hf:owner/name/more@{commit}"), None);
        check(&format!("hf:../name@{commit}"), None);
        check(&format!("hf:owner/@{commit}"), None);
        check(&format!("hf:owner/na me@{commit}"), None);
    }
}
