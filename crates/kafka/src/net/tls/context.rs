//! One TLS configuration for all connections with the same settings, read anew when its files change.
//!
//! Counterpart: org.apache.kafka.common.security.ssl.SslFactory.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use rustls::crypto::ring::default_provider;
use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};

use super::client_key::ClientKeys;
use super::settings::{StoreSource, TlsSettings};
use super::store::{About, Store, StoreError};
use super::verifier::Verifier;
use super::version1;
use crate::error::{Error, Result};
use crate::spawn::{blocking, blocking_here};

/// Files are looked at this often at most, and only when a connection is opened.
const CHECK_EVERY: Duration = Duration::from_secs(3);
/// A connection waits so long for that look, then goes on with what was read before.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

/// Settings and what they come to now.
pub(crate) struct TlsContext {
    settings: TlsSettings,
    current: Mutex<Current>,
}

struct Current {
    config: Arc<ClientConfig>,
    files: Vec<File>,
    /// Changed files that could not be used and were said to be so.
    refused: Option<Vec<File>>,
    checked: Instant,
    /// Somebody looks at the files.
    checking: bool,
}

/// A look at the files; over when it is dropped.
struct Check(Arc<TlsContext>);

impl Drop for Check {
    fn drop(&mut self) {
        let mut current = self.0.current();
        (current.checked, current.checking) = (Instant::now(), false);
    }
}

/// A file as it was when it was read.
#[derive(Debug, PartialEq, Eq)]
struct File {
    path: PathBuf,
    state: Option<(u64, SystemTime)>,
}

impl fmt::Debug for TlsContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsContext").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl TlsContext {
    /// The one context of these settings. Reads the stores where it is called; no lock is held meanwhile, and other tasks of the thread go
    /// on where the runtime has several threads.
    ///
    /// # Errors
    /// A store that cannot be read, by the property that names it.
    pub(crate) fn shared(settings: TlsSettings) -> Result<Arc<Self>> {
        static KNOWN: Mutex<Vec<Weak<TlsContext>>> = Mutex::new(Vec::new());
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let find = |known: &[Weak<Self>], settings: &TlsSettings| {
            known.iter().filter_map(Weak::upgrade).find(|context| context.settings == *settings)
        };
        if let Some(same) = find(&known(), &settings) {
            return Ok(same);
        }
        let new = Arc::new(blocking_here(|| Self::new(settings))?);
        let mut known = known();
        // Somebody else may have been faster.
        if let Some(same) = find(&known, &new.settings) {
            return Ok(same);
        }
        known.retain(|context| context.strong_count() > 0);
        known.push(Arc::downgrade(&new));
        Ok(new)
    }

    fn new(settings: TlsSettings) -> Result<Self> {
        // Before the stores, so that a change in between is seen later.
        let files = files(&settings);
        let config = build(&settings)?;
        let current = Current { config, files, refused: None, checked: Instant::now(), checking: false };
        Ok(Self { settings, current: Mutex::new(current) })
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::net) fn checks_host(&self) -> bool {
        self.settings.check_host
    }

    /// The configuration for a new connection. Files that changed are read again; while they cannot be used, the last that could is. A file
    /// system that does not answer delays one connection for a moment, and the others not at all.
    pub(crate) async fn config(self: &Arc<Self>) -> Arc<ClientConfig> {
        if let Some(check) = self.check() {
            let looked = blocking(move || check.0.reload());
            // Boxed: rare. What comes later counts for the connections after this one.
            drop(Box::pin(tokio::time::timeout(LOOK_TIMEOUT, looked)).await);
        }
        Arc::clone(&self.current().config)
    }

    /// A look at the files, if it is time for one and nobody else looks.
    fn check(self: &Arc<Self>) -> Option<Check> {
        let mut current = self.current();
        if current.checking || current.checked.elapsed() < CHECK_EVERY {
            return None;
        }
        current.checking = true;
        Some(Check(Arc::clone(self)))
    }

    fn reload(&self) {
        let files = files(&self.settings);
        if files == self.current().files {
            return;
        }
        let built = build(&self.settings);
        let mut current = self.current();
        match built {
            Ok(config) => {
                tracing::info!(files = ?files.iter().map(|file| &file.path).collect::<Vec<_>>(), "key stores changed and were read again");
                current.config = config;
                current.files = files;
                current.refused = None;
            }
            // Tried again with the next look: a file may become readable without another change.
            Err(error) if current.refused.as_ref() != Some(&files) => {
                tracing::warn!(%error, "changed key stores cannot be used; new connections go on with what was read before");
                current.refused = Some(files);
            }
            Err(_) => {}
        }
    }

    #[cfg(test)]
    pub(super) fn check_again(&self) -> Arc<ClientConfig> {
        self.reload();
        Arc::clone(&self.current().config)
    }

    #[cfg(test)]
    pub(super) fn look_next_time(&self) {
        self.current().checked = Instant::now().checked_sub(CHECK_EVERY).unwrap();
    }
}

