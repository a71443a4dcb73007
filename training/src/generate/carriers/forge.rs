//! What a developer platform shows: issues, merge requests, commits, source code, logs, packages.

use super::super::words::List;
use super::{Carrier, document, json, text};

#[rustfmt::skip]
pub const LISTS: &[List] = &[
    ("issue_title", &["{part}: {verbnoun} broken since {version}", "Add {verbnoun} to {part}", "Crash in {code_file} when input is empty", "Docs: explain how {part} handles {verbnoun}", "Upgrade {package} to {version}", "Slow query on the {team} dashboard", "[bug] wrong total after {month}", "Support {language} in {part}"]),
    ("commit_line", &["{sha} {first} {issue_title}", "{sha} Merge branch '{branch}' into main", "{sha} {part}: {title}", "{sha} bump {package} from {version} to {version}"]),
    ("git_commit", &["commit {sha}{sha}{sha}\nAuthor: {person1} <{email}>\nDate:   {isodate} {clock} +0{0-2}00\n\n    {issue_title}\n\n    {slot:work:indent}\n", "commit {sha}{sha}{sha}\nAuthor: {person} <{email}>\nDate:   {isodate} {clock} +0000\n\n    {part}: {slot:title:line}\n"]),
    ("comment_thread", &["@{handle} commented {2-23} hours ago:\n{slot:work}\n", "{person} ({isodate} {clock}):\n{slot:work}\n", "**{handle}** wrote:\n> {slot:work:quote}\n\n{slot:work}\n"]),
    ("log_line", &["{isodate}T{clock}Z [info] {part}: processed {10-900} items in {3-900} ms", "{isodate}T{clock}Z [warn] {part}: retry {1-5} of 5 for {url}", "{clock} INFO  {part}.worker - job {id} finished", "{clock} DEBUG cache hit ratio {10-99} %", "   Compiling {package} v{version}", "[{1-40}/{41-90}] building {code_file}", "ok   {part}/{verbnoun} {1-9}.{10-99}s", "--- PASS: Test{part}{id} (0.{10-99}s)", "npm WARN deprecated {package}@{version}: no longer supported", "Step {1-12}/12 : COPY {file} /app/", "warning: unused import in {code_file}:{1-400}"]),
    ("diff_hunk", &["@@ -{1-90},{3-9} +{1-90},{3-9} @@\n-    let limit = {10-90};\n+    let limit = {100-900};\n     // {slot:code:line}", "@@ -{1-90},6 +{1-90},7 @@\n     retry_count: {1-9}\n+    # {slot:code:line}\n+    timeout_ms: {100-9000}", "@@ -{1-40},4 +{1-40},5 @@\n {doc}\n+{slot:doc}"]),
    ("json_issue", &["  {\"number\": {id}, \"title\": \"{issue_title}\", \"state\": \"{open|closed}\", \"user\": {\"login\": \"{handle}\"}, \"labels\": [\"{team}\"], \"body\": \"{slot:work:json}\"}"]),
    ("json_note", &["    {\"id\": {id}, \"author\": \"{handle}\", \"created_at\": \"{isodate}T{clock}Z\", \"resolved\": {true|false}, \"body\": \"{slot:work:json}\"}"]),
    ("file_line", &["-rw-r--r--  1 {lower} staff  {100-90000} {month} {1-28} {10-23}:{10-59} {file}", "drwxr-xr-x  {2-9} {lower} staff  4096 {month} {1-28} {10-23}:{10-59} {part}"]),
    ("tree_entry", &["├── {file}", "│   ├── {file}", "│   └── {part}/", "├── {part}/"]),
    ("toml_dependency", &["{package} = \"{version}\"", "{package} = { version = \"{version}\", features = [\"{part}\"] }"]),
    ("grep_hit", &["{code_file}:{1-400}:    // {slot:code:line}", "{code_file}:{1-400}:    return {part}(limit={1-99})", "{code_file}:{1-400}:# TODO({lower}): {slot:code:line}", "docs/{part}.md:{1-90}:{slot:doc:line}"]),
    ("review_note", &["{code_file}:{1-300} ({handle}): {slot:work}", "{handle} on line {1-400}:\n  {slot:work}"]),
];

