//! Recall through the migration, as a chart in the terminal and as an SVG.

use std::fmt::Write;
use std::path::Path;

use plotters::prelude::*;

/// One moment of the migration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Seconds since the demo's traffic began.
    pub second: f64,
    /// Share of the points that the new model has embedded.
    pub progress: f64,
    /// Recall of the app beside the in-place reindex, where it answered in this moment.
    pub naive: Option<f64>,
    /// Recall of the app behind Interlock, where it answered in this moment.
    pub interlock: Option<f64>,
}

const BAR_WIDTH: usize = 24;
const CHART_ROWS: usize = 12;
const CHART_COLUMNS: usize = 72;

fn bar(value: Option<f64>) -> String {
    let Some(value) = value else {
        return format!("{:BAR_WIDTH$}  -   ", "");
    };
    let filled = ((value * BAR_WIDTH as f64).round() as usize).min(BAR_WIDTH);
    format!(
        "{}{} {value:.2}",
        "█".repeat(filled),
        "░".repeat(BAR_WIDTH - filled)
    )
}

/// The line that is printed for a moment while the demo runs.
pub fn line(sample: &Sample, phase: &str) -> String {
    format!(
        "{:5.1}s  {phase:<12} {:3.0} %   in place {}   interlock {}",
        sample.second,
        sample.progress * 100.0,
        bar(sample.naive),
        bar(sample.interlock)
    )
}

/// The whole course, for a terminal: `o` the in-place reindex, `#` Interlock.
pub fn terminal(samples: &[Sample]) -> String {
    let mut rows = vec![vec![' '; CHART_COLUMNS]; CHART_ROWS + 1];
    let end = samples.last().map_or(1.0, |sample| sample.second.max(0.001));
    for sample in samples {
        let column = ((sample.second / end) * (CHART_COLUMNS - 1) as f64).round() as usize;
        for (value, mark) in [(sample.naive, 'o'), (sample.interlock, '#')] {
            let Some(value) = value else { continue };
            let row = CHART_ROWS - ((value * CHART_ROWS as f64).round() as usize).min(CHART_ROWS);
            if let Some(cell) = rows.get_mut(row).and_then(|row| row.get_mut(column)) {
                *cell = mark;
            }
        }
    }
    let mut out = String::from("recall@10\n");
    for (at, row) in rows.iter().enumerate() {
        let label = 1.0 - at as f64 / CHART_ROWS as f64;
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{label:4.2} |{}", row.iter().collect::<String>().trim_end());
    }
    let _ = writeln!(out, "     +{}", "-".repeat(CHART_COLUMNS));
    let _ = writeln!(
        out,
        "      0 s{:>width$.1} s      o in place   # Interlock",
        end,
        width = CHART_COLUMNS - 28
    );
    out
}

/// The whole course as an SVG file, with lines where the flip was.
///
/// # Errors
/// The file cannot be written.
pub fn svg(samples: &[Sample], flips: &[f64], file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(file, (960, 420)).into_drawing_area();
    root.fill(&WHITE)?;
    let end = samples.last().map_or(1.0, |sample| sample.second.max(0.001));
    let mut chart = ChartBuilder::on(&root)
        .caption(
            "Recall@10 through a change of the embedding model",
            ("sans-serif", 20),
        )
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..end, 0.0..1.0)?;
    chart
        .configure_mesh()
        .x_desc("seconds")
        .y_desc("recall@10")
        .draw()?;
    let series = |of: fn(&Sample) -> Option<f64>| {
        samples
            .iter()
            .filter_map(move |sample| of(sample).map(|value| (sample.second, value)))
    };
    chart
        .draw_series(LineSeries::new(series(|s| s.naive), RED.stroke_width(2)))?
        .label("in-place reindex")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], RED.stroke_width(2)));
    chart
        .draw_series(LineSeries::new(series(|s| s.interlock), BLUE.stroke_width(2)))?
        .label("Interlock")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], BLUE.stroke_width(2)));
    for flip in flips {
        chart.draw_series(LineSeries::new([(*flip, 0.0), (*flip, 1.0)], BLACK.mix(0.4)))?;
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_chart_marks_both_courses() {
        let sample = |second, naive, interlock| Sample {
            second,
            progress: 0.0,
            naive: Some(naive),
            interlock: Some(interlock),
        };
        let chart = terminal(&[sample(0.0, 0.0, 1.0), sample(4.0, 1.0, 1.0)]);
        let rows: Vec<_> = chart.lines().collect();
        assert!(rows[1].starts_with("1.00 |#"), "{chart}");
        assert!(rows[CHART_ROWS + 1].starts_with("0.00 |o"), "{chart}");
    }
}