fn files(settings: &TlsSettings) -> Vec<File> {
    let sources = [&settings.keystore, &settings.truststore].into_iter().flatten();
    let paths = sources.filter_map(|source| match source {
        StoreSource::File { path, .. } => Some(path),
        StoreSource::Inline { .. } => None,
    });
    let state = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    };
    paths.map(|path| File { path: path.clone(), state: state(path) }).collect()
}

/// The properties of one store, for errors.
struct Names {
    inline: &'static str,
    location: &'static str,
    password: &'static str,
}

const KEYSTORE: Names =
    Names { inline: "ssl.keystore.key", location: "ssl.keystore.location", password: "ssl.keystore.password" };
const TRUSTSTORE: Names = Names {
    inline: "ssl.truststore.certificates",
    location: "ssl.truststore.location",
    password: "ssl.truststore.password",
};

impl Names {
    fn error(&self, source: &StoreSource, error: StoreError) -> Error {
        let StoreError { about, reason } = error;
        let (key, value, reason) = match (about, source) {
            (About::Store, StoreSource::Inline { .. }) => (self.inline, "[hidden]".to_owned(), reason),
            (About::Store, StoreSource::File { path, .. }) => (self.location, path.display().to_string(), reason),
            (About::Password, StoreSource::File { path, .. }) => {
                (self.password, "[hidden]".to_owned(), format!("{reason} ({})", path.display()))
            }
            (About::Password, StoreSource::Inline { .. }) => (self.password, "[hidden]".to_owned(), reason),
            (About::KeyPassword, _) => ("ssl.key.password", "[hidden]".to_owned(), reason),
        };
        Error::Config { key: key.to_owned(), value, reason }
    }

    fn read(&self, source: &StoreSource) -> Result<Store> {
        Store::read(source).map_err(|error| self.error(source, error))
    }

    fn refuse<T>(&self, source: &StoreSource, reason: impl Into<String>) -> Result<T> {
        Err(self.error(source, StoreError { about: About::Store, reason: reason.into() }))
    }
}

fn build(settings: &TlsSettings) -> Result<Arc<ClientConfig>> {
    let provider = CryptoProvider { cipher_suites: settings.enabled_suites(), ..default_provider() };
    let (roots, pinned) = trusted(settings)?;
    let keys = match &settings.keystore {
        Some(source) => own_keys(source, provider.key_provider)?,
        None => Vec::new(),
    };
    let verifier = Verifier {
        roots,
        pinned,
        check_host: settings.check_host,
        algorithms: provider.signature_verification_algorithms,
    };
    let mut versions = Vec::new();
    if settings.versions.v13 {
        versions.push(&rustls::version::TLS13);
    }
    if settings.versions.v12 {
        versions.push(&rustls::version::TLS12);
    }
    let builder = match ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&versions) {
        Ok(builder) => builder,
        Err(_) => {
            return Err(Error::Config {
                key: "ssl.cipher.suites".to_owned(),
                value: settings.suites.join(","),
                reason: "none of them belongs to a version in ssl.enabled.protocols; name others, or remove one of the properties".to_owned(),
            });
        }
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(Arc::new(match keys.is_empty() {
        true => builder.with_no_client_auth(),
        false => builder.with_client_cert_resolver(Arc::new(ClientKeys(keys))),
    }))
}

type Trusted = (RootCertStore, Vec<rustls::pki_types::CertificateDer<'static>>);

fn trusted(settings: &TlsSettings) -> Result<Trusted> {
    let mut roots = RootCertStore::empty();
    let Some(source) = &settings.truststore else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err(Error::Config {
                key: TRUSTSTORE.location.to_owned(),
                value: "null".to_owned(),
                reason: "it is not set, and the operating system has no certificate authorities; set it".to_owned(),
            });
        }
        return Ok((roots, Vec::new()));
    };
    let anchors = TRUSTSTORE.read(source)?.into_anchors();
    if anchors.is_empty() {
        return TRUSTSTORE.refuse(source, "it holds no certificates to trust");
    }
    // Those that are no authorities can still be shown by a broker itself, but what they signed proves nothing.
    roots.add_parsable_certificates(anchors.iter().filter(|anchor| version1::may_sign(anchor)).cloned());
    Ok((roots, anchors))
}

fn own_keys(source: &StoreSource, provider: &dyn KeyProvider) -> Result<Vec<Arc<CertifiedKey>>> {
    let entries = KEYSTORE.read(source)?.keys;
    if entries.is_empty() {
        return KEYSTORE.refuse(source, "it holds no private key");
    }
    let mut keys = Vec::new();
    for entry in entries {
        let key = match provider.load_private_key(entry.key) {
            Ok(key) => CertifiedKey::new(entry.chain, key),
            Err(error) => {
                return KEYSTORE.refuse(
                    source,
                    format!("its private key cannot be used ({error}); RSA of 2048 bits and more, P-256, P-384 and Ed25519 can"),
                );
            }
        };
        if matches!(key.keys_match(), Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch))) {
            return KEYSTORE.refuse(
                source,
                "its certificate is not that of its private key; the key's own certificate must come first",
            );
        }
        keys.push(Arc::new(key));
    }
    Ok(keys)
}
