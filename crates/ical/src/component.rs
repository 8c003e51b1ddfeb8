//! Components: properties and components within (RFC 5545 §3.4, §3.6).

use crate::error::Error;
use crate::fold::logical_end;
use crate::limits::Limits;
use crate::line::Line;

/// VCALENDAR, VEVENT, VCARD, or any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    begin: Line,
    end: Line,
    /// The properties of the component itself, in order.
    pub lines: Vec<Line>,
    /// The components within it, in order. All of them are written behind the properties, where the
    /// grammar has them.
    pub components: Vec<Component>,
}

impl Component {
    /// An empty one.
    pub fn new(name: &str) -> Self {
        let name = name.to_ascii_uppercase();
        Self {
            begin: Line::new("BEGIN", name.clone()),
            end: Line::new("END", name),
            lines: Vec::new(),
            components: Vec::new(),
        }
    }

    /// Reads one object.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let mut objects = Self::parse_all(bytes, limits)?;
        match objects.len() {
            1 => objects.pop().ok_or(Error::NotAnObject(1)),
            _ => Err(Error::NotAnObject(1)),
        }
    }

    /// Reads objects one behind the other, as files have them (RFC 5545 §3.4, RFC 6350 §3.3).
    pub fn parse_all(bytes: &[u8], limits: &Limits) -> Result<Vec<Self>, Error> {
        if bytes.len() > limits.bytes_max {
            return Err(Error::TooLarge("object"));
        }
        // QUIRK(Windows programs): a byte order mark.
        let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = Reader { open: Vec::new(), done: Vec::new() };
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            if number > limits.lines_max {
                return Err(Error::TooLarge("lines"));
            }
            let (raw, after) = rest.split_at(logical_end(rest));
            rest = after;
            if !raw.iter().all(u8::is_ascii_whitespace) {
                reader.take(Line::parse(raw, number, limits)?, number, limits)?;
            }
        }
        match reader.open.is_empty() && !reader.done.is_empty() {
            true => Ok(reader.done),
            false => Err(Error::NotAnObject(number)),
        }
    }

    /// The name, in capitals.
    pub fn name(&self) -> String {
        self.begin.value().trim().to_ascii_uppercase()
    }

    /// Whether it is called so; `name` in capitals.
    pub fn is(&self, name: &str) -> bool {
        self.begin.value().trim().eq_ignore_ascii_case(name)
    }

    /// The first property of a name, which is in capitals.
    pub fn line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.name() == name)
    }

    /// All properties of a name, which is in capitals.
    pub fn lines_named<'c>(&'c self, name: &'c str) -> impl Iterator<Item = &'c Line> {
        self.lines.iter().filter(move |line| line.name() == name)
    }

    /// All components of a name, which is in capitals.
    pub fn components_named<'c>(&'c self, name: &'c str) -> impl Iterator<Item = &'c Self> {
        self.components.iter().filter(move |component| component.is(name))
    }

    /// Puts a property in the place of those of its name, or behind all others.
    pub fn put(&mut self, line: Line) {
        let first = self.lines.iter().position(|other| other.name() == line.name());
        let name = line.name().to_owned();
        self.lines.retain(|other| other.name() != name);
        let at = first.unwrap_or(self.lines.len()).min(self.lines.len());
        self.lines.insert(at, line);
    }

    /// A copy of the component without those within it.
    pub(crate) fn without_components(&self) -> Self {
        Self {
            begin: self.begin.clone(),
            end: self.end.clone(),
            lines: self.lines.clone(),
            components: Vec::new(),
        }
    }

    /// How long it is when it is written, about where it was changed.
    pub(crate) fn written_bytes(&self) -> usize {
        let lines = self.lines.iter().chain([&self.begin, &self.end]).map(Line::written_bytes);
        let within = self.components.iter().map(Self::written_bytes);
        lines.chain(within).sum()
    }

    /// Writes the object.
    pub fn render(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.written_bytes());
        self.render_into(&mut out);
        out
    }

    fn render_into(&self, out: &mut Vec<u8>) {
        self.begin.render(out);
        self.lines.iter().for_each(|line| line.render(out));
        // As deep as `Limits::depth_max` let it be read, or its maker made it.
        self.components.iter().for_each(|component| component.render_into(out));
        self.end.render(out);
    }
}

