//! The report, as Markdown: the same for people at a terminal, where its tables are aligned, and for
//! `docs/benchmarks/`, so that nothing there is typed.

use std::fmt;

/// A table under its heads.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const COLUMNS: usize>(heads: [&str; COLUMNS]) -> Self {
        Self { rows: vec![heads.map(str::to_owned).to_vec()] }
    }

    pub(crate) fn row<const COLUMNS: usize>(&mut self, cells: [String; COLUMNS]) {
        assert_eq!(COLUMNS, self.rows[0].len(), "a row has a cell for each head");
        self.rows.push(cells.to_vec());
    }
}

impl fmt::Display for Table {
    /// The first column to the left, figures to the right.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        for (index, row) in self.rows.iter().enumerate() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => write!(f, "| {cell:<width$} ")?,
                    _ => write!(f, "| {cell:>width$} ")?,
                }
            }
            writeln!(f, "|")?;
            if index == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let (end, dashes) = (if column == 0 { "-" } else { ":" }, "-".repeat(*width));
                    write!(f, "|-{dashes}{end}")?;
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

/// A section with its text, a blank line around each part.
pub(crate) fn section(title: &str, parts: &[String]) -> String {
    let mut text = format!("## {title}\n");
    for part in parts.iter().filter(|part| !part.is_empty()) {
        text.push('\n');
        text.push_str(part.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_stay_markdown() {
        let mut table = Table::new(["what", "µs"]);
        table.row(["a write".to_owned(), "1".to_owned()]);
        table.row(["×".to_owned(), "1,000".to_owned()]);
        let expected = "\
| what    |    µs |
|---------|------:|
| a write |     1 |
| ×       | 1,000 |
";
        assert_eq!(table.to_string(), expected);
    }
}
