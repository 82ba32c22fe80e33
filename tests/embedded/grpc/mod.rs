//! The gRPC face: a scenario whose answers, written as lines, must be those of a real Qdrant 1.18.3 in `grpc.txt`.
//! With `QDRANT_RECORD` set, they are taken anew from the Qdrant that `QDRANT_GRPC_URL` names.

mod reads;
mod schema;
mod show;
mod writes;

use qdrant_client::qdrant as pb;
use qdrant_client::qdrant::qdrant_client::QdrantClient;

use self::show::Run;
use crate::target::Target;

const EXPECTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/embedded/grpc.txt");

async fn scenario(target: &Target) -> Vec<String> {
    let mut run = Run::new(target);
    schema::create(&mut run).await;
    writes::write(&mut run).await;
    writes::update(&mut run).await;
    reads::read(&mut run).await;
    reads::query(&mut run).await;
    schema::schema(&mut run).await;
    run.lines
}

fn check(got: &[String]) {
    let expected = std::fs::read_to_string(EXPECTED).unwrap();
    let expected: Vec<&str> = expected.lines().collect();
    let wrong: Vec<String> = (0..expected.len().max(got.len()))
        .filter(|at| expected.get(*at).copied() != got.get(*at).map(String::as_str))
        .map(|at| format!("want {:?}\n got {:?}", expected.get(at), got.get(at)))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} answers differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_answers_over_grpc_as_qdrant_does() {
    if std::env::var_os("QDRANT_RECORD").is_some() {
        let lines = scenario(&Target::real().unwrap()).await;
        std::fs::write(EXPECTED, lines.join("\n") + "\n").unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    check(&scenario(&Target::engine(dir.path())).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_qdrant_answers_over_grpc_as_recorded() {
    if let Some(real) = Target::real() {
        check(&scenario(&real).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_unknown_methods_answer_in_their_own_way() {
    let dir = tempfile::tempdir().unwrap();
    for target in [Some(Target::engine(dir.path())), Target::real()]
        .into_iter()
        .flatten()
    {
        let mut client = QdrantClient::new(target.clone());
        let reply = client
            .health_check(pb::HealthCheckRequest {})
            .await
            .unwrap()
            .into_inner();
        assert_eq!(reply.version, "1.18.3", "{reply:?}");
        let mut grpc = tonic::client::Grpc::new(target);
        for (path, code) in [
            ("/grpc.health.v1.Health/Check", None),
            ("/qdrant.Points/Nope", Some(tonic::Code::Unimplemented)),
            ("/qdrant.Nope/Nope", Some(tonic::Code::Unimplemented)),
        ] {
            grpc.ready().await.unwrap();
            // Any message with a number in its first field reads the health service's answer.
            let codec = tonic_prost::ProstCodec::<pb::HealthCheckRequest, pb::CountResult>::default();
            let request = tonic::Request::new(pb::HealthCheckRequest {});
            let answer = grpc
                .unary(request, http::uri::PathAndQuery::from_static(path), codec)
                .await;
            match code {
                None => assert_eq!(answer.unwrap().into_inner().count, 1, "SERVING"),
                Some(code) => assert_eq!(answer.unwrap_err().code(), code, "{path}"),
            }
        }
    }
}
