//! The table that a person reads.

use super::rounds::{Outcome, Verdict};

/// As markdown, which reads well as plain text too.
pub(crate) fn markdown(outcomes: &[Outcome]) -> String {
    let mut cells = vec![
        ["operation", "size", "measured against", "ours / it, by least", "by median", "target", "met"]
            .map(String::from),
    ];
    cells.extend(outcomes.iter().map(row));
    let widths: Vec<usize> =
        (0..7).map(|column| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for (index, row) in cells.iter().enumerate() {
        text.push('|');
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            text += &match column {
                0 | 2 | 6 => format!(" {cell:<width$} |"),
                _ => format!(" {cell:>width$} |"),
            };
        }
        text.push('\n');
        if index == 0 {
            text.push('|');
            for (column, &width) in widths.iter().enumerate() {
                let line = "-".repeat(width + 1);
                text += &if let 0 | 2 | 6 = column { format!("{line}-|") } else { format!("{line}:|") };
            }
            text.push('\n');
        }
    }
    text
}

fn row(outcome: &Outcome) -> [String; 7] {
    let row = &outcome.row;
    let target = row.target.map_or_else(|| "–".into(), |target| format!("≤ {target:.2}"));
    let met = match outcome.verdict() {
        None => "–",
        Some(Verdict::Met) => "yes",
        Some(Verdict::Edge) => "at the edge",
        Some(Verdict::Missed) => "no",
    };
    [
        row.operation.clone(),
        row.size.clone(),
        row.anchor.into(),
        format!("{:.2}", outcome.least()),
        format!("{:.2}", outcome.median()),
        target,
        met.into(),
    ]
}

/// What the table came to, in one line.
pub(crate) fn summary(outcomes: &[Outcome]) -> String {
    let count = |verdict| outcomes.iter().filter(|outcome| outcome.verdict() == Some(verdict)).count();
    let (met, edge, missed) = (count(Verdict::Met), count(Verdict::Edge), count(Verdict::Missed));
    format!(
        "{met} targets met, {edge} at the edge, {missed} not; {} rows without a target",
        outcomes.len() - met - edge - missed
    )
}

/// Nanoseconds, for whoever looks into it. Another machine, or another minute, has others.
pub(crate) fn nanoseconds(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for Outcome { row, ours, anchor } in outcomes {
        text += &format!(
            "{:<40} {:>14}  ours {:>9.1} ({:>9.1})  {:<28} {:>9.1} ({:>9.1})\n",
            row.operation, row.size, ours.least, ours.median, row.anchor, anchor.least, anchor.median
        );
    }
    text
}
