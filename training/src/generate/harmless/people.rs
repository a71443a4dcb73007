//! Orders addressed to people: what manuals, recipes, forms and colleagues ask of a reader, never of a model.

use super::super::banks::{Bank, bank};
use super::super::words::List;

const fn b(name: &'static str, lang: &'static str, templates: &'static [&'static str]) -> Bank {
    Bank { name, lang, templates }
}

pub const LISTS: &[List] = &[
    ("person", &["Jonas", "Amira", "Mrs Field", "Lukas", "Wen", "the warden", "Oona", "Chidi", "the secretary"]),
    ("food", &["leeks", "chickpeas", "plums", "rye flour", "mussels", "potatoes", "aubergines", "oats"]),
    ("tool", &["make", "cargo", "npm", "the installer", "docker compose", "pip", "cmake", "ansible-playbook"]),
    ("part", &["the filter", "the left screw", "the battery", "the drain hose", "the fuse", "the lamp", "the belt"]),
    (
        "thing",
        &[
            "the release notes",
            "the room booking",
            "the signed form",
            "the test plan",
            "the budget",
            "the guest list",
            "the slides",
        ],
    ),
    ("day", &["Monday", "Thursday", "the {d1}th", "next week", "the end of March", "noon"]),
    ("doc", &["the handbook", "SECURITY.md", "section {d1}.{d1}", "the wiki page", "docs/setup.md"]),
];

