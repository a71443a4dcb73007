//! Files from the hub, at pinned revisions only: what a run was made of must not change behind its back.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use hf_hub::api::sync::ApiBuilder;
use hf_hub::{Repo, RepoType};
use portcullis::fetch::is_commit;

/// Fetches one file of a repository through the hub's cache, and says where it lies.
pub fn fetch(repository: &str, kind: RepoType, revision: &str, file: &str) -> Result<PathBuf> {
    ensure!(is_commit(revision), "{revision} of {repository} is no commit; a branch or tag would not pin its content");
    let client = ApiBuilder::from_env().build().context("starting the hub's client")?;
    client
        .repo(Repo::with_revision(repository.to_owned(), kind, revision.to_owned()))
        .get(file)
        .with_context(|| format!("fetching {file} of {repository} at {revision}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_refused_before_anything_is_fetched() {
        let refusal = fetch("nobody/nothing", RepoType::Dataset, "main", "train.jsonl").unwrap_err();
        assert!(refusal.to_string().contains("no commit"), "{refusal}");
    }
}
