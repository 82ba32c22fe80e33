//! `interlock serve` on free ports, its command line, and clients of it.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use qdrant_client::Qdrant;

/// One `interlock serve`, killed when dropped.
pub struct Interlock {
    child: Child,
    pub grpc: String,
    admin: String,
    _folder: tempfile::TempDir,
}

impl Drop for Interlock {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The upstream's REST and gRPC URLs.
pub type Upstream = (String, String);

fn free_addresses() -> [String; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().to_string())
}

impl Interlock {
    pub async fn start(upstream: Option<&Upstream>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [http, grpc, admin] = free_addresses();
        let mut command = Command::new(env!("CARGO_BIN_EXE_interlock"));
        command.args([
            "serve", "--http", &http, "--grpc", &grpc, "--admin", &admin, "--data",
        ]);
        command.arg(folder.path().join("data")).current_dir(folder.path());
        // `serve` refuses INTERLOCK_ variables that it does not know, such as those of the tests.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("INTERLOCK_")) {
            command.env_remove(name);
        }
        if let Some((rest, grpc)) = upstream {
            command.args(["--upstream", grpc, "--upstream-rest", rest]);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let grpc = format!("http://{grpc}");
        let admin = format!("http://{admin}");
        let mut started = Self {
            child,
            grpc,
            admin,
            _folder: folder,
        };
        started.ready().await;
        started
    }

    async fn ready(&mut self) {
        let client = reqwest::Client::new();
        let url = format!("{}/readyz", self.admin);
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        for _ in 0..1200 {
            ticks.tick().await;
            assert!(
                self.child.try_wait().unwrap().is_none(),
                "interlock ended before it was ready"
            );
            if client
                .get(&url)
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return;
            }
        }
        panic!("interlock was not ready within a minute");
    }

    pub fn cli(&self, arguments: &[&str]) {
        let output = Command::new(env!("CARGO_BIN_EXE_interlock"))
            .args(arguments)
            .args(["--admin", &self.admin, "--json"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "interlock {arguments:?}: {said}");
    }

    pub fn client(&self) -> Qdrant {
        client(&self.grpc)
    }
}

pub fn client(url: &str) -> Qdrant {
    Qdrant::from_url(url).skip_compatibility_check().build().unwrap()
}
