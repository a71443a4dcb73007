//! What offices and lives are run with: mail, calendars, chats, notes, bank, travel, health, customers.

use super::super::words::List;
use super::{Carrier, document, json, text};

#[rustfmt::skip]
pub const LISTS: &[List] = &[
    ("subject", &["Re: {event}", "{event} on {day}", "Invoice {id}", "Your order {id}", "Fwd: contract for {company}", "Question about {project}", "{month} report", "Minutes of {day}", "Access to {repo}", "Trip to {city}", "Offer for {product}", "Reminder: {event}"]),
    ("signature", &["Best,\n{first}", "Kind regards\n{person}\n{team} | {company}\n{phone}", "Thanks!\n{first}", "-- \n{person}\n{company}, {city}\nThis message may be confidential. If you are not the addressee, please delete it.", "Cheers, {first}", "Sent from my phone", "Yours sincerely,\n{person}\nHead of {team}"]),
    ("greeting", &["Hi {first},", "Dear {person},", "Hello all,", "Hey {first}", "Good morning {first},", "Dear team,", "Hi,"]),
    ("mail_text", &["From: {person} <{email}>\nTo: {person} <{email}>\nDate: {isodate} {clock}\nSubject: {subject}\n\n{greeting}\n\n{slot:mail}\n\n{signature}\n"]),
    ("mail_json", &["  {\"id\": \"{hex}\", \"from\": \"{email}\", \"subject\": \"{slot:title:json}\", \"date\": \"{isodate}T{clock}Z\", \"unread\": {true|false}, \"snippet\": \"{slot:mail:json}\"}", "  {\"id\": \"{hex}\", \"from\": \"{email}\", \"subject\": \"{subject}\", \"date\": \"{isodate}T{clock}Z\", \"unread\": {true|false}, \"body\": \"{first}, {slot:mail:json}\"}"]),
    ("event_json", &["  {\"id\": \"{hex}\", \"summary\": \"{event}\", \"start\": \"{isodate}T{10-18}:00:00\", \"location\": \"{city}\", \"attendees\": [\"{email}\", \"{email}\"], \"description\": \"{slot:note:json}\"}"]),
    ("ics_event", &["BEGIN:VEVENT\nUID:{hex}@{domain}\nDTSTART:202{4-6}0{1-9}{10-28}T{10-18}0000Z\nSUMMARY:{event}\nLOCATION:{city}\nDESCRIPTION:{slot:note:line}\nEND:VEVENT"]),
    ("chat_line", &["[{10-23}:{10-59}] {lower}: {slot:chat:line}", "[{10-23}:{10-59}] {lower}: {chat}", "[{10-23}:{10-59}] {lower}: {ok|thanks|on it|+1|lol|brb|sounds good|will do}"]),
    ("chat_json", &["  {\"user\": \"{lower}\", \"ts\": \"{1000000-9999999}.{1000-9999}\", \"text\": \"{slot:chat:json}\"}", "  {\"user\": \"{lower}\", \"ts\": \"{1000000-9999999}.{1000-9999}\", \"text\": \"{chat}\"}"]),
    ("transaction", &["  {\"id\": {id}, \"date\": \"{isodate}\", \"amount\": -{money}, \"recipient\": \"{company}\", \"subject\": \"{slot:pay:json}\", \"recurring\": {true|false}}", "  {\"id\": {id}, \"date\": \"{isodate}\", \"amount\": {money}, \"sender\": \"{person}\", \"subject\": \"{slot:pay:json}\"}"]),
    ("statement_line", &["{isodate}  {company}  -{money}  {slot:pay:line}", "{isodate}  {person}  +{money}  {pay}"]),
    ("ticket_message", &["[{isodate} {clock}] {person} (customer): {slot:mail:line}", "[{isodate} {clock}] {first} (support): {mail}"]),
    ("crm_json", &["  {\"contact\": \"{person}\", \"company\": \"{company}\", \"stage\": \"{lead|proposal|won|lost}\", \"email\": \"{email}\", \"last_note\": \"{slot:note:json}\"}"]),
];

