//! What the histories run on: the embedded engine, or a real Qdrant.

use std::path::Path;
use std::sync::Arc;

use interlock::upstream::Upstream;

/// A real Qdrant where `QDRANT_URL` and `QDRANT_GRPC_URL` name one; otherwise the embedded engine in a folder of its own.
pub fn open(dir: &Path) -> Arc<dyn Upstream> {
    match (std::env::var("QDRANT_GRPC_URL"), std::env::var("QDRANT_URL")) {
        (Ok(grpc), Ok(rest)) => Arc::new(remote::PerRuntime::new(grpc, rest)),
        _ => embedded(dir),
    }
}

mod remote {
    //! Connections belong to the runtime that they are made on, and each life of the process has its own.

    use std::sync::{Arc, Mutex};

    use futures_util::future::BoxFuture;
    use http::{Request, Response};
    use interlock::upstream::remote::{Remote, RemoteOptions, Target};
    use interlock::upstream::{Body, Face, Upstream, UpstreamError};
    use tokio::runtime::{Handle, Id};

    pub struct PerRuntime {
        grpc: Target,
        rest: Target,
        current: Mutex<Option<(Id, Arc<Remote>)>>,
    }

    impl PerRuntime {
        pub fn new(grpc: String, rest: String) -> Self {
            Self {
                grpc: Target::parse(&grpc).unwrap(),
                rest: Target::parse(&rest).unwrap(),
                current: Mutex::default(),
            }
        }

        fn remote(&self) -> Arc<Remote> {
            let here = Handle::current().id();
            let mut current = self.current.lock().unwrap();
            match current.as_ref() {
                Some((id, remote)) if *id == here => Arc::clone(remote),
                Some(_) | None => {
                    let remote = Remote::new(self.grpc.clone(), self.rest.clone(), RemoteOptions::default());
                    let remote = Arc::new(remote);
                    *current = Some((here, Arc::clone(&remote)));
                    remote
                }
            }
        }
    }

    impl Upstream for PerRuntime {
        fn call(
            &self,
            face: Face,
            request: Request<Body>,
        ) -> BoxFuture<'_, Result<Response<Body>, UpstreamError>> {
            let remote = self.remote();
            Box::pin(async move { remote.call(face, request).await })
        }
    }
}

#[cfg(feature = "embedded")]
fn embedded(dir: &Path) -> Arc<dyn Upstream> {
    use interlock::embedded::{Embedded, Options};
    // Opened outside of any runtime, its calls run on their callers'.
    Arc::new(Embedded::open(&dir.join("engine"), Options::default()).unwrap())
}

#[cfg(not(feature = "embedded"))]
fn embedded(_: &Path) -> Arc<dyn Upstream> {
    panic!("built without the embedded engine: set QDRANT_URL and QDRANT_GRPC_URL to a real Qdrant's ports");
}
