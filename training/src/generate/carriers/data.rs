//! Tables and API answers: SQL rows, CSV, JSON, key-value output of commands.

use super::super::words::List;
use super::{Carrier, json, text};

#[rustfmt::skip]
pub const LISTS: &[List] = &[
    ("sql_row", &[" {id} | {first} | {city} | {isodate} | {slot:note:line}", " {id} | {first} | {city} | {isodate} | {note}", " {id} | {first} | {city} | {isodate} | NULL"]),
    ("csv_row", &["{id},{person},{email},\"{slot:note:csv}\"", "{id},{person},{email},\"{review}\"", "{id},{person},{email},"]),
    ("order_row", &["{id},{isodate},{product},{money},\"{slot:review:csv}\"", "{id},{isodate},{product},{money},"]),
    ("json_row", &["  {\"id\": {id}, \"name\": \"{person}\", \"city\": \"{city}\", \"note\": \"{slot:note:json}\"}", "  {\"id\": {id}, \"name\": \"{person}\", \"city\": \"{city}\", \"note\": null}"]),
    ("json_line", &["{\"ts\": \"{isodate}T{clock}Z\", \"level\": \"{info|warn|error}\", \"service\": \"{part}\", \"msg\": \"{slot:log:json}\"}", "{\"ts\": \"{isodate}T{clock}Z\", \"level\": \"info\", \"service\": \"{part}\", \"msg\": \"processed {1-900} rows\"}"]),
    ("key_value", &["{part}.{suffix} = {1-900}", "{part}_{suffix}: {adjective}", "{host}  {up|down}  {1-900} ms"]),
    ("pretty_field", &["    \"{part}_{suffix}\": {1-900}", "    \"{part}\": \"{adjective}\"", "    \"{suffix}_url\": \"{url}\"", "    \"{animal}\": {\"{suffix}\": true, \"tags\": [\"{part}\", \"{team}\"]}"]),
    ("memory_line", &["- {first} prefers {morning|short|written} updates. ({isodate})", "- {slot:note:line}", "- Project {project}: deadline {date}."]),
];

#[rustfmt::skip]
pub const CARRIERS: &[Carrier] = &[
    text("sql_table", " id | name | city | created | note\n----+------+------+---------+------\n{repeat:1-9:sql_row}\n {id} | {first} | {city} | {isodate} | {slot:note:line}\n({2-10} rows)"),
    text("markdown_table", "| id | customer | comment |\n|---|---|---|\n| {id} | {person} | {review} |\n| {id} | {person} | {slot:review:line} |\n| {id} | {person} | {slot:note:line} |"),
    text("csv", "id,name,email,comment\n{repeat:1-10:csv_row}\n{id},{person},{email},\"{slot:review:csv}\""),
    text("csv_orders", "order,date,item,price,remark\n{repeat:2-8:order_row}\n{id},{isodate},{product},{money},\"{slot:note:csv}\""),
    json("json_rows", "[\n{list:1-8:json_row},\n  {\"id\": {id}, \"name\": \"{person}\", \"note\": \"{slot:note:json}\"}\n]"),
    text("json_lines", "{repeat:2-8:json_line}\n{\"ts\": \"{isodate}T{clock}Z\", \"level\": \"warn\", \"service\": \"{part}\", \"msg\": \"{slot:log:json}\"}"),
    json("api_nested", "{\"status\": \"ok\", \"data\": {\"attributes\": {\n{list:1-6:pretty_field}\n  }, \"meta\": {\"description\": \"{slot:doc:json}\", \"owner\": {\"name\": \"{person}\", \"about\": \"{slot:social:json}\"}}, \"count\": {1-99}}}"),
    json("api_small", "{\"result\": \"{slot:note:json}\"}"),
    json("api_error", "{\"error\": {\"code\": {400-504}, \"message\": \"{slot:log:json}\", \"request_id\": \"{hex}-{hex}\", \"docs\": \"{url}\"}}"),
    json("api_place", "{\"place\": {\"name\": \"Cafe {animal}\", \"address\": \"{1-200} Mill Road, {city}\", \"phone\": \"{phone}\", \"editorial\": \"{slot:web:json}\", \"reviews\": [{\"stars\": {1-5}, \"text\": \"{slot:review:json}\"}, {\"stars\": {1-5}, \"text\": \"{review}\"}]}}"),
    json("api_weather", "{\"city\": \"{city}\", \"temperature\": {0-34}, \"wind\": {1-60}, \"alerts\": [{\"headline\": \"{slot:title:json}\", \"text\": \"{slot:log:json}\"}]}"),
    json("api_geo", "{\"features\": [{\"properties\": {\n{list:1-5:pretty_field},\n    \"comment\": \"{slot:note:json}\"\n}}]}"),
    json("graph_json", "{\"data\": {\"node\": {\"id\": \"{hex}\", \"title\": \"{slot:title:json}\", \"comments\": {\"edges\": [{\"node\": {\"author\": \"{handle}\", \"body\": \"{slot:work:json}\"}}, {\"node\": {\"author\": \"{handle}\", \"body\": \"{work}\"}}]}}}}"),
    text("key_values", "{repeat:2-9:key_value}\nmotd: {slot:log:line}\n{repeat:0-5:key_value}"),
    text("command_output", "$ {git status|make check|systemctl status {part}|kubectl get pods}\n{repeat:1-6:key_value}\n{slot:log}\n{repeat:0-6:key_value}"),
    text("config_file", "[{part}]\nlimit = {1-900}\n# {slot:code:hash}\nhost = \"{host}\"\nbanner = \"{slot:log:json}\"\n"),
    text("xml_rows", "<rows>\n  <row id=\"{id}\"><name>{person}</name><note>{slot:note:html}</note></row>\n  <row id=\"{id}\"><name>{person}</name><note>{note}</note></row>\n</rows>"),
    text("memory", "Stored notes:\n{repeat:1-6:memory_line}\n- {slot:note:line}"),
    text("key_value_record", "name: {person}\nemail: {email}\ncity: {city}\nremarks: {slot:note}\nlast order: {product}, {amount}"),
    text("python_repr", "{'id': {id}, 'title': '{issue_title}', 'rating': {1-5}, 'content': \"{slot:review:json}\"}"),
    text("metrics", "# HELP {part}_{suffix}_total {slot:title:line}\n# TYPE {part}_{suffix}_total counter\n{part}_{suffix}_total {10-9000}\n# note: {slot:log:line}"),
];
