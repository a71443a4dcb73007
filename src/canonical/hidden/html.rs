//! Hidden text in HTML: comments, elements that are not shown, attributes.
//!
//! A tolerant scanner, not a parser: it reads tags from left to right, once each, and follows only the element that
//! hides. What a style sheet or a script would hide is out of its sight.

use std::ops::Range;

use memchr::memchr;

use super::super::Hiding;
use super::Regions;

/// Attributes whose value is text that is not shown, or on demand only.
const TEXT_ATTRIBUTES: [&str; 5] = ["alt", "aria-label", "content", "placeholder", "title"];

/// Elements without content and end tag.
const VOID_ELEMENTS: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];

/// Lengths in CSS beyond which a text is out of the window: nothing is moved so far to be read.
const FAR_AWAY_PIXELS: f64 = 999.0;

/// Finds the hidden regions of HTML.
pub(super) fn find(regions: &mut Regions) {
    let text = regions.text;
    let mut open: Option<OpenElement> = None;
    let mut from = 0;
    while let Some(start) = text.as_bytes().get(from..).and_then(|rest| memchr(b'<', rest)).map(|at| from + at) {
        if let Some(comment) = text.get(start..).and_then(|rest| rest.strip_prefix("<!--")) {
            let content = start + 4..start + 4 + comment.find("-->").unwrap_or(comment.len());
            from = content.end;
            if open.is_none() {
                regions.add(Hiding::Comment, content);
            }
            continue;
        }
        let tag = Tag::at(text, start);
        from = tag.end;
        if !tag.is_complete {
            continue;
        }
        if let Some(mut element) = open.take() {
            if element.is_closed_by(&tag) {
                regions.add(Hiding::Element, element.content_start..start);
            } else {
                open = Some(element);
            }
        } else if tag.hides() {
            open = Some(OpenElement { name: tag.name, content_start: tag.end, depth: 1 });
        } else {
            add_attributes(regions, &tag);
            if !tag.is_end && is_one_of(tag.name, &["script", "style"]) {
                from = end_of_raw_text(text, tag.end);
            }
        }
    }
    if let Some(element) = open {
        regions.add(Hiding::Element, element.content_start..text.len());
    }
}

/// An element that hides its content, up to its end tag.
struct OpenElement<'t> {
    name: &'t str,
    content_start: usize,
    /// Elements of its name that are open in it, itself included.
    depth: usize,
}

impl OpenElement<'_> {
    fn is_closed_by(&mut self, tag: &Tag) -> bool {
        if tag.name.eq_ignore_ascii_case(self.name) {
            self.depth = if tag.is_end { self.depth - 1 } else { self.depth + usize::from(!tag.closes_itself) };
        }
        self.depth == 0
    }
}

/// One tag. A tag that the text ends in, or that another one begins in, is not complete.
struct Tag<'t> {
    name: &'t str,
    is_end: bool,
    closes_itself: bool,
    /// Names and values, the values as ranges of the text.
    attributes: Vec<(&'t str, &'t str, Range<usize>)>,
    end: usize,
    is_complete: bool,
}

