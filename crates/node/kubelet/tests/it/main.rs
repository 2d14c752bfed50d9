//! A kubelet over a runtime that lives in the test: static pods, without an API server.

#[cfg(test)]
mod runtime;
#[cfg(test)]
mod static_pod;