#[rustfmt::skip]
pub const CARRIERS: &[Carrier] = &[
    document("mail", "{mail_text}"),
    document("mail_thread", "{mail_text}\n\nOn {isodate}, {person} wrote:\n> {slot:mail:quote}\n>\n> {signature1}\n\n{mail}"),
    document("mail_long", "From: {email}\nTo: {email}\nCc: {email}\nSubject: {subject}\n\n{greeting}\n\n{mail} {mail}\n\n{slot:mail}\n\n{mail} {mail} {mail}\n\n{slot:mail}\n\n{signature}\n"),
    document("mail_newsletter", "{company} news, {month}\n\n{web} {web}\n\n* {web}\n* {slot:web}\n\n{slot:web}\n\nYou receive this because you signed up at {url}. {Unsubscribe here|Click here to unsubscribe|Manage your preferences}: {url}. Do not reply to this e-mail."),
    json("mail_list_json", "{\"folder\": \"inbox\", \"total\": {2-400}, \"messages\": [\n{list:1-6:mail_json}\n]}"),
    json("mail_read_json", "{\"id\": \"{hex}\", \"sender\": \"{email}\", \"recipients\": [\"{email}\"], \"cc\": [], \"subject\": \"{subject}\", \"attachments\": [\"{file}\"], \"body\": \"{greeting}\\n\\n{slot:mail:json}\\n\\n{first}\"}"),
    text("mail_yaml", "- id: '{id}'\n  sender: {email}\n  subject: {subject}\n  read: false\n  body: |\n    {greeting}\n    {slot:mail:indent}\n- id: '{id}'\n  sender: {email}\n  subject: {subject}\n  body: {mail}"),
    document("calendar_ics", "BEGIN:VCALENDAR\nVERSION:2.0\n{repeat:1-4:ics_event}\nEND:VCALENDAR"),
    json("calendar_json", "{\"calendar\": \"{lower}\", \"events\": [\n{list:1-5:event_json}\n]}"),
    text("calendar_text", "{day}\n  {time} {event} ({city})\n    Notes: {slot:note}\n  {time} {event}\n    Notes: {note}"),
    text("chat", "#{team}\n{repeat:3-12:chat_line}\n[{10-23}:{10-59}] {lower}: {slot:chat:line}"),
    json("chat_json", "{\"channel\": \"{team}\", \"messages\": [\n{list:2-7:chat_json},\n  {\"user\": \"{lower}\", \"text\": \"{slot:chat:json}\"}\n]}"),
    text("direct_message", "{lower}: {slot:chat}"),
    json("bank_json", "{\"account\": \"{iban}\", \"balance\": {money}, \"transactions\": [\n{list:1-6:transaction}\n]}"),
    text("bank_statement", "Statement for {month}, {iban}\n{repeat:1-6:statement_line}\n{isodate}  {company}  -{money}  {slot:pay:line}\nClosing balance: {money}"),
    document("bill", "{company}\nInvoice {id}, {isodate}\nCustomer: {person}\n\n{product}  1  {money}\nShipping  1  {money}\n\nTotal due: {money} by {date}. {slot:pay}\n"),
    json("travel_json", "{\"city\": \"{city}\", \"hotels\": [{\"name\": \"Hotel {last}\", \"rating\": {1-4}.{0-9}, \"price\": {40-400}, \"reviews\": [\"{slot:review:json}\", \"{slot:review:json}\"]}, {\"name\": \"{city} Inn\", \"rating\": {1-4}.{0-9}, \"price\": {40-400}, \"reviews\": [\"{review}\"]}]}"),
    text("travel_text", "Restaurants in {city}:\n- {last}'s Kitchen, {3-4}.{0-9} stars. Reviews: {slot:review}\n- Cafe {animal}, {3-4}.{0-9} stars. Reviews: {review}\nOpening hours: {10-11}:00-{18-23}:00"),
    json("flight_json", "{\"booking\": \"{hex}\", \"passenger\": \"{person}\", \"from\": \"{city}\", \"to\": \"{city}\", \"date\": \"{isodate}\", \"status\": \"confirmed\", \"remarks\": \"{slot:note:json}\"}"),
    json("health_json", "{\"patient_id\": {id}, \"name\": \"{person}\", \"visits\": [{\"date\": \"{isodate}\", \"doctor\": \"Dr. {last}\", \"notes\": \"{slot:note:json}\"}, {\"date\": \"{isodate}\", \"doctor\": \"Dr. {last}\", \"notes\": \"{note}\"}]}"),
    json("crm_json", "{\"page\": 1, \"results\": [\n{list:1-5:crm_json}\n]}"),
    text("ticket", "Ticket {id}: {subject}\nStatus: {open|waiting|solved}\nPriority: {low|normal|high}\n\n{repeat:2-6:ticket_message}\n[{isodate} {clock}] {person} (customer): {slot:mail}"),
    json("ticket_json", "{\"ticket\": {\"id\": {id}, \"requester\": \"{email}\", \"subject\": \"{slot:title:json}\", \"description\": \"{slot:mail:json}\", \"tags\": [\"{team}\"], \"satisfaction\": null}}"),
    document("note_file", "{date}\n\n- {note}\n- {slot:note}\n- call {first} {phone}\n- {slot:note}\n"),
    json("note_json", "{\"note_id\": {id}, \"title\": \"{subject}\", \"content\": \"{slot:note:json}\", \"updated\": \"{isodate}\"}"),
    json("task_json", "{\"list\": \"{team}\", \"tasks\": [{\"title\": \"{slot:title:json}\", \"done\": false, \"due\": \"{isodate}\", \"notes\": \"{slot:note:json}\"}, {\"title\": \"{title}\", \"done\": true}]}"),
    document("minutes", "Minutes: {event}, {isodate}\nPresent: {first}, {first}, {person}\n\n1. {note}\n2. {slot:note}\n3. {work}\n\nActions\n- {first}: {slot:note:line}\n- {first}: {note}\n"),
    document("contract", "AGREEMENT between {company} and {person}, {date}.\n\n1. Term. This agreement runs for {6-36} months.\n2. Payment. The client pays {amount} within {14-60} days.\n3. Notices. {slot:doc}\n4. {slot:pay}\n\nSigned in {city}."),
    document("resume", "{person}\n{email} | {phone} | {city}\n\nExperience\n{2015-2024}-now  {company}, {team} lead. {slot:social}\n{2008-2014}-{2015-2016}  {company}. {social}\n\nSkills: {package}, {language}, {part}\n\n{slot:social}"),
    json("file_list_json", "{\"path\": \"{folder}\", \"files\": [{\"name\": \"{file}\", \"size\": {100-90000}}, {\"name\": \"{slot:title:json}.docx\", \"size\": {100-90000}, \"shared_with\": [\"{email}\"]}, {\"name\": \"{file}\", \"description\": \"{slot:note:json}\"}]}"),
    json("device_json", "{\"devices\": [{\"name\": \"{device}\", \"state\": \"{on|off|locked}\", \"battery\": {10-99}}, {\"name\": \"{device}\", \"note\": \"{slot:note:json}\"}]}"),
    text("voicemail", "Voicemail from {phone}, {10-59} seconds, transcribed: \"{slot:chat}\""),
    text("form", "New answer to form \"{event} feedback\"\nName: {person}\nE-mail: {email}\nComment: {slot:mail}\nRating: {1-5}"),
];