impl<'t> Tag<'t> {
    /// Reads the tag at `start`, where a `<` is. Every byte before its `end` has been read then, and need not be again.
    fn at(text: &'t str, start: usize) -> Self {
        let bytes = text.as_bytes();
        let is_end = bytes.get(start + 1) == Some(&b'/');
        let name_start = start + 1 + usize::from(is_end);
        let name_end = skip(bytes, name_start, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let name = text.get(name_start..name_end).unwrap_or_default();
        let mut tag =
            Self { name, is_end, closes_itself: false, attributes: Vec::new(), end: name_end, is_complete: false };
        while !name.is_empty() {
            tag.end = skip(bytes, tag.end, |byte| byte.is_ascii_whitespace() || byte == b'/');
            match bytes.get(tag.end) {
                None | Some(b'<') => break,
                Some(b'>') => {
                    tag.closes_itself = bytes.get(tag.end - 1) == Some(&b'/');
                    tag.end += 1;
                    tag.is_complete = true;
                    break;
                }
                Some(_) => tag.read_attribute(text),
            }
        }
        tag
    }

    fn read_attribute(&mut self, text: &'t str) {
        let bytes = text.as_bytes();
        let is_name = |byte: u8| !byte.is_ascii_whitespace() && !matches!(byte, b'=' | b'<' | b'>' | b'/');
        // A sign that no name begins with counts as a name, so that the tag gets on.
        let name_end = skip(bytes, self.end + 1, is_name);
        let name = text.get(self.end..name_end).unwrap_or_default();
        let equals = skip(bytes, name_end, |byte| byte.is_ascii_whitespace());
        if bytes.get(equals) != Some(&b'=') {
            self.end = name_end;
            self.attributes.push((name, "", name_end..name_end));
            return;
        }
        let start = skip(bytes, equals + 1, |byte| byte.is_ascii_whitespace());
        let (value, end) = match bytes.get(start) {
            Some(quote @ (b'"' | b'\'')) => {
                let end = skip(bytes, start + 1, |byte| byte != *quote);
                (start + 1..end, (end + 1).min(bytes.len()))
            }
            _ => {
                let end = skip(bytes, start, |byte| !byte.is_ascii_whitespace() && !matches!(byte, b'<' | b'>'));
                (start..end, end)
            }
        };
        self.attributes.push((name, text.get(value.clone()).unwrap_or_default(), value));
        self.end = end;
    }

    fn value(&self, name: &str) -> Option<&'t str> {
        self.attributes.iter().find(|attribute| attribute.0.eq_ignore_ascii_case(name)).map(|attribute| attribute.1)
    }

    /// True if the content of the element is not shown.
    fn hides(&self) -> bool {
        !self.is_end
            && !self.closes_itself
            && !is_one_of(self.name, &VOID_ELEMENTS)
            && (is_one_of(self.name, &["template", "noscript"])
                || self.value("hidden").is_some()
                || self.value("style").is_some_and(style_hides)
                || self.value("color").is_some_and(is_white))
    }
}

fn add_attributes(regions: &mut Regions, tag: &Tag) {
    for (name, _, value) in &tag.attributes {
        if is_one_of(name, &TEXT_ATTRIBUTES) {
            regions.add_phrase(Hiding::Attribute, value.clone());
        }
    }
    if is_one_of(tag.name, &["input"]) && tag.value("type").is_some_and(|kind| kind.eq_ignore_ascii_case("hidden")) {
        let values = tag.attributes.iter().filter(|attribute| attribute.0.eq_ignore_ascii_case("value"));
        values.for_each(|attribute| regions.add_phrase(Hiding::Attribute, attribute.2.clone()));
    }
}

/// True if an inline style hides the text that it is for.
fn style_hides(style: &str) -> bool {
    let style: String = style.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect();
    let declarations: Vec<(&str, &str)> =
        style.split(';').filter_map(|declaration| declaration.split_once(':')).collect();
    let last = |names: &[&str]| declarations.iter().rfind(|(name, _)| names.contains(name)).map(|(_, value)| *value);
    let background = last(&["background", "background-color"]);
    let hides = |&(name, value): &(&str, &str)| {
        let value = value.trim_end_matches("!important");
        match name {
            "display" => value == "none",
            "visibility" => matches!(value, "hidden" | "collapse"),
            "opacity" => pixels(value).is_some_and(|opacity| opacity < 0.05),
            "font-size" => pixels(value).is_some_and(|size| size <= if value.ends_with("em") { 0.1 } else { 1.0 }),
            "width" | "height" | "max-width" | "max-height" | "line-height" => pixels(value) == Some(0.0),
            "left" | "top" | "right" | "bottom" | "text-indent" | "margin-left" | "margin-top" => {
                pixels(value).is_some_and(|offset| offset <= -FAR_AWAY_PIXELS)
            }
            "clip" => value.starts_with("rect(0"),
            "clip-path" => matches!(value, "inset(50%)" | "inset(100%)" | "circle(0)"),
            "transform" => matches!(value, "scale(0)" | "scale(0,0)"),
            "color" => {
                value == "transparent" || background.map_or(is_white(value), |behind| is_same_colour(value, behind))
            }
            _ => false,
        }
    };
    declarations.iter().any(hides)
}

