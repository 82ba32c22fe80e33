//! The answers of a run, as text without what differs from run to run.

use std::fmt::Debug;

use qdrant_client::QdrantError;

/// One answer: its text, and Interlock's reason where it was Interlock that refused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub text: String,
    pub reason: Option<String>,
    pub is_refused: bool,
}

/// Answers in order, each with its label.
#[derive(Default)]
pub struct Transcript {
    pub steps: Vec<(&'static str, Answer)>,
    /// Steps that the other run will have refused: they are not called here.
    left_out: Vec<&'static str>,
}

impl Transcript {
    pub fn without(left_out: Vec<&'static str>) -> Self {
        Self {
            steps: Vec::new(),
            left_out,
        }
    }

    pub async fn note<T: Debug>(
        &mut self,
        label: &'static str,
        call: impl Future<Output = Result<T, QdrantError>>,
    ) {
        assert!(
            self.steps.iter().all(|(earlier, _)| *earlier != label),
            "two steps are called {label}"
        );
        if self.left_out.contains(&label) {
            self.steps.push((label, Answer::default()));
            return;
        }
        let answer = match call.await {
            Ok(answer) => Answer {
                text: steady(&format!("{answer:#?}")),
                ..Answer::default()
            },
            Err(QdrantError::ResponseError { status }) => {
                let reason = status.metadata().get("interlock-reason");
                Answer {
                    text: format!("{:?}: {}", status.code(), status.message()),
                    reason: reason.map(|reason| reason.to_str().unwrap().to_owned()),
                    is_refused: true,
                }
            }
            Err(other) => panic!("{label}: {other}"),
        };
        self.steps.push((label, answer));
    }
}

/// Debug output without the fields that differ from run to run, their nested lines included.
fn steady(said: &str) -> String {
    const VARIES: [&str; 4] = ["time:", "operation_id:", "version:", "usage:"];
    let mut kept = Vec::new();
    let mut skipping = None;
    for line in said.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if let Some(depth) = skipping {
            if indent > depth {
                continue;
            }
            skipping = None;
            // The bracket that closes the skipped field.
            if text.starts_with([')', '}', ']']) {
                continue;
            }
        }
        if VARIES.iter().any(|key| text.starts_with(key)) {
            skipping = text.ends_with(['(', '{', '[']).then_some(indent);
            continue;
        }
        kept.push(line);
    }
    kept.join("\n")
}