pub const BANKS: &[Bank] = &[
    bank(
        "recipe",
        &[
            "‹Wash and slice|Peel and dice› {d3} g of {food}. Fry them in ‹butter|oil› for {d1} minutes, then add the {food} and ‹stir well|cover›. ‹Do not let it boil.|Ignore the foam.› Season and serve.",
            "Note for the cook: forget the ‹salt|timer› at first. ‹Add|Fold in› the {food}, ‹send the rest back to the fridge|set a cup aside›, and bake at {d1}80 degrees.",
        ],
    ),
    bank(
        "manual",
        &[
            "1. Switch off the device and pull the plug.\n2. ‹Remove|Open› {part}.\n3. ‹Replace|Clean› {part}; do not use force.\n4. Enter the code {d4} to reset.\n5. Ignore the red lamp for {d1} minutes.",
            "WARNING: never bypass {part}. ‹Keep away from children.|Wear gloves.› If {part} is damaged, ‹call the service|stop using it at once›.",
        ],
    ),
    bank(
        "runbook",
        &[
            "## Restore the service\n\n- Page ‹the on-call engineer|{person}›.\n- Run `{tool} ‹down|stop› && {tool} ‹up|start›`.\n- ‹Override|Disable› the alert for {d2} minutes.\n- Send the summary to ops@corp.example and close INC-{d4}.",
            "If the disk is full, delete files in /var/tmp older than {d1} days, ‹execute|run› `{tool} clean` and tell {person}. You must ‹not skip|first read› {doc}.",
        ],
    ),
    bank(
        "contributing",
        &[
            "# Contributing\n\nFork the repository, create a branch and run `{tool} test`. ‹Always|Please› add a test. Never commit secrets. See {doc}. ‹By sending a patch you agree to its licence.|Squash before you ask for review.›",
            "## Install\n\nRun `{tool} install`, copy `.env.example` to `.env` and set your key. Ignore the warning about ‹peer dependencies|old caches›. ‹You need admin rights.|Use sudo only for the last step.›",
            "To run the tests you must first export TOKEN={h10} (a dummy). Do not send it anywhere. Then `{tool} check`, and read {doc}.",
        ],
    ),
    bank(
        "todo",
        &[
            "// TODO({person}): ‹remove this override|ignore empty lines› ‹before the release|after {day}›; see #{d4}\n// FIXME: do not call twice",
            "# HACK: forget the cache here, {tool} reads old values. ‹Please clean up.|Do not copy this.› ({person}, 20{d2})",
            "/* NOTE: you must hold the lock before calling. Always release it. ‹Never|Don't› return early ({doc}). */",
        ],
    ),
    bank(
        "licence",
        &[
            "Permission to use this work is given on condition that you keep this notice, state your changes and do not ‹use the author's name in advertising|sell copies without consent›. No warranty of any kind. (c) 20{d2} {person}",
            "You may not ‹remove|alter› the marks in {part}. You must pass on {doc} with each copy. All prior agreements are superseded as of {day}.",
        ],
    ),
    bank(
        "review",
        &[
            "{person} commented on line {d3}:\n‹Please rename this|You should handle the error|Don't ignore the return value›; ‹see {doc}|the rest looks good›. ‹Also delete the print.|Then I'll approve.›",
            "nit: use `{tool} fmt` here. Must fix: ‹the token is logged|the check can be bypassed with an empty string›. ‹Resend|Push again› by {day}.",
        ],
    ),
    bank(
        "safety",
        &[
            "In case of fire: leave at once, do not use the lift, ‹call {d3}|tell {person}›, ‹close the doors|gather at the car park›. Ignore this only during the drill on {day}.",
            "‹Visitors|Staff› must wear a badge. Never share your password or door code. Report strangers to {person}.",
        ],
    ),
    bank(
        "privacy",
        &[
            "You may ask us to ‹export|delete› your personal data at any time: write to privacy@corp.example and state number {d5}. We ‹answer within a month|don't sell data›.",
            "This site uses cookies. ‹Accept all|Reject all|Settings›. By continuing you agree to {doc}. ‹You can change your mind at any time.|Click here to disable tracking.›",
        ],
    ),
    bank(
        "letter",
        &[
            "Hi {person},\n\nplease send me {thing} by {day} and forward it to ‹finance|{person}› too. ‹Ignore my mail from yesterday, the numbers were wrong.|Don't forget to sign page {d1}.›\n\nBest,\n{person}",
            "Dear {person}, ‹could you|would you› ‹upload {thing} to the share|give me access to {thing}› ‹before {day}|today›? ‹The old link no longer works.|You must be logged in.› Kind regards, {person}",
            "{person}: can you ‹reset|tell me› the guest wifi password?\n{person}: ‹it's on the board|sure, one minute›. Please ‹delete this afterwards|don't post it here›",
        ],
    ),
    bank(
        "minutes",
        &[
            "Minutes, {day}\n- {person} ‹sends|updates› {thing}.\n- {person} asks legal about {doc}.\n- Decision: ‹drop the old rules|from now on we meet at {d1}›.\n- All: ignore the first draft of {thing}.",
            "Action items\n[ ] {person}: share {thing} with the partners by {day}\n[ ] {person}: delete the test accounts\n[x] {person}: rotate the keys, see {doc}",
        ],
    ),
    bank(
        "school",
        &[
            "Homework for {day}: read pages {d2} to 1{d2}, answer questions {d1} to 1{d1}, and write ‹a poem|ten lines› about {food}. Do not copy from your neighbour. ‹Ignore exercise {d1}.|Hand in on paper.›",
            "Rules: each player draws {d1} cards. On a six you must skip a turn; a joker overrides all other rules. ‹Reveal your hand at the end.|Never show your secret card.›",
            "Form {d3}: fill in all fields in capitals, sign below and send it with a copy of your ID to the office. Leave box {d1} empty. ‹Do not staple.|Return by {day}.›",
        ],
    ),
    b(
        "letter",
        "de",
        &[
            "Hallo ‹Maya|Piotr|Leila|Tom|Sato|Ines|Omar›,\n\nbitte ‹schick mir|leite› ‹die Folien|das Protokoll|den Vertrag|die Gästeliste|das Budget› bis ‹Montag|Donnerstag|zum {d1}.|Ende März› ‹weiter|an die Buchhaltung›. ‹Die Mail von gestern bitte ignorieren.|Unterschrift nicht vergessen.›\n\nGruß\n‹Maya|Piotr|Leila|Tom|Sato|Ines|Omar›",
            "Gerät ausschalten, ‹den Filter|die Schraube|den Akku|die Sicherung› entfernen, {d1} Minuten warten. ‹Niemals öffnen, solange es heiß ist.|Hinweise der alten Anleitung nicht mehr beachten.›",
        ],
    ),
    b(
        "letter",
        "fr",
        &[
            "Bonjour ‹Maya|Piotr|Leila|Tom|Sato|Ines|Omar›,\n\nmerci de ‹m'envoyer|transmettre› ‹le contrat|le compte rendu|le budget|la liste des invités› avant ‹lundi|jeudi|midi|la fin du mois›. ‹Ignorez mon message d'hier.|N'oubliez pas de signer.›\n\n‹Maya|Piotr|Leila|Tom|Sato|Ines|Omar›",
            "Coupez le courant, retirez ‹le filtre|la vis|la batterie|le fusible›, attendez {d1} minutes. ‹Ne forcez jamais.|Ne tenez pas compte du voyant.›",
        ],
    ),
    b(
        "letter",
        "es",
        &[
            "Hola, ‹Maya|Piotr|Leila|Tom|Sato|Ines|Omar›:\n\n‹envíame|reenvía a contabilidad› ‹el contrato|el acta|el presupuesto|la lista de invitados› antes ‹del lunes|del jueves|del mediodía›. ‹Ignora el correo de ayer.|No olvides firmar.›\n\n‹Maya|Piotr|Leila|Tom|Sato|Ines|Omar›",
            "Apague el aparato, retire ‹el filtro|el tornillo|la batería|el fusible› y espere {d1} minutos. ‹No lo abra nunca.|Ignore la luz roja.›",
        ],
    ),
    b(
        "letter",
        "it",
        &[
            "Ciao ‹Maya|Piotr|Leila|Tom|Sato|Ines|Omar›,\n\n‹mandami|inoltra› ‹il contratto|il verbale|il preventivo|le foto› entro ‹lunedì|giovedì|mezzogiorno›. ‹Ignora la mail di ieri.|Firma a pagina {d1}.›\n\n‹Maya|Piotr|Leila|Tom|Sato|Ines|Omar›",
        ],
    ),
    b(
        "letter",
        "pl",
        &[
            "Cześć ‹Maya|Piotr|Leila|Tom|Sato|Ines|Omar›,\n\n‹wyślij mi|przekaż księgowej› ‹umowę|protokół|budżet|listę gości› do ‹poniedziałku|czwartku|południa›. ‹Zignoruj wczorajszy mail.|Podpisz stronę {d1}.›\n\n‹Maya|Piotr|Leila|Tom|Sato|Ines|Omar›",
        ],
    ),
    b(
        "letter",
        "ru",
        &[
            "Здравствуйте, ‹Марина|Пётр|Олег|Лейла|Томас›!\n\n‹Пришлите|Перешлите в бухгалтерию› ‹договор|протокол|бюджет|список гостей›, срок ‹понедельник|четверг|полдень›. ‹Вчерашнее письмо не учитывайте.|Подпишите страницу {d1}.›\n\n‹Марина|Пётр|Олег|Лейла|Томас›",
        ],
    ),
    b(
        "letter",
        "zh",
        &[
            "‹小李|王芳|陈经理|张伟|玛雅›你好：\n\n请在‹星期一|星期四|中午|月底›之前把‹合同|会议记录|预算表|名单›‹发给我|转给财务›。‹昨天的邮件请忽略。|别忘了第{d1}页签名。›\n\n‹小李|王芳|陈经理|张伟|玛雅›",
        ],
    ),
    b(
        "letter",
        "ja",
        &[
            "‹田中|佐藤|マヤ|鈴木|高橋›さん\n\n‹契約書|議事録|予算表|名簿›を‹月曜日|木曜日|正午|月末›までに‹送って|経理に転送して›ください。‹昨日のメールは無視してください。|{d1}ページに署名をお願いします。›",
        ],
    ),
];
