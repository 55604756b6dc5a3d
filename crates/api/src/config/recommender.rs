//! `Recommender`: values to offer for a key, and whether to show it. Counterpart: `ConfigDef.Recommender`.

use super::embed::EmbeddedRecommender;
use super::error::ConfigError;
use super::parsed::ParsedConfig;
use super::value::Parsed;

/// Offers values for a key, given what the others are. Asked by validation only.
pub trait Recommender: Send + Sync {
    /// Values that make sense, or none to offer nothing.
    ///
    /// # Errors
    /// Becomes an error of the key.
    fn valid_values(&self, name: &str, parsed: &ParsedConfig) -> Result<Vec<Parsed>, ConfigError>;

    /// False if the key means nothing with this configuration.
    ///
    /// # Errors
    /// Becomes an error of the key.
    fn visible(&self, name: &str, parsed: &ParsedConfig) -> Result<bool, ConfigError> {
        _ = (name, parsed);
        Ok(true)
    }
}

/// A closure offers values; the key is always shown.
impl<F> Recommender for F
where
    F: Fn(&str, &ParsedConfig) -> Result<Vec<Parsed>, ConfigError> + Send + Sync,
{
    fn valid_values(&self, name: &str, parsed: &ParsedConfig) -> Result<Vec<Parsed>, ConfigError> {
        self(name, parsed)
    }
}

impl Recommender for EmbeddedRecommender {
    fn valid_values(&self, name: &str, parsed: &ParsedConfig) -> Result<Vec<Parsed>, ConfigError> {
        self.inner.valid_values(self.own_name(name), &self.own_part(parsed))
    }

    fn visible(&self, name: &str, parsed: &ParsedConfig) -> Result<bool, ConfigError> {
        self.inner.visible(self.own_name(name), &self.own_part(parsed))
    }
}

/// Always offers the same texts.
pub fn fixed_values<S: Into<String>>(values: impl IntoIterator<Item = S>) -> impl Recommender + 'static {
    let values: Vec<Parsed> = values.into_iter().map(|value| Parsed::String(value.into())).collect();
    move |_: &str, _: &ParsedConfig| Ok(values.clone())
}
