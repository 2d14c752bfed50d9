//! Values of the store: our own JSON as it is, upstream's JSON and protobuf by decoding.

use bytes::Bytes;
use serde_json::Value;
use styr_schema::{Schema, Shape, envelope};
use styr_store::Revision;

use super::entry::{Entry, Malformed};
use super::{Registry, api_version};

impl Registry {
    /// An entry out of a stored value.
    pub(super) fn read_stored(
        &self,
        key: &str,
        value: &Bytes,
        revision: Revision,
    ) -> Result<Entry, Malformed> {
        let malformed = |reason: String| Malformed {
            key: key.to_owned(),
            reason,
        };
        if value.first() == Some(&b'{') && self.is_of_storage_version(value) {
            let trimmed = value.slice(..value.trim_ascii_end().len());
            if let Some(entry) = Entry::new(key, trimmed, revision) {
                return Ok(entry);
            }
        }
        let (version, mut object) = self.decode_stored(value).map_err(malformed)?;
        if let Some(kind) = self
            .versions
            .iter()
            .find(|kind| api_version(kind) == version)
        {
            kind.rules.to_storage(&mut object);
        }
        self.set_type(&mut object);
        let json = self.encode(&mut object);
        let entry = Entry::new(key, json, revision);
        entry.ok_or_else(|| malformed("it has no name".to_owned()))
    }

    /// The object and the version that it was stored in.
    fn decode_stored(&self, value: &Bytes) -> Result<(String, Value), String> {
        if value.starts_with(b"k8s\0") {
            let wrapped = envelope::unwrap(value).map_err(|it| it.to_string())?;
            let shape = self.shape_of(&wrapped.api_version)?;
            let object = shape
                .decode_protobuf(wrapped.raw)
                .map_err(|it| it.to_string())?;
            return Ok((wrapped.api_version, object));
        }
        let object: Value = serde_json::from_slice(value).map_err(|it| it.to_string())?;
        let version = object["apiVersion"].as_str().unwrap_or_default().to_owned();
        self.shape_of(&version)?;
        Ok((version, object))
    }

    /// The shape of a version, also of one that is stored and no longer served: its fields are
    /// those of the served one, or unknown.
    fn shape_of(&self, version: &str) -> Result<Shape, String> {
        let shape = Schema::builtin().shape_of(version, &self.kind.kind);
        shape.ok_or_else(|| format!("unknown version {version}"))
    }

    fn is_of_storage_version(&self, json: &[u8]) -> bool {
        let start = format!(
            "{{\"kind\":\"{}\",\"apiVersion\":\"{}\",",
            self.kind.kind,
            api_version(&self.kind)
        );
        json.starts_with(start.as_bytes())
    }
}
