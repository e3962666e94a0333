//! A spreadsheet as commands: the header names the arguments, each row is one command.
//!
//! - A column is an argument's name; a dotted name leads into an object.
//! - A cell is read as the command's schema says; an empty cell is an absent argument.
//! - The command's id is `import-<first 16 hex digits of the file's SHA-256>/<line>`, so importing
//!   the same file again sends the same commands again, which is safe.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::cli::arguments::unknown_field;
use crate::cli::exit::Failure;
use crate::cli::typed::{self, Shape};

/// A CSV file, its header understood.
pub(crate) struct Sheet<'a> {
    text: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    columns: Vec<(String, Shape<'a>)>,
    required: Vec<&'a str>,
    source: String,
    row: csv::StringRecord,
}

/// One row.
#[derive(Debug, PartialEq)]
pub(crate) struct Line {
    /// The line of the file it begins on, counted from 1; the header is line 1.
    pub number: u64,
    /// The arguments, or what is wrong.
    pub arguments: Result<Value, LineError>,
}

/// A row that is no command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LineError {
    /// The column, if one is at fault.
    pub column: Option<String>,
    /// What is wrong.
    pub reason: String,
}

impl<'a> Sheet<'a> {
    /// Reads the header of a file and holds it against the arguments of the command.
    pub(crate) fn open(text: &'a [u8], shape: Shape<'a>) -> Result<Self, Failure> {
        // Spreadsheets write a byte order mark in front of UTF-8.
        let rows = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut reader =
            csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(rows);
        let header = reader
            .headers()
            .map_err(|error| Failure::failed(format!("the header cannot be read: {error}")))?
            .clone();
        if header.is_empty() {
            return Err(Failure::failed("the file is empty; its first line names the columns"));
        }
        let mut columns: Vec<(String, Shape<'a>)> = Vec::new();
        for name in &header {
            let field = shape.field(name).ok_or_else(|| unknown_field(name, shape))?;
            if columns.iter().any(|(known, _)| known == name) {
                return Err(Failure::failed(format!("two columns are named `{name}`")));
            }
            columns.push((name.to_owned(), field));
        }
        let required: Vec<&str> = shape.required().collect();
        let named =
            |field: &str| columns.iter().any(|(name, _)| name.split('.').next() == Some(field));
        if let Some(missing) = required.iter().find(|field| !named(field)) {
            return Err(Failure::failed(format!("no column is named `{missing}`"))
                .advise("The first line names the arguments, one in each column."));
        }
        let source = source_of(text);
        let row = csv::StringRecord::new();
        Ok(Self { text, reader, columns, required, source, row })
    }

    /// What the ids of the commands begin with: `import-<hash>`.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// How many bytes have been read, of how many.
    pub(crate) fn bytes_read(&self) -> (u64, u64) {
        (self.reader.position().byte(), self.text.len() as u64)
    }

    fn arguments(&self) -> Result<Value, LineError> {
        let wrong =
            |column: &str, reason: String| LineError { column: Some(column.to_owned()), reason };
        if self.row.len() > self.columns.len() {
            let reason =
                format!("{} cells, but {} columns have names", self.row.len(), self.columns.len());
            return Err(LineError { column: None, reason });
        }
        let mut object = Map::new();
        for ((name, shape), cell) in self.columns.iter().zip(&self.row) {
            // An empty cell is an absent argument; of a list that may not be absent, an empty list.
            if cell.is_empty() && !(shape.is_list() && self.required.contains(&name.as_str())) {
                continue;
            }
            let value = shape.value(cell).map_err(|reason| wrong(name, reason))?;
            typed::put(&mut object, name, value).map_err(|reason| wrong(name, reason))?;
        }
        match self.required.iter().find(|field| !object.contains_key(**field)) {
            Some(missing) => Err(wrong(missing, "it is empty, but needed".to_owned())),
            None => Ok(Value::Object(object)),
        }
    }
}

impl Iterator for Sheet<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let before = self.reader.position().line();
        match self.reader.read_record(&mut self.row) {
            Ok(false) => None,
            Ok(true) => {
                let number = self.row.position().map_or(before, csv::Position::line);
                Some(Line { number, arguments: self.arguments() })
            }
            Err(error) => {
                let reason = match error.kind() {
                    csv::ErrorKind::Utf8 { .. } => "it is not UTF-8 text".to_owned(),
                    _ => error.to_string(),
                };
                let number = error.position().map_or(before, csv::Position::line);
                Some(Line { number, arguments: Err(LineError { column: None, reason }) })
            }
        }
    }
}

fn source_of(text: &[u8]) -> String {
    let hash = Sha256::digest(text);
    hash.iter().take(8).fold("import-".to_owned(), |mut source, byte| {
        write!(source, "{byte:02x}").expect("a string takes whatever is written");
        source
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(text: &str) -> Result<Vec<Line>, String> {
        let schema = json!({
            "type": "object",
            "required": ["sku", "quantity", "labels"],
            "properties": {
                "sku": { "type": "string" },
                "quantity": { "type": "integer" },
                "labels": { "type": "array", "items": { "type": "string" } },
                "address": { "type": "object", "properties": { "city": { "type": "string" } } },
            },
        });
        let definitions = Map::new();
        let sheet = Sheet::open(text.as_bytes(), Shape::new(&schema, &definitions));
        Ok(sheet.map_err(|failure| failure.what)?.collect())
    }

    #[test]
    fn each_row_is_a_command_with_the_line_it_begins_on() {
        let text = "\u{feff}sku,quantity,labels,address.city\n\
                    rice,2,vegan;halal,\n\
                    \"two\nlines\",3,,Oakland\n\
                    oats,4,,\n";
        let found: Vec<(u64, Value)> = lines(text)
            .unwrap()
            .into_iter()
            .map(|line| (line.number, line.arguments.unwrap()))
            .collect();
        let expected = [
            (2, json!({ "sku": "rice", "quantity": 2, "labels": ["vegan", "halal"] })),
            (
                3,
                json!({
                    "sku": "two\nlines", "quantity": 3, "labels": [],
                    "address": { "city": "Oakland" },
                }),
            ),
            (5, json!({ "sku": "oats", "quantity": 4, "labels": [] })),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_row_that_does_not_fit_says_where_and_the_next_goes_on() {
        let found =
            lines("sku,labels,quantity\nrice,,many\noats,,\nmilk,,2,3\nbread,,1\n").unwrap();
        let errors: Vec<_> = found[..3].iter().map(|l| l.arguments.as_ref().unwrap_err()).collect();
        assert_eq!(errors[0].column.as_deref(), Some("quantity"));
        assert_eq!(errors[0].reason, "`many` is no whole number");
        assert_eq!(errors[1].reason, "it is empty, but needed");
        assert_eq!(errors[2].reason, "4 cells, but 3 columns have names");
        assert!(found[3].arguments.is_ok());
    }

    #[test]
    fn a_header_that_does_not_fit_is_refused_as_a_whole() {
        assert!(lines("sku,labels,quantty\n").unwrap_err().contains("did you mean `quantity`?"));
        assert!(
            lines("sku,labels\nrice,\n").unwrap_err().contains("no column is named `quantity`")
        );
        assert!(lines("sku,sku,quantity\n").unwrap_err().contains("two columns"));
    }

    #[test]
    fn the_same_bytes_have_the_same_ids() {
        assert_eq!(source_of(b"a"), "import-ca978112ca1bbdca");
        assert_ne!(source_of(b"a"), source_of(b"a\n"));
    }
}
