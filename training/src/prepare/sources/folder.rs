//! Folders of plain files as harmless texts: chunks of whole lines, of lengths that are spread as real ones are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use portcullis::threat::PerCategory;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::super::config::Folder;
use super::super::progress_bar;
use super::expand;
use crate::data::{Row, hash};

/// A file beyond this size is a data file, not something that a person or an agent reads.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The rows of a folder; none if it is optional and missing.
pub fn read(source: &Folder, seed: u64) -> Result<Option<Vec<Row>>> {
    let root = expand(&source.path)?;
    if source.optional && !root.is_dir() {
        return Ok(None);
    }
    let mut paths = Vec::new();
    list(&root, &source.extensions, &mut paths).with_context(|| format!("reading the folder {}", root.display()))?;
    paths.sort();
    ensure!(!paths.is_empty(), "{} holds no file with one of the endings {:?}", root.display(), source.extensions);
    let bar = progress_bar(paths.len(), "files");
    let mut rows = Vec::new();
    for path in &paths {
        bar.inc(1);
        // What is not UTF-8 is no text.
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        let name = path.strip_prefix(&root).unwrap_or(path).to_string_lossy().into_owned();
        let mut rng = SmallRng::seed_from_u64(hash((seed, &source.name, &name)));
        for (index, chunk) in chunks(&text, source, &mut rng).into_iter().enumerate() {
            rows.push(row(source, &name, index, chunk));
        }
    }
    bar.finish_and_clear();
    Ok(Some(rows))
}

/// Files with one of the endings, links not followed.
fn list(folder: &Path, extensions: &[String], paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if kind.is_dir() {
            list(&entry.path(), extensions, paths)?;
        } else if kind.is_file()
            && extensions.iter().any(|extension| name.rsplit('.').next() == Some(extension))
            && entry.metadata()?.len() <= MAX_FILE_BYTES
        {
            paths.push(entry.path());
        }
    }
    Ok(())
}

/// Runs of whole lines from drawn places of a text, none twice. Lengths are drawn evenly by their logarithm.
fn chunks<'a>(text: &'a str, source: &Folder, rng: &mut SmallRng) -> Vec<&'a str> {
    let (shortest, longest) = (source.min_chunk_chars as f64, source.max_chunk_chars as f64);
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let wanted = (shortest * (longest / shortest).powf(rng.random::<f64>())) as usize;
        let piece = whole_lines(rest, wanted);
        rest = rest.get(piece.len()..).unwrap_or_default();
        if piece.trim().chars().count() >= source.min_chunk_chars {
            pieces.push(piece);
        }
    }
    let chosen = rand::seq::index::sample(rng, pieces.len(), source.max_chunks_per_file.min(pieces.len()));
    let mut chosen = chosen.into_vec();
    chosen.sort_unstable();
    chosen.into_iter().filter_map(|index| pieces.get(index).copied()).collect()
}

/// The first lines of a text until `chars` characters; a longer first line by itself.
fn whole_lines(text: &str, chars: usize) -> &str {
    let (mut n_chars, mut n_bytes) = (0, 0);
    for line in text.split_inclusive('\n') {
        n_chars += line.chars().count();
        if n_bytes > 0 && n_chars > chars {
            break;
        }
        n_bytes += line.len();
    }
    text.get(..n_bytes).unwrap_or(text)
}

fn row(source: &Folder, file: &str, index: usize, text: &str) -> Row {
    Row {
        id: format!("{}-{file}-{index}", source.name),
        set: None,
        text: text.to_owned(),
        surface: source.surface,
        labels: PerCategory::from_fn(|_| Some(0)),
        spans: Vec::new(),
        group: Some(format!("file {file}")),
        source: Some(file.to_owned()),
        license: Some(source.license.clone()),
        lang: None,
        attack: None,
        meta: serde_json::Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &Path) -> Folder {
        toml::from_str(&format!(
            r#"
            name = "manuals"
            path = "{}"
            license = "MIT"
            surface = "document"
            extensions = ["md", "README"]
            min_chunk_chars = 20
            max_chunk_chars = 80
            max_chunks_per_file = 3
            max_items = 100
            "#,
            path.display()
        ))
        .unwrap()
    }

    #[test]
    fn chunks_are_whole_lines_of_files_with_the_endings() {
        let folder = tempfile::tempdir().unwrap();
        let lines: Vec<String> = (0..40).map(|n| format!("Line {n} says what to do next.\n")).collect();
        std::fs::create_dir(folder.path().join("deep")).unwrap();
        std::fs::write(folder.path().join("deep/a.md"), lines.concat()).unwrap();
        std::fs::write(folder.path().join("README"), "Short, and yet long enough.").unwrap();
        std::fs::write(folder.path().join("b.bin"), lines.concat()).unwrap();
        std::fs::write(folder.path().join("c.md"), [0xff, 0xfe, 0x00]).unwrap();
        let rows = read(&source(folder.path()), 1).unwrap().unwrap();
        let groups: Vec<_> = rows.iter().map(|row| row.group.clone().unwrap()).collect();
        assert_eq!(groups, ["file README", "file deep/a.md", "file deep/a.md", "file deep/a.md"]);
        for row in &rows[1..] {
            assert!(row.text.starts_with("Line") && row.text.ends_with(".\n"), "{:?}", row.text);
            assert!((20..=80).contains(&row.text.chars().count()));
        }
    }

    #[test]
    fn a_missing_folder_is_an_error_unless_it_is_optional() {
        let folder = tempfile::tempdir().unwrap();
        let mut source = source(&folder.path().join("none"));
        assert!(read(&source, 1).is_err());
        source.optional = true;
        assert!(read(&source, 1).unwrap().is_none());
    }
}
