//! Tables for people.
//!
//! On a terminal a row takes one line if every column stays readable. Otherwise the long texts move to more lines. In a
//! pipe or a file, a row is one line and nothing is cut.
//!
//! Existing table crates wrap or cut all columns alike, which leaves cells of a few characters. Widths come from
//! `unicode-width`.

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The header of the arguments. Details omit it, because a JSON object is easy to recognise.
pub(super) const ARGUMENTS: &str = "ARGUMENTS";
/// Spaces between columns.
const GAP: usize = 2;
/// Spaces before a row's second line.
const INDENT: usize = 4;
/// The content of an empty cell outside a terminal, so that programs can split columns.
const NOTHING: &str = "-";

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    header: &'static str,
    kind: ColumnKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ColumnKind {
    /// Never cut.
    Whole,
    /// Cut to this width at minimum.
    AtLeast(usize),
    /// Like `AtLeast`, but moved to the second line first.
    Detail(usize),
}

impl Column {
    /// A column that is never cut.
    pub(super) const fn whole(header: &'static str) -> Self {
        Self { header, kind: ColumnKind::Whole }
    }

    /// A column with a minimum width.
    pub(super) const fn at_least(width: usize, header: &'static str) -> Self {
        Self { header, kind: ColumnKind::AtLeast(width) }
    }

    /// A column of long texts with a minimum width. Moves to the second line if the row is too long.
    pub(super) const fn detail(width: usize, header: &'static str) -> Self {
        Self { header, kind: ColumnKind::Detail(width) }
    }

    /// The minimum width for cells of up to `natural`.
    fn minimum(self, natural: usize) -> usize {
        match self.kind {
            ColumnKind::Whole => natural,
            ColumnKind::AtLeast(width) | ColumnKind::Detail(width) => width.max(self.header.width()).min(natural),
        }
    }
}

/// One cell: a text without invisible characters, and its style.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell in a style.
    pub(super) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { style, ..Self::from(text.into()) }
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// Converts a text. `-`, which other modules use for "nothing", becomes an empty cell.
impl From<String> for Cell {
    fn from(text: String) -> Self {
        let text = if text == NOTHING { String::new() } else { text };
        Self { text, style: Style::new() }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Rows under headers.
#[derive(Clone, Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(super) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, with a cell for each column.
    pub(super) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        assert_eq!(N, self.columns.len(), "a cell for each column");
        self.rows.push(cells.into());
    }

    /// The lines of the table; `width` is the width of the terminal, if there is one.
    pub(super) fn lines(&self, width: Option<usize>) -> Vec<String> {
        match width {
            None => self.whole(),
            Some(width) => self.fitted(width),
        }
    }

    /// The widest cell of a column, or its header.
    fn natural(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[column].text.width());
        cells.chain([self.columns[column].header.width()]).max().unwrap_or_default()
    }

    fn whole(&self) -> Vec<String> {
        let widths: Vec<_> = (0..self.columns.len()).map(|column| (column, self.natural(column))).collect();
        let nothing = Cell { text: NOTHING.to_owned(), style: Style::new() };
        let shown = |row: &[Cell]| -> Vec<Cell> {
            row.iter().map(|cell| if cell.is_empty() { nothing.clone() } else { cell.clone() }).collect()
        };
        let rows = self.rows.iter().map(|row| line(&shown(row), &widths));
        [self.header(&widths)].into_iter().chain(rows).collect()
    }

    fn fitted(&self, width: usize) -> Vec<String> {
        let used = (0..self.columns.len()).filter(|column| self.rows.iter().any(|row| !row[*column].is_empty()));
        let (first, second) = self.split(used.collect(), width);
        let widths = self.share(&first, width);
        let mut lines = vec![self.header(&widths)];
        for row in &self.rows {
            lines.push(line(row, &widths));
            lines.extend(self.details(row, &second, width.saturating_sub(INDENT)));
        }
        lines
    }

    /// The columns of the first and of the second line.
    fn split(&self, mut first: Vec<usize>, width: usize) -> (Vec<usize>, Vec<usize>) {
        let mut second = Vec::new();
        let minimum = |columns: &[usize]| {
            let least: usize = columns.iter().map(|column| self.columns[*column].minimum(self.natural(*column))).sum();
            least + GAP * columns.len().saturating_sub(1)
        };
        if minimum(&first) > width {
            let detail = |column: &usize| matches!(self.columns[*column].kind, ColumnKind::Detail(_));
            (second, first) = first.into_iter().partition(detail);
        }
        while minimum(&first) > width {
            let Some(last) = first.iter().rposition(|column| self.columns[*column].kind != ColumnKind::Whole) else {
                break;
            };
            second.insert(0, first.remove(last));
        }
        (first, second)
    }

    /// The width of each of these columns.
    fn share(&self, columns: &[usize], width: usize) -> Vec<(usize, usize)> {
        let wanted = columns.iter().map(|column| self.natural(*column));
        let wanted: Vec<_> =
            wanted.zip(columns).map(|(natural, column)| (self.columns[*column].minimum(natural), natural)).collect();
        columns.iter().copied().zip(spread(&wanted, width)).collect()
    }

    fn header(&self, widths: &[(usize, usize)]) -> String {
        let headers: Vec<_> = self.columns.iter().map(|column| Cell::from(column.header)).collect();
        line(&headers, widths)
    }

    /// The lines of a row below its first: one if everything fits, otherwise a second one for the long texts.
    fn details(&self, row: &[Cell], columns: &[usize], width: usize) -> Vec<String> {
        let cells: Vec<_> = columns
            .iter()
            .filter(|column| !row[**column].is_empty())
            .map(|column| (self.columns[*column], self.labelled(*column, &row[*column])))
            .collect();
        let natural: usize = cells.iter().map(|(_, cell)| cell.text.width() + GAP).sum();
        let is_long = |(column, _): &&(Column, Cell)| matches!(column.kind, ColumnKind::Detail(_));
        let groups = if natural <= width + GAP {
            vec![cells]
        } else {
            let (long, short) = cells.iter().partition::<Vec<_>, _>(is_long);
            [short, long].map(|group| group.into_iter().cloned().collect::<Vec<_>>()).into()
        };
        groups.into_iter().filter(|group| !group.is_empty()).map(|group| detail_line(&group, width)).collect()
    }

    /// A cell with its header as a label.
    fn labelled(&self, column: usize, cell: &Cell) -> Cell {
        let header = self.columns[column].header;
        let label = if header == ARGUMENTS { String::new() } else { format!("{}: ", header.to_lowercase()) };
        Cell { text: format!("{label}{}", cell.text), style: cell.style }
    }
}