/// The number that a length begins with, whatever its unit.
fn pixels(length: &str) -> Option<f64> {
    length.trim_end_matches(|character: char| character.is_ascii_alphabetic() || character == '%').parse().ok()
}

fn is_same_colour(one: &str, other: &str) -> bool {
    one == other || (is_white(one) && is_white(other))
}

fn is_white(colour: &str) -> bool {
    let names =
        ["white", "#fff", "#ffff", "#ffffff", "#ffffffff", "rgb(255,255,255)", "rgba(255,255,255,1)", "#fefefe"];
    names.iter().any(|white| white.eq_ignore_ascii_case(colour))
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Where the content of a script or a style sheet ends: at the next `</`, which ends it in all but contrived ones.
fn end_of_raw_text(text: &str, start: usize) -> usize {
    text.get(start..).and_then(|rest| rest.find("</")).map_or(text.len(), |at| start + at)
}

/// The first byte from `start` on that is not in the set.
fn skip(bytes: &[u8], start: usize, is_in_set: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    start.min(bytes.len()) + rest.iter().position(|byte| !is_in_set(*byte)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{check, views};
    use super::*;

    #[test]
    fn comments() {
        check("a <!-- say yes --> b", &[(Hiding::Comment, "say yes")]);
        check("a <!-- never closed", &[(Hiding::Comment, "never closed")]);
        check("<!----> <!-- --> x < y, a <- b, <3, i << 2", &[]);
    }

    #[test]
    fn elements() {
        for tag in [
            "p hidden",
            "div style=\"display: none\"",
            "span style='color:red; VISIBILITY : hidden !important'",
            "div style=\"opacity:0.0;\"",
            "i style=font-size:0px",
            "div style=\"position:absolute; left:-9999px\"",
            "p style=\"color:#FFF\"",
            "p style=\"background:#123; color: #123\"",
            "font color=white",
            "template",
            "div style=\"height:0;overflow:hidden\"",
        ] {
            let name = tag.split(' ').next().unwrap();
            let page = format!("<p>seen</p><{tag}>not <b>seen</b></{name}> seen");
            check(&page, &[(Hiding::Element, "not <b>seen</b>")]);
        }
        check("<div hidden>a<div>b</div><!-- c --></div>d", &[(Hiding::Element, "a<div>b</div><!-- c -->")]);
        check("<div hidden>never closed", &[(Hiding::Element, "never closed")]);
        for shown in [
            "<p style=\"color:white;background:navy\">x</p>",
            "<p style=\"display:block;opacity:0.9;font-size:12px;width:100px\">x</p>",
            "<img hidden src=x> after",
            "<div data-hidden class=hidden>x</div>",
            "if a <b && style == \"display:none\" {}",
        ] {
            check(shown, &[]);
        }
    }

    #[test]
    fn attributes() {
        check(
            "<img src=a.png alt=\"tell the user\"> <a title='go on'>x</a>",
            &[(Hiding::Attribute, "tell the user\ngo on")],
        );
        check("<meta name=description content=\"a b\"><img alt=Logo>", &[(Hiding::Attribute, "a b")]);
        check("<input type=hidden value='c d'><input value='e f'>", &[(Hiding::Attribute, "c d")]);
    }

    proptest! {
        #[test]
        fn no_region_is_read_twice(
            text in "(<|>|p|/p|!--|-->|div hidden|/div| style=\"display:none\"|alt='a b'|\"|'|=| |é|<b hidden>|</b>){0,40}"
        ) {
            let n_read: usize = views(&text).iter().map(|(_, view)| view.len()).sum();
            prop_assert!(n_read <= text.len());
        }
    }
}
