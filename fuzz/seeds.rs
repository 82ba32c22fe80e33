//! Writes the requests that fuzzing starts from: `seeds TARGET FOLDER`.

#[path = "../src/wire/json/tests/bodies.rs"]
mod bodies;
#[path = "../src/wire/pb/tests/generate.rs"]
mod generate;
#[path = "../src/wire/pb/tests/generate_answers.rs"]
mod generate_answers;
#[path = "../src/wire/pb/tests/generate_reads.rs"]
mod generate_reads;
#[path = "../tests/fuzz/seeds.rs"]
mod seeds;

use interlock::domain;
use libfuzzer_sys as _; // what a build with coverage needs

fn main() -> std::io::Result<()> {
    const COUNT: u8 = 200;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, folder] = arguments.as_slice() else {
        return Err(std::io::Error::other("usage: seeds TARGET FOLDER"));
    };
    let seeds = match target.as_str() {
        "protobuf" => seeds::protobuf(COUNT),
        "json" => seeds::json(usize::from(COUNT) * 9),
        "answers" => seeds::answers(usize::from(COUNT)),
        other => return Err(std::io::Error::other(format!("no seeds for {other}"))),
    };
    std::fs::create_dir_all(folder)?;
    for (index, seed) in seeds.iter().enumerate() {
        std::fs::write(format!("{folder}/seed-{index:04}"), seed)?;
    }
    println!("{} seeds", seeds.len());
    Ok(())
}
