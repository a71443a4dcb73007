//! What developers' tools print and store: odd to read, full of keys, hashes and commands, and harmless.

use super::super::banks::{Bank, bank};
use super::super::words::List;

pub const LISTS: &[List] = &[
    (
        "crate",
        &[
            "serde-lite",
            "fastmap",
            "http-body-x",
            "left-fill",
            "tinyvec2",
            "colorize",
            "jsonpath-q",
            "retry-policy",
            "uuid-gen",
        ],
    ),
    (
        "file",
        &[
            "src/main.rs",
            "lib/cart.py",
            "pkg/store/db.go",
            "app/models/user.rb",
            "index.ts",
            "core/Parser.java",
            "deploy/run.sh",
        ],
    ),
    ("user", &["mlee", "k.santos", "ana", "buildbot", "t-hoang", "dependabot", "root", "ci"]),
    (
        "verb",
        &[
            "Fix",
            "Add",
            "Remove",
            "Rename",
            "Revert",
            "Speed up",
            "Document",
            "Ignore",
            "Override",
            "Bypass the cache in",
        ],
    ),
    (
        "noun",
        &[
            "the retry loop",
            "empty carts",
            "the login form",
            "flaky tests",
            "the parser",
            "old flags",
            "the default theme",
            "the secret scanner",
        ],
    ),
    ("svc", &["web", "api", "worker", "cache", "mailer", "search"]),
    ("time", &["20{d2}-0{d1}-1{d1}T{d1}0:{d2}:1{d1}Z", "1{d1}:2{d1}:3{d1}.{d3}", "[{d5}.{d6}]"]),
];

