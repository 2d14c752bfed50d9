//! A client for etcd over the wire.
