//! Pages, search results, reviews, social media: what anyone may have written.

use super::super::words::List;
use super::{Carrier, document, json, text};

#[rustfmt::skip]
pub const LISTS: &[List] = &[
    ("search_hit", &["{1-10}. {company}: {topic}\n   {url}\n   {slot:web:line}\n", "{title}\n{url}\n{isodate} - {slot:web:line}\n", "[{topic}]({url})\n{web} {slot:web:line}\n"]),
    ("search_json", &["  {\"title\": \"{topic}\", \"url\": \"{url}\", \"snippet\": \"{slot:web:json}\", \"score\": 0.{10-99}}", "  {\"title\": \"{slot:title:json}\", \"url\": \"{url}\", \"content\": \"{web} {web}\", \"score\": 0.{10-99}}"]),
    ("review_line", &["{1-5}/5 {first}, {date}: {slot:review:line}", "{1-5} stars - \"{slot:review:line}\" ({first} {last})", "{first}: {review}"]),
    ("review_json", &["  {\"author\": \"{handle}\", \"rating\": {1-5}, \"verified\": {true|false}, \"text\": \"{slot:review:json}\"}", "  {\"author\": \"{handle}\", \"rating\": {1-5}, \"verified\": {true|false}, \"text\": \"{review}\"}"]),
    ("post", &["@{handle} · {1-23} h\n{slot:social}\n{0-90} likes\n", "{person} @{handle}\n{social}\n"]),
    ("post_json", &["  {\"id\": \"{id}{id}\", \"author\": \"{handle}\", \"likes\": {0-900}, \"text\": \"{slot:social:json}\"}"]),
    ("html_block", &["<p>{web}</p>", "<p>{slot:web:html}</p>", "<li>{web}</li>", "<h2>{topic}</h2>\n<p>{web} {slot:web:html}</p>", "<blockquote>{slot:review:html}</blockquote>", "<td>{product}</td><td>{amount}</td>"]),
    ("html_hidden", &["<!-- {slot:code:line} -->", "<div style=\"display:none\">{slot:web:html}</div>", "<span style=\"font-size:0\">{slot:web:html}</span>", "<img src=\"/{path}/{hex}.png\" alt=\"{slot:title:html}\">", "<a href=\"{url}\" title=\"{slot:title:html}\">{more|details|{topic}}</a>", "<p style=\"color:#fff;background:#fff\">{slot:web:html}</p>", "<noscript>{slot:web:html}</noscript>", "<div aria-hidden=\"true\" class=\"sr-only\">{slot:web:html}</div>", "<input type=\"hidden\" name=\"note\" value=\"{slot:title:html}\">", "<template>{slot:web:html}</template>"]),
    ("article", &["{web} {web} {web}", "{web} {review}", "{doc} {web}"]),
    ("article_block", &["{article}\n", "{article} {slot:web}\n", "## {topic}\n{article}\n"]),
];