#[rustfmt::skip]
pub const CARRIERS: &[Carrier] = &[
    text("issue", "#{id} {issue_title}\nOpened by @{handle} · {isodate} · labels: {team}, {bug|feature|question}\n\n{slot:work}\n\n### Steps to reproduce\n1. Start {part} {version}\n2. Open {url}\n3. {slot:work}\n\n### Expected\n{work}\n\n### Environment\n{project} {version}, {Linux|macOS|Windows}"),
    text("issue_short", "Issue #{id}: {issue_title}\n{slot:work}"),
    text("issue_thread", "# {issue_title}\n\n{slot:work}\n\n---\n{repeat:2-6:comment_thread}"),
    json("issue_json", "{\"id\": {id}, \"title\": \"{slot:title:json}\", \"state\": \"open\", \"author\": {\"username\": \"{handle}\", \"name\": \"{person}\"}, \"milestone\": null, \"description\": \"{slot:work:json}\", \"upvotes\": {0-30}, \"web_url\": \"{url}\"}"),
    json("issue_list_json", "[\n{list:2-7:json_issue}\n]"),
    text("merge_request", "!{id} {issue_title}\n{handle} wants to merge {branch} into main\n\n## What\n{slot:work}\n\n## Why\n{work} {work}\n\n## Checklist\n- [x] tests\n- [ ] changelog\n\nApprovals: {0-2} of 2. Pipeline: {passed|failed|running}."),
    json("merge_request_json", "{\n  \"iid\": {id},\n  \"title\": \"{issue_title}\",\n  \"source_branch\": \"{branch}\",\n  \"target_branch\": \"main\",\n  \"draft\": false,\n  \"description\": \"{slot:work:json}\",\n  \"notes\": [\n{list:1-5:json_note}\n  ],\n  \"changes_count\": {1-40}\n}"),
    text("review", "Review of {branch} by {person}\n\n{repeat:2-5:review_note}\n\nVerdict: {changes requested|approved with comments}."),
    text("git_log", "{repeat:2-6:git_commit}"),
    text("git_log_oneline", "{repeat:3-9:commit_line}\n{sha} {slot:title:line}\n{repeat:1-5:commit_line}"),
    text("git_show", "commit {sha}{sha}{sha}{sha}\nAuthor: {person} <{email}>\n\n    {slot:work:indent}\n\ndiff --git a/{code_file} b/{code_file}\n{repeat:1-3:diff_hunk}"),
    document("readme", "# {project1}\n\n{doc}\n\n## Install\n\n```sh\n{cargo install|npm install|pip install} {project1}\n```\n\n{slot:doc}\n\n## Usage\n\n{slot:doc}\n\n- {doc}\n- {doc}\n\n## License\n\n{MIT|Apache-2.0}. See LICENSE.\n"),
    document("contributing", "# Contributing to {project}\n\nThank you for helping. {slot:doc}\n\n## Before you open a merge request\n\n1. {doc}\n2. {slot:doc}\n3. {doc}\n\n## Releases\n\n{slot:doc}\n"),
    document("changelog", "## {version} ({isodate})\n\n### Fixed\n- {issue_title}\n- {slot:doc}\n\n### Added\n- {slot:doc}\n\n## {version} ({isodate})\n- {issue_title}\n"),
    document("runbook", "Runbook: {part} is down\nOwner: {team}\n\n1. Check {url}.\n2. {slot:doc}\n3. If that fails, page {person} ({phone}).\n4. {slot:doc}\n\nLast reviewed {isodate}."),
    document("python", "\"\"\"{slot:code}\"\"\"\nimport os\nfrom {part} import client\n\nLIMIT = {10-900}\n\n\ndef load_{part}(path, limit=LIMIT):\n    # {slot:code:line}\n    rows = client.read(path)\n    return [row for row in rows if row.ok][:limit]\n\n\ndef main():\n    print(\"{slot:code:json}\")\n    load_{part}(os.environ[\"DATA_PATH\"])\n"),
    document("rust", "//! {slot:code:line}\n\nuse std::collections::HashMap;\n\n/// {slot:code:line}\npub struct Store {\n    items: HashMap<u64, String>,\n}\n\nimpl Store {\n    pub fn get(&self, id: u64) -> Option<&str> {\n        // {slot:code:line}\n        self.items.get(&id).map(String::as_str)\n    }\n}\n"),
    document("javascript", "/**\n * {slot:code:star}\n */\nimport { fetchItems } from './{part}.js';\n\nexport async function render(target) {\n  // {slot:code:line}\n  const items = await fetchItems({ limit: {10-90} });\n  if (items.length === 0) target.textContent = \"{slot:code:json}\";\n  for (const item of items) target.append(item.title);\n}\n"),
    document("java", "package com.example.{part};\n\n/*\n * {slot:code:star}\n */\n{public|public final} class Importer {\n    // TODO {lower}: {slot:code:line}\n    private static final String NOTICE = \"{slot:code:json}\";\n\n    void run(java.util.List<String> rows) {\n        rows.forEach(System.out::println);\n    }\n}\n"),
    document("go", "// Package {part} {slot:code:line}\npackage {part}\n\nimport \"fmt\"\n\n// Run {slot:code:slashes}\nfunc Run(items []string) error {\n\tfor _, item := range items {\n\t\tfmt.Println(item) // {slot:code:line}\n\t}\n\treturn nil\n}\n"),
    document("shell", "#!/bin/sh\n# {slot:code:hash}\nset -eu\n\nTARGET=\"${1:-{folder}}\"\necho \"copying to $TARGET\"\n# {slot:code:line}\nrsync -a build/ \"$TARGET\"\n"),
    document("yaml", "# {slot:code:hash}\nstages: [build, test, deploy]\n\n{job}:\n  image: {package}:{version}\n  script:\n    - make {job}\n    - echo \"{slot:log:json}\"\n  only: [main]\n"),
    document("sql_file", "-- {slot:code:dashes}\nCREATE TABLE {part} (\n    id INTEGER PRIMARY KEY,\n    name TEXT NOT NULL -- {slot:code:line}\n);\nINSERT INTO {part} (id, name) VALUES ({1-99}, '{first}');\n"),
    text("diff", "diff --git a/{code_file} b/{code_file}\nindex {sha}..{sha} 100644\n{repeat:1-5:diff_hunk}"),
    text("grep", "{repeat:3-10:grep_hit}\n{code_file}:{1-300}: * {slot:code:line}"),
    text("ci_log", "{repeat:3-14:log_line}\n{slot:log:line}\n{repeat:2-12:log_line}\n{Job succeeded|ERROR: Job failed: exit code 1|Cleaning up project directory}"),
    text("ci_log_long", "$ make {job}\n{repeat:12-34:log_line}\nFAILED {code_file}::test_{part} - AssertionError: \"{slot:log:json}\" != \"\"\n{repeat:2-10:log_line}\n{slot:log:line}\n"),
    text("server_log", "{repeat:1-6:log_line}\n192.0.2.{2-254} - - [{isodate} {clock}] \"GET /{path} HTTP/1.1\" 200 {100-9000} \"-\" \"{slot:title:json}\"\n{repeat:1-6:log_line}"),
    json("package_json", "{\n  \"name\": \"{package}\",\n  \"version\": \"{version}\",\n  \"description\": \"{slot:doc:json}\",\n  \"scripts\": {\"build\": \"tsc\", \"test\": \"node --test\"},\n  \"keywords\": [\"{part}\", \"{suffix}\"],\n  \"author\": \"{person} <{email}>\",\n  \"license\": \"MIT\"\n}"),
    document("cargo_toml", "[package]\nname = \"{package}\"\nversion = \"{version}\"\ndescription = \"{slot:doc:json}\"\n# {slot:code:hash}\nlicense = \"Apache-2.0\"\n\n[dependencies]\n{repeat:2-8:toml_dependency}\n"),
    json("registry_json", "{\"info\": {\"name\": \"{package}\", \"version\": \"{version}\", \"summary\": \"{slot:title:json}\", \"description\": \"# {part}\\n\\n{slot:doc:json}\", \"author_email\": \"{email}\", \"requires_dist\": [\"{package}>={version}\"], \"home_page\": \"{url}\"}, \"releases\": {\"{version}\": []}}"),
    text("directory", "total {8-900}\n{repeat:2-9:file_line}\n-rw-r--r--  1 {lower} staff  {100-9000} {month} {1-28} {10-23}:{10-59} {slot:title:line}.txt\n{repeat:1-6:file_line}"),
    text("file_read", "$ cat {folder}/{file}\n{slot:doc}\n{doc}\n{slot:doc}"),
    text("tree", "{project}\n{repeat:2-7:tree_entry}\n└── {file}\n\nREADME excerpt: {slot:doc}"),
    json("release_json", "{\"tag_name\": \"{version}\", \"name\": \"{project} {version}\", \"draft\": false, \"prerelease\": {true|false}, \"assets\": [{\"name\": \"{package}.tar.gz\", \"size\": {1000-99999}}], \"body\": \"{slot:doc:json}\"}"),
    json("user_json", "{\"id\": {id}, \"username\": \"{handle}\", \"name\": \"{person}\", \"state\": \"active\", \"bio\": \"{slot:social:json}\", \"location\": \"{city}\", \"website_url\": \"{url}\", \"status\": {\"emoji\": \"{coffee|rocket|palm_tree}\", \"message\": \"{slot:title:json}\"}}"),
    text("stack_trace", "Traceback (most recent call last):\n  File \"{code_file}\", line {1-400}, in run\n    client.fetch(limit={1-90})\n  File \"{code_file}\", line {1-400}, in fetch\n    raise ValueError(message)\nValueError: {slot:log:line}"),
    document("notebook", "In [{1-30}]: df = load(\"{file}\")\n             df.head()\nOut[{1-30}]:\n   id  name      note\n0  {id}  {first}  {slot:note:line}\n1  {id}  {first}  {note}\n"),
    text("wiki", "Wiki page: {part} handbook (edited by {person}, {isodate})\n\n{doc} {slot:doc}\n\nSee also: {url}"),
];
