//! Where an API of the upstream stands, and a request's rewriting to go there.

use std::fmt;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Uri, Version};

/// Why a URL cannot be an upstream's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It cannot be read.
    #[error("{0:?} is not a URL such as http://127.0.0.1:6334")]
    Unreadable(String),
    /// TLS is asked for.
    #[error("TLS to the upstream is not supported yet: write http:// and keep the way there private")]
    Tls,
    /// Some other scheme, or none.
    #[error("the URL must start with http://")]
    Scheme,
    /// No port, and no one default would be right for every API.
    #[error("the URL names no port: Qdrant's own are 6334 for gRPC and 6333 for REST")]
    Port,
    /// A user, a password or a query.
    #[error("the URL may hold a host, a port and a path only")]
    Extras,
}

/// An address of an API: host, port, and a path that goes before every request's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    authority: Authority,
    port: u16,
    prefix: String,
}

impl Target {
    /// Reads `http://host:port[/prefix]`.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        let unreadable = || TargetError::Unreadable(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| unreadable())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(TargetError::Tls),
            Some(_) | None => return Err(TargetError::Scheme),
        }
        let authority = uri.authority().ok_or_else(unreadable)?.clone();
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(TargetError::Extras);
        }
        if authority.host().is_empty() {
            return Err(unreadable());
        }
        let port = authority.port_u16().ok_or(TargetError::Port)?;
        Ok(Self {
            authority,
            port,
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Host and port to connect to.
    pub(super) fn address(&self) -> (&str, u16) {
        let host = self.authority.host();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        (bare.unwrap_or(host), self.port)
    }

    /// Turns a request towards this address: URI, host and version.
    pub(super) fn aim<B>(&self, request: &mut Request<B>, version: Version) -> Result<(), http::Error> {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.path_and_query = match (self.prefix.as_str(), parts.path_and_query) {
            // As it came: nothing is copied or read anew.
            ("", Some(path)) => Some(path),
            (prefix, path) => {
                let path = path.as_ref().map_or("/", PathAndQuery::as_str);
                Some(PathAndQuery::try_from(format!("{prefix}{path}"))?)
            }
        };
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        *request.uri_mut() = Uri::from_parts(parts)?;
        // The client's name for Interlock is not the upstream's.
        request.headers_mut().remove(HOST);
        *request.version_mut() = version;
        Ok(())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_or_refused_with_what_to_do() {
        for url in ["http://127.0.0.1:6334", "http://[::1]:6334", "http://q:6333/a/b"] {
            assert_eq!(Target::parse(url).expect("a target").to_string(), url);
        }
        assert_eq!(
            Target::parse("http://[::1]:1").expect("a target").address(),
            ("::1", 1)
        );
        for (url, expected) in [
            ("https://q:6334", TargetError::Tls),
            ("ftp://q:1", TargetError::Scheme),
            ("q:6334", TargetError::Scheme),
            ("http://q", TargetError::Port),
            ("http://u:p@q:1", TargetError::Extras),
            ("http://q:1/?a=b", TargetError::Extras),
            ("http://", TargetError::Unreadable("http://".into())),
            ("not a url", TargetError::Unreadable("not a url".into())),
        ] {
            assert_eq!(Target::parse(url), Err(expected), "{url}");
        }
    }

    #[test]
    fn requests_are_aimed_with_prefix_and_query() {
        let target = Target::parse("http://q:6333/behind/").expect("a target");
        let mut request = Request::get("http://front:1/collections?x=1")
            .header("host", "front:1")
            .body(())
            .expect("a request");
        target.aim(&mut request, Version::HTTP_11).expect("aimed");
        assert_eq!(request.uri(), "http://q:6333/behind/collections?x=1");
        assert!(request.headers().is_empty());
    }
}