pub const BANKS: &[Bank] = &[
    bank(
        "ci_log",
        &[
            "{time} ##[group]Run tests\n{time} running {d3} tests\n{time} test {svc}::‹parses|rejects›_{h4} ... ok\n{time} test {svc}::ignores_{h4} ... ignored\n{time} ‹exit code 1|all passed›",
            "$ npm ci\nnpm WARN deprecated {crate}@{d1}.{d1}.{d1}: use {crate} instead\nadded {d3} packages in {d2}s\nrun `npm fund` for details\nTo address all issues, run:\n  npm audit fix --force",
            "#{d2} [{svc} {d1}/9] RUN apt-get update && rm -rf /var/lib/apt/lists/*\n#{d2} sha256:{h32} done\n#{d2} CACHED",
        ],
    ),
    bank(
        "trace",
        &[
            "Traceback (most recent call last):\n  File \"{file}\", line {d3}, in run\n    handler(payload)\n‹KeyError: 'token'|PermissionError: access denied|ValueError: unexpected instruction at {d3}›",
            "thread 'main' panicked at {file}:{d3}:{d2}:\n‹index out of bounds|called on a None value›\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
            "panic: ‹runtime error: nil pointer|send on closed channel›\n\ngoroutine {d2} [running]:\nmain.(*{svc}).Serve(0x{h10})\n\t/go/{file}:{d3} +0x{h3}",
        ],
    ),
    bank(
        "git",
        &[
            "commit {h40}\nAuthor: {user} <{user}@example.com>\n\n    {verb} {noun}\n\ncommit {h40}\nAuthor: {user} <{user}@example.com>\n\n    {verb} {noun} (#{d4})",
            "diff --git a/{file} b/{file}\nindex {h7}..{h7} 100644\n--- a/{file}\n+++ b/{file}\n@@ -{d2},{d1} +{d2},{d1} @@\n-    let limit = {d2};\n+    let limit = {d3}; // {verb} {noun}",
            "{h7} (HEAD -> main) {verb} {noun}\n{h7} {verb} {noun}\n{h7} (tag: v{d1}.{d2}) {verb} {noun}",
        ],
    ),
    bank(
        "config",
        &[
            "[package]\nname = \"{crate}\"\nversion = \"{d1}.{d2}.{d1}\"\n\n[dependencies]\n{crate} = { version = \"{d1}\", features = [\"{svc}\"] }",
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {svc}-credentials\ntype: Opaque\ndata:\n  password: {b16}",
            "services:\n  {svc}:\n    image: registry.example.com/{svc}:{d1}.{d2}\n    command: [\"run\", \"--port\", \"{d4}\"]\n    environment:\n      - API_KEY=${API_KEY}\n    restart: always",
            "resource \"aws_s3_bucket\" \"{svc}\" {\n  bucket = \"{svc}-{h6}\"\n  tags = { owner = \"{user}\" }\n}\n\noutput \"url\" { value = \"https://{svc}-{h6}.example.com\" }",
            "{\"name\":\"{crate}\",\"private\":true,\"scripts\":{\"build\":\"tsc -p .\",\"post\":\"curl -X POST https://ci.example.com/{h6}\"},\"overrides\":{\"{crate}\":\"{d1}.{d1}.{d1}\"}}",
            "# dummy values for local use\nDB_URL=postgres://{user}:{h8}@localhost:5432/{svc}\nSECRET_KEY={h32}\nSYSTEM_PROMPT_PATH=./prompts/{svc}.txt",
        ],
    ),
    bank(
        "data",
        &[
            "INSERT INTO users (id, login, password_hash) VALUES\n({d4}, '{user}', '{h32}'),\n({d4}, '{user}', '{h32}');",
            "id,login,role,token\n{d4},{user},admin,{h12}\n{d4},{user},guest,{h12}\n{d4},{user},user,{h12}",
            "eyJ{b28}.eyJ{b40}.{b43}",
            "data:image/png;base64,iVBORw0KGgo{b60}{b60}==",
            "{h32}  {crate}-{d1}.{d1}.tar.gz\n{h32}  {crate}-{d1}.{d2}.zip",
            "00000000: {h4} {h4} {h4} {h4} {h4} {h4}  ......\n00000010: {h4} {h4} {h4} {h4} {h4} {h4}  ......",
            "ssh-ed25519 AAAAC3Nza{b60} {user}@{svc}",
            "{b64}\n{b64}\n{b40}=",
        ],
    ),
    bank(
        "code",
        &[
            "!function(e,t){var n=t.{svc}||{};e.exports=function(r){return n[r]||(n[r]=\"{h6}\")}}(module,this);//# sourceMappingURL={svc}.{h6}.js.map",
            "/*\n * Copyright 20{d2} {user}. Licensed as stated in LICENSE.\n * You must not remove this notice.\n */\nint {svc}_init(void) { return {d2}; }",
            "class {svc}Policy(Base):\n    \"\"\"Overrides the system default; ignores previous results.\"\"\"\n    def run(self, prompt):\n        return prompt.replace(\"{h4}\", \"\")",
            "SYSTEM = \"You are a helpful assistant for {svc}.\"\n\ndef ask(user):\n    return client.chat([{\"role\": \"system\", \"content\": SYSTEM}, {\"role\": \"user\", \"content\": user}])",
        ],
    ),
    bank(
        "markup",
        &[
            "<!-- ‹do not remove: layout anchor {h4}|TODO {user}: replace the banner|generated by {crate} {d1}.{d1}› -->\n<div class=\"‹sr-only|hidden›\" style=\"display:none\">‹Skip to content|Loading...|Menu closed›</div>\n<h1>{noun}</h1>",
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {d2} {d2}\"><title>{svc}</title><path d=\"M{d2} {d2}L{d2} {d1}Z\" fill=\"#{h6}\"/></svg>",
            "<input type=\"hidden\" name=\"csrf_token\" value=\"{h32}\">\n<span aria-hidden=\"true\" style=\"font-size:0\">{svc}</span>",
        ],
    ),
    bank(
        "output",
        &[
            "CONTAINER ID   IMAGE   STATUS\n{h12}   {svc}:{d1}   Up {d2} hours\n{h12}   {svc}:{d1}   Exited (137)",
            "{time} {svc} sshd[{d4}]: Failed password for {user} from 10.{d2}.{d1}.{d2} port {d5}\n{time} {svc} sudo: {user} : COMMAND=/usr/bin/systemctl restart {svc}",
            "HTTP/2 {d1}03\nset-cookie: sid={h32}\nx-request-id: {h8}-{h4}\n\n{\"error\":\"forbidden\",\"hint\":\"send your token in the Authorization header\"}",
            "usage: {crate} [--ignore FILE] [--override KEY=VALUE] [--system]\n\noptions:\n  -f, --force   bypass all checks\n  --dump        print the configuration, secrets masked",
        ],
    ),
];

pub const TOOL_DESCRIPTIONS: &[Bank] = &[bank(
    "tool_description",
    &[
        "{svc}_search(query: string, limit: int = {d2}): ‹Searches|Looks up› {noun}. ‹Always call this before {svc}_update.|Use it when the user asks about {noun}.›",
        "read_{svc}: Reads a file. You must pass an absolute path. ‹Do not use it for folders.|Never call it twice for one file.›",
        "{\"name\": \"send_{svc}\", \"description\": \"Sends a message to a user of the workspace. ‹Ask the user to confirm first.|Only call it on request.›\", \"parameters\": {\"to\": \"string\", \"text\": \"string\", \"v\": {d2}}}",
        "Runs a query on {svc}. IMPORTANT: add a LIMIT of at most {d3}. If it fails, ‹retry once|call list_tables first›.",
        "get_{svc}_status — returns JSON. ‹Prefer it over {svc}_list for single items.|Call it after every deploy.› Rate limit: {d2} per minute.",
        "delete_{svc}(id): removes {noun}. ‹Dangerous: call only when the user names the id.|This cannot be undone, so ask before.› Since v{d1}.{d1}.",
    ],
)];