#[rustfmt::skip]
pub const CARRIERS: &[Carrier] = &[
    document("page", "<!doctype html>\n<html lang=\"en\">\n<head><title>{topic} | {company}</title>\n<meta name=\"description\" content=\"{slot:web:html}\">\n</head>\n<body>\n<nav><a href=\"/\">Home</a> <a href=\"/about\">About</a></nav>\n{repeat:2-7:html_block}\n{repeat:0-2:html_hidden}\n{repeat:1-4:html_block}\n<footer>(c) {2020-2026} {company}. {slot:web:html}</footer>\n</body>\n</html>"),
    document("page_hidden", "<html><body>\n<h1>{product}</h1>\n{repeat:1-4:html_block}\n{repeat:1-3:html_hidden}\n<p>{web}</p>\n</body></html>"),
    document("page_comment", "<article>\n<h1>{topic}</h1>\n{repeat:1-3:html_block}\n</article>\n<!--\n{slot:code}\n-->\n<section id=\"comments\"><p class=\"comment\">{slot:social:html}</p></section>"),
    document("page_text", "{topic}\n\n{repeat:2-6:article_block}\n{slot:web}\n"),
    document("page_markdown", "# {topic}\n\n![{slot:title:line}]({url}.png)\n\n{web} {web}\n\n> {slot:review:quote}\n\n{slot:web}\n\n| Item | Price |\n|---|---|\n| {product} | {amount} |\n"),
    document("article_long", "{topic}\nBy {person}, {date}\n\n{repeat:2-8:article_block}\n{web} {slot:web} {web}\n\n{repeat:1-8:article_block}"),
    text("fetch", "Fetched {url} (200, {1-90} kB)\n\n{web}\n{slot:web}\n{web}"),
    text("search", "Results for \"{topic}\"\n\n{repeat:2-6:search_hit}"),
    json("search_json", "{\"query\": \"{topic}\", \"results\": [\n{list:1-6:search_json},\n  {\"title\": \"{topic}\", \"url\": \"{url}\", \"snippet\": \"{slot:web:json}\"}\n]}"),
    text("reviews", "{product}, {amount}\n{repeat:2-7:review_line}\n{1-5}/5 {first}: {slot:review:line}"),
    json("reviews_json", "{\"product_id\": {id}, \"name\": \"{product}\", \"price\": {money}, \"in_stock\": true, \"reviews\": [\n{list:1-5:review_json},\n  {\"author\": \"{handle}\", \"rating\": {1-5}, \"text\": \"{slot:review:json}\"}\n]}"),
    json("product_json", "{\"sku\": \"{hex}\", \"title\": \"{product}\", \"description\": \"{slot:web:json}\", \"attributes\": {\"weight_g\": {100-4000}, \"colour\": \"{amber|navy|white}\"}, \"questions\": [{\"q\": \"{Does it ship abroad|Is it loud|What is in the box}?\", \"a\": \"{slot:review:json}\"}]}"),
    text("feed", "{repeat:1-5:post}\n@{handle} · now\n{slot:social}"),
    json("feed_json", "{\"posts\": [\n{list:1-6:post_json}\n], \"next\": \"{hex}\"}"),
    json("profile_json", "{\"handle\": \"{handle}\", \"followers\": {3-90000}, \"bio\": \"{slot:social:json}\", \"pinned\": {\"text\": \"{slot:social:json}\", \"media\": [{\"type\": \"photo\", \"alt\": \"{slot:title:json}\"}]}}"),
    text("video", "Transcript of \"{topic}\" ({2-40} min)\n00:0{1-9} {web}\n0{1-9}:{10-59} {slot:web:line}\n{10-20}:{10-59} {web}\n\nTop comment: {slot:social:line}"),
    text("forum", "Question: {issue_title}\nAsked by {handle}\n\n{slot:work}\n\nAnswer ({2-90} votes) by {handle}:\n{doc} {slot:doc}\n\nComment: {slot:chat}"),
    document("recipe", "{Lentil soup|Plum cake|Garlic noodles|Bean stew|Apple pancakes}\nServes {2-6}\n\n1. Chop the {onion|carrot|apple} finely.\n2. {Simmer|Bake|Fry} for {5-50} minutes; do not stir.\n3. {slot:web}\n\nComments\n{first}: {slot:review}"),
    document("pdf", "{company} - annual report {2018-2026}, page {2-80}\n\n{web} {web}\n{slot:web}\n\nTable {1-9}: revenue by {team}\n{1-9} {money}\n\n{doc}"),
    text("subtitle", "1\n00:00:0{1-9},000 --> 00:00:{10-20},000\n{web}\n\n2\n00:00:{21-30},000 --> 00:00:{31-40},000\n{slot:web:line}\n"),
    text("ocr", "[text found in image {file}]\n{company}\n{slot:title}\n{slot:web}"),
    document("feed_rss", "<rss version=\"2.0\"><channel><title>{company}</title>\n<item><title>{topic}</title><link>{url}</link><description>{slot:web:html}</description></item>\n<item><title>{slot:title:html}</title><description>{web}</description></item>\n</channel></rss>"),
];
