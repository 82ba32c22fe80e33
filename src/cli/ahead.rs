//! What would be done, as text for people.

use super::render::duration;
use crate::domain::forecast::{Forecast, SpaceBytes};

pub(super) fn forecast(plan: &Forecast) -> String {
    let mut lines = vec![
        format!(
            "{}: {} to {}, {} points",
            plan.key, plan.from, plan.to, plan.points
        ),
        format!("layout: {}{}", plan.layout.why, peers(plan)),
        format!("embedding: {}", plan.need_why),
        "steps:".to_owned(),
    ];
    let steps = plan.steps.iter().enumerate();
    lines.extend(steps.map(|(at, step)| format!("  {}. {step}", at + 1)));
    lines.push("vectors while both spaces live (links of the index apart):".to_owned());
    lines.extend(plan.spaces.iter().map(space));
    lines.push(format!(
        "  together: {} in memory, {} on disk",
        bytes(plan.memory_bytes),
        bytes(plan.disk_bytes)
    ));
    lines.push(format!("embedder calls: {}", plan.embedder_calls));
    if let Some(tokens) = plan.tokens_estimated {
        lines.push(format!("tokens: about {tokens}, estimated from sampled texts"));
    }
    if let Some(cost) = plan.cost_estimated {
        lines.push(format!("cost: about {cost:.4}, at the model's price"));
    }
    if let (Some(seconds), Some(sample)) = (plan.seconds_estimated, &plan.sample) {
        lines.push(format!(
            "time: about {}, at the rate of {} points that were read and embedded; writes come on top",
            duration(seconds),
            sample.points
        ));
    }
    lines.extend(plan.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.extend(
        plan.obstacles
            .iter()
            .map(|why| format!("would be refused now: {why}")),
    );
    lines.join("\n")
}

fn peers(plan: &Forecast) -> &'static str {
    match plan.layout.is_cluster {
        Some(true) => "; a cluster",
        Some(false) => "; a single node",
        None => "",
    }
}

fn space(space: &SpaceBytes) -> String {
    let name = match space.vector.is_unnamed() {
        true => "(unnamed)",
        false => space.vector.as_str(),
    };
    format!(
        "  {name} of {}: {} in memory, {} on disk",
        space.model,
        bytes(space.memory_bytes),
        bytes(space.disk_bytes)
    )
}

/// Bytes in the unit that people read.
fn bytes(bytes: Option<u64>) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let Some(bytes) = bytes else {
        return "an unknown size".to_owned();
    };
    let mut size = bytes as f64;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = next;
    }
    match unit {
        "B" => format!("{bytes} B"),
        unit => format!("{size:.1} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn bytes_are_shown_in_the_unit_that_fits() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (3 << 30, "3.0 GiB"),
        ] {
            assert_eq!(bytes(Some(count)), text);
        }
        assert_eq!(bytes(None), "an unknown size");
    }
}