struct Reader {
    open: Vec<Component>,
    done: Vec<Component>,
}

impl Reader {
    fn take(&mut self, line: Line, number: usize, limits: &Limits) -> Result<(), Error> {
        match line.name() {
            "BEGIN" if self.open.len() >= limits.depth_max => Err(Error::TooLarge("depth")),
            "BEGIN" => {
                let mut component = Component::new(line.value().trim());
                component.begin = line;
                self.open.push(component);
                Ok(())
            }
            "END" => {
                let mut component = self.open.pop().ok_or(Error::Nesting(number))?;
                if !component.is(line.value().trim()) {
                    return Err(Error::Nesting(number));
                }
                component.end = line;
                match self.open.last_mut() {
                    Some(parent) => parent.components.push(component),
                    None => self.done.push(component),
                }
                Ok(())
            }
            _ => {
                let component = self.open.last_mut().ok_or(Error::NotAnObject(number))?;
                component.lines.push(line);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x\r\nBEGIN:VEVENT\r\n\
        UID:1\r\nX-FOO;a=\"b;c\":d\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nEND:VALARM\r\nEND:VEVENT\r\n\
        begin:x-odd\r\nY:1\r\nend:X-ODD\r\nEND:VCALENDAR\r\n";

    #[test]
    fn objects_come_back_byte_for_byte() {
        let calendar = Component::parse(EVENT.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(calendar.render(), EVENT.as_bytes());
        let event = calendar.components_named("VEVENT").next().unwrap();
        assert_eq!(event.line("X-FOO").unwrap().parameter("A"), Some("b;c"));
        assert!(event.components[0].is("VALARM"));
        assert_eq!(calendar.components[1].name(), "X-ODD");
        let mut changed = calendar.clone();
        changed.put(Line::new("PRODID", "-//y"));
        let text = String::from_utf8(changed.render()).unwrap();
        assert_eq!(text, EVENT.replace("-//x", "-//y"));
    }

    #[test]
    fn what_is_no_object() {
        let limits = Limits { depth_max: 2, ..Limits::default() };
        for (text, error) in [
            ("", Error::NotAnObject(0)),
            ("A:b\r\n", Error::NotAnObject(1)),
            ("BEGIN:A\r\n", Error::NotAnObject(1)),
            ("BEGIN:A\r\nEND:B\r\n", Error::Nesting(2)),
            ("END:A\r\n", Error::Nesting(1)),
            ("BEGIN:A\r\nEND:A\r\nX:y\r\n", Error::NotAnObject(3)),
            ("BEGIN:A\r\nBEGIN:B\r\nBEGIN:C\r\n", Error::TooLarge("depth")),
            ("BEGIN:A\r\nbroken\r\nEND:A\r\n", Error::Line(2)),
        ] {
            assert_eq!(Component::parse(text.as_bytes(), &limits), Err(error), "{text}");
        }
        let two = "BEGIN:VCARD\nEND:VCARD\n\nBEGIN:VCARD\nEND:VCARD";
        assert_eq!(Component::parse_all(two.as_bytes(), &limits).unwrap().len(), 2);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..20_000 {
            let mut bytes = EVENT.as_bytes().to_vec();
            for _ in 0..random.usize(1..6) {
                let at = random.usize(..bytes.len());
                match random.u8(..3) {
                    0 => bytes[at] = random.u8(..),
                    1 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, *random.choice(b"\r\n \";:=,^\\\xff").unwrap()),
                }
            }
            if let Ok(component) = Component::parse(&bytes, &Limits::default()) {
                let again = component.render();
                let read = Component::parse(&again, &Limits::default()).unwrap();
                assert_eq!(read.render(), again);
            }
        }
    }
}
