//! The three converters of one task.

use milena_api::converter::{Converter, HeaderConverter, RawHeaders};
use milena_api::error::Result;
use milena_api::header::{Header, Headers};

/// Converters for keys, values and headers, each with the class name that reports give.
pub struct Converters {
    /// Keys.
    pub key: Box<dyn Converter>,
    /// Class of the key converter.
    pub key_class: String,
    /// Values.
    pub value: Box<dyn Converter>,
    /// Class of the value converter.
    pub value_class: String,
    /// Headers.
    pub header: Box<dyn HeaderConverter>,
    /// Class of the header converter.
    pub header_class: String,
}

impl Converters {
    /// Headers from Kafka, in order.
    ///
    /// # Errors
    /// The first header that cannot be converted.
    pub fn to_connect_headers(&mut self, topic: &str, raw: &RawHeaders) -> Result<Headers> {
        let mut headers = Headers::new();
        for (key, bytes) in raw {
            let converted = self.header.to_connect_header(topic, key, bytes.clone())?;
            headers.push(Header { key: key.clone(), schema: converted.schema, value: converted.value });
        }
        Ok(headers)
    }

    /// Headers for Kafka, in order.
    ///
    /// # Errors
    /// The first header that cannot be converted.
    pub fn from_connect_headers(&mut self, topic: &str, headers: &Headers) -> Result<RawHeaders> {
        let mut raw = RawHeaders::with_capacity(headers.len());
        for header in headers {
            let bytes = self.header.from_connect_header(topic, &header.key, header.schema.as_ref(), &header.value)?;
            raw.push((header.key.clone(), bytes));
        }
        Ok(raw)
    }

    /// Closes all three; errors are logged.
    pub fn close(&mut self) {
        for closed in [self.header.close(), self.key.close(), self.value.close()] {
            if let Err(error) = closed {
                tracing::warn!(%error, "could not close a converter");
            }
        }
    }
}