fn detail_line(cells: &[(Column, Cell)], width: usize) -> String {
    let wanted = cells.iter().map(|(column, cell)| {
        let natural = cell.text.width();
        (column.minimum(natural), natural)
    });
    let widths: Vec<_> = spread(&wanted.collect::<Vec<_>>(), width).into_iter().enumerate().collect();
    let cells: Vec<_> = cells.iter().map(|(_, cell)| cell.clone()).collect();
    format!("{:INDENT$}{}", "", line(&cells, &widths))
}

/// Column widths between minimum and natural width. They fit into `width` if the minimums do. Space that is left goes
/// evenly to the columns that need more.
fn spread(wanted: &[(usize, usize)], width: usize) -> Vec<usize> {
    let mut widths: Vec<_> = wanted.iter().map(|(least, _)| *least).collect();
    let gaps = GAP * wanted.len().saturating_sub(1);
    let mut left = width.saturating_sub(gaps + widths.iter().sum::<usize>());
    let mut hungry: Vec<_> = (0..wanted.len()).collect();
    hungry.sort_by_key(|column| wanted[*column].1 - wanted[*column].0);
    let mut others = hungry.len();
    for column in hungry {
        let more = (wanted[column].1 - wanted[column].0).min(left / others);
        widths[column] += more;
        left -= more;
        others -= 1;
    }
    widths
}

/// Cells side by side, without trailing blanks.
fn line(cells: &[Cell], widths: &[(usize, usize)]) -> String {
    let mut line = String::new();
    let mut blanks = 0;
    for (column, width) in widths {
        let Cell { text, style } = &cells[*column];
        let text = fit(text, *width);
        if !text.is_empty() {
            line.push_str(&" ".repeat(blanks));
            line.push_str(&format!("{style}{text}{style:#}"));
            blanks = 0;
        }
        blanks += width.saturating_sub(text.width()) + GAP;
    }
    line
}

/// Cuts a text to `width` columns of a terminal, with an ellipsis at the cut.
pub(super) fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let head = text.chars().take_while(|c| {
        let needed = c.width().unwrap_or(0);
        let fits = needed <= left;
        left = left.saturating_sub(needed);
        fits
    });
    head.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[
            Column::whole("ID"),
            Column::at_least(8, "TOOL"),
            Column::whole("PRIORITY"),
            Column::detail(16, ARGUMENTS),
            Column::detail(10, "REASON"),
        ]);
        table.row([
            "a1".into(),
            "process_payment".into(),
            "-".into(),
            r#"{"amount":12000,"to":"acme"}"#.into(),
            "Invoice".into(),
        ]);
        table.row(["b22".into(), "日本語".into(), "".into(), "{}".into(), "".into()]);
        table
    }

    #[test]
    fn a_row_that_fits_is_one_line() {
        let expected = [
            "ID   TOOL             ARGUMENTS                     REASON",
            "a1   process_payment  {\"amount\":12000,\"to\":\"acme\"}  Invoice",
            "b22  日本語           {}",
        ];
        assert_eq!(table().lines(Some(80)), expected);
        assert_eq!(table().lines(Some(59)), expected);
    }

    #[test]
    fn columns_share_what_is_left_above_their_minimums() {
        let expected = [
            "ID   TOOL         ARGUMENTS            REASON",
            "a1   process_pa…  {\"amount\":12000,\"t…  Invoice",
            "b22  日本語       {}",
        ];
        assert_eq!(table().lines(Some(46)), expected);
    }

    #[test]
    fn long_texts_move_to_another_line_on_a_narrow_terminal() {
        let expected =
            ["ID   TOOL", "a1   process_payment", "    {\"amount\":12000,\"t…  reason: Invo…", "b22  日本語", "    {}"];
        assert_eq!(table().lines(Some(38)), expected);
    }

    #[test]
    fn only_uncut_columns_exceed_the_terminal() {
        for width in 20..100 {
            for line in table().lines(Some(width)) {
                assert!(line.width() <= width.max(35), "{width}: {line}");
            }
        }
    }

    #[test]
    fn nothing_is_cut_or_dropped_in_a_pipe() {
        let expected = [
            "ID   TOOL             PRIORITY  ARGUMENTS                     REASON",
            "a1   process_payment  -         {\"amount\":12000,\"to\":\"acme\"}  Invoice",
            "b22  日本語           -         {}                            -",
        ];
        assert_eq!(table().lines(None), expected);
    }

    #[test]
    fn a_cut_counts_terminal_columns() {
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdefg", 6), "abcde…");
        assert_eq!(fit("日本語", 6), "日本語");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
    }
}
