use std::path::{Path, PathBuf};

use milena_api::config::Secret;

use super::context::TlsContext;
use super::settings::{StoreSource, TlsSettings, TlsVersions};
use super::store::{About, Store};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(data(name)).unwrap()
}

fn secret(text: &str) -> Option<Secret> {
    (!text.is_empty()).then(|| Secret::new(text))
}

fn file(name: &str, pem: bool, password: &str, key_password: &str) -> StoreSource {
    StoreSource::File { path: data(name), pem, password: secret(password), key_password: secret(key_password) }
}

fn inline(certificates: &str, key: &str, key_password: &str) -> StoreSource {
    StoreSource::Inline {
        certificates: Secret::new(certificates),
        key: secret(key),
        key_password: secret(key_password),
    }
}

#[test]
fn the_same_key_comes_out_of_every_format() {
    let plain = Store::read(&inline(&text("chain.pem"), &text("key.pem"), "")).unwrap();
    let [plain] = plain.keys.as_slice() else { panic!("one key") };
    assert_eq!(plain.chain.len(), 2);
    // A property on one line has blanks where the file has line breaks.
    let one_line = text("chain.pem").replace('\n', " ");
    for source in [
        file("client.p12", false, "milena", ""),
        file("client-old.p12", false, "milena", ""),
        file("client.jks", false, "milena", ""),
        file("client.jks", false, "milena", "milena"),
        file("client-own-password.jks", false, "milena", "secret"),
        inline(&one_line, &text("key-encrypted.pem"), "secret"),
    ] {
        let store = Store::read(&source).unwrap();
        let [entry] = store.keys.as_slice() else { panic!("one key: {source:?}") };
        assert_eq!((&entry.key, &entry.chain), (&plain.key, &plain.chain), "{source:?}");
        assert!(store.certificates.is_empty());
    }
    assert_eq!(Store::read(&inline(&text("chain.pem"), &text("key-sec1.pem"), "")).unwrap().keys.len(), 1);
}

#[test]
fn the_same_authority_comes_out_of_every_format() {
    let plain = Store::read(&file("ca.pem", true, "", "")).unwrap().into_anchors();
    assert_eq!(plain.len(), 1);
    for (name, password) in
        [("trust.jks", "milena"), ("trust.jks", ""), ("trust.p12", "milena"), ("trust-openssl.p12", "milena")]
    {
        assert_eq!(Store::read(&file(name, false, password, "")).unwrap().into_anchors(), plain, "{name} {password}");
    }
    // Of a key, its own certificate is trusted, not those above it.
    assert_eq!(Store::read(&file("client.p12", false, "milena", "")).unwrap().into_anchors().len(), 1);
}

#[test]
fn what_is_wrong_with_a_store_is_told() {
    for (source, about, reason) in [
        (file("client.jks", false, "wrong", ""), About::Password, "password is wrong"),
        (file("client.p12", false, "wrong", ""), About::Password, "password is wrong"),
        (file("client-old.p12", false, "wrong", ""), About::Password, "password is wrong"),
        (file("trust.p12", false, "", ""), About::Password, "has a password"),
        (file("client-own-password.jks", false, "milena", ""), About::Password, "password of its own"),
        (file("client-own-password.jks", false, "milena", "wrong"), About::KeyPassword, "cannot be decrypted"),
        (file("none.jks", false, "milena", ""), About::Store, "cannot read the file"),
        (file("ca.pem", false, "milena", ""), About::Store, "set the store's type to PEM"),
        (file("make.sh", false, "milena", ""), About::Store, "neither a JKS nor a PKCS12"),
        (file("trust.jks", true, "", ""), About::Store, "no PEM text"),
        (file("make.sh", true, "", ""), About::Store, "No matching CERTIFICATE"),
        (inline(&text("chain.pem"), &text("key-encrypted.pem"), ""), About::KeyPassword, "set its password"),
        (inline(&text("chain.pem"), &text("key-encrypted.pem"), "x"), About::KeyPassword, "is wrong"),
        (inline(&text("chain.pem"), &text("key-outdated.pem"), "secret"), About::Store, "openssl pkcs8"),
        (inline("", &text("key.pem"), ""), About::Store, "no certificate"),
    ] {
        let error = Store::read(&source).unwrap_err();
        assert_eq!(error.about, about, "{source:?} {error:?}");
        assert!(error.reason.contains(reason), "{source:?} {error:?}");
    }
}

#[test]
fn a_store_cut_short_anywhere_is_refused() {
    for name in ["client.jks", "client.p12", "trust.jks", "trust.p12"] {
        let content = std::fs::read(data(name)).unwrap();
        for len in (0..content.len()).step_by(7) {
            let cut = content.get(..len).unwrap();
            let read = match name.ends_with("jks") {
                true => super::jks::read(cut, None, None),
                false => super::pkcs12::read(cut, Some("milena")),
            };
            assert!(read.is_err(), "{name} {len}");
        }
    }
}

fn settings(keystore: Option<StoreSource>, truststore: Option<StoreSource>) -> TlsSettings {
    let versions = TlsVersions { v12: true, v13: true };
    TlsSettings { keystore, truststore, check_host: true, versions, suites: Vec::new() }
}

#[test]
fn equal_settings_share_one_context() {
    let make = |name| TlsContext::shared(settings(None, Some(file(name, true, "", ""))));
    assert!(std::sync::Arc::ptr_eq(&make("ca.pem").unwrap(), &make("ca.pem").unwrap()));
    assert!(!std::sync::Arc::ptr_eq(&make("ca.pem").unwrap(), &make("chain.pem").unwrap()));
    let error = make("none.pem").unwrap_err().to_string();
    assert!(error.contains("ssl.truststore.location") && error.contains("none.pem"), "{error}");
    let keys =
        TlsContext::shared(settings(Some(file("trust.jks", false, "milena", "")), None)).unwrap_err().to_string();
    assert!(keys.contains("ssl.keystore.location") && keys.contains("no private key"), "{keys}");
}

/// A folder with a trust store that a test may change, and what has been read of it.
fn own_trust_store() -> (std::path::PathBuf, std::path::PathBuf, std::sync::Arc<TlsContext>) {
    let folder = std::env::temp_dir().join(format!("milena-tls-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("trust.pem");
    std::fs::copy(data("ca.pem"), &path).unwrap();
    let source = StoreSource::File { path: path.clone(), pem: true, password: None, key_password: None };
    let context = TlsContext::shared(settings(None, Some(source))).unwrap();
    (folder, path, context)
}

#[tokio::test]
async fn a_changed_store_is_read_again_and_a_broken_one_is_not_taken() {
    let (folder, path, context) = own_trust_store();
    let first = context.config().await;
    assert!(std::sync::Arc::ptr_eq(&first, &context.check_again()), "nothing changed");
    std::fs::write(&path, "half a certifi").unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &context.check_again()), "a broken file is not taken");
    std::fs::copy(data("chain.pem"), &path).unwrap();
    let second = context.check_again();
    assert!(!std::sync::Arc::ptr_eq(&first, &second), "a good one is");
    std::fs::remove_file(&path).unwrap();
    assert!(std::sync::Arc::ptr_eq(&second, &context.check_again()), "nor one that is gone");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The runtime has one thread here: what blocks it blocks the test.
#[tokio::test]
async fn a_file_system_that_does_not_answer_holds_up_nobody() {
    use std::time::{Duration, Instant};

    let (folder, path, context) = own_trust_store();
    let first = context.config().await;
    // Whoever reads a pipe waits for somebody who writes.
    std::fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    context.look_next_time();
    let start = Instant::now();
    let mut others = Box::pin(async {
        loop {
            let asked = Instant::now();
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert!(std::sync::Arc::ptr_eq(&first, &context.config().await), "what was read before goes on");
            assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
        }
    });
    let looked = tokio::select! {
        biased;
        looked = context.config() => looked,
        () = &mut others => unreachable!(),
    };
    assert!(std::sync::Arc::ptr_eq(&first, &looked) && start.elapsed() < Duration::from_secs(5));
    // The look is still under way; when it ends, what it has read counts.
    std::fs::write(&path, text("chain.pem")).unwrap();
    let start = Instant::now();
    while std::sync::Arc::ptr_eq(&first, &context.config().await) {
        assert!(start.elapsed() < Duration::from_secs(10), "the store that came late is never used");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn cipher_suites_go_by_javas_names() {
    assert!(TlsSettings::knows_suite("TLS_AES_256_GCM_SHA384"));
    assert!(TlsSettings::knows_suite("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
    assert!(!TlsSettings::knows_suite("TLS_RSA_WITH_AES_128_CBC_SHA"));
}

/// A broker with this certificate and key, and a client that trusts one store: what comes of the client's handshake with `host`.
async fn handshake(chain: &str, key: &str, trust: &str, host: &str, versions: TlsVersions) -> Result<(), String> {
    use rustls::crypto::ring::default_provider;
    use rustls::pki_types::ServerName;

    let provider = default_provider();
    let store = Store::read(&inline(&text(chain), &text(key), "")).unwrap();
    let entry = store.keys.into_iter().next().unwrap();
    let key = provider.key_provider.load_private_key(entry.key).unwrap();
    let own = std::sync::Arc::new(rustls::sign::CertifiedKey::new(entry.chain, key));
    let server = rustls::ServerConfig::builder_with_provider(std::sync::Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(std::sync::Arc::new(rustls::sign::SingleCertAndKey::from(own)));
    let settings = TlsSettings { versions, ..settings(None, Some(file(trust, true, "", ""))) };
    let client = TlsContext::shared(settings).unwrap().config().await;
    let (near, far) = tokio::io::duplex(64 << 10);
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(server));
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let (connected, _) =
        tokio::join!(tokio_rustls::TlsConnector::from(client).connect(name, near), acceptor.accept(far));
    connected.map(drop).map_err(|error| super::handshake_failure("connect", &error).to_string())
}

#[tokio::test]
async fn brokers_are_taken_or_refused_by_their_certificates() {
    for (v12, v13) in [(true, false), (false, true)] {
        let versions = TlsVersions { v12, v13 };
        for (chain, key, trust, host, outcome) in [
            ("chain.pem", "key.pem", "ca.pem", "client", ""),
            ("chain.pem", "key.pem", "ca.pem", "other", "another host"),
            ("chain.pem", "key.pem", "self-signed.pem", "client", "not signed by an authority"),
            ("self-signed.pem", "self-signed-key.pem", "self-signed.pem", "localhost", ""),
            ("self-signed.pem", "self-signed-key.pem", "self-signed.pem", "other", "another host"),
            ("self-signed.pem", "self-signed-key.pem", "ca.pem", "localhost", "broker's certificate"),
            ("version1.pem", "version1-key.pem", "ca.pem", "localhost", ""),
            ("version1.pem", "version1-key.pem", "version1.pem", "localhost", ""),
            ("version1.pem", "version1-key.pem", "ca.pem", "other", "another host"),
            ("version1.pem", "version1-key.pem", "self-signed.pem", "localhost", "not signed by an authority"),
            // The broker shows a certificate whose key it does not have.
            ("version1.pem", "key.pem", "ca.pem", "localhost", "broker"),
            ("chain.pem", "self-signed-key.pem", "ca.pem", "client", "broker"),
        ] {
            let result = handshake(chain, key, trust, host, versions).await;
            match outcome {
                "" => assert_eq!(result, Ok(()), "{chain} {trust} {host}"),
                reason => assert!(
                    result.as_ref().is_err_and(|e| e.contains(reason)),
                    "{chain} {key} {trust} {host} {result:?}"
                ),
            }
        }
    }
}

#[test]
fn a_certificate_is_shown_only_to_brokers_that_name_its_issuer_or_nobody() {
    use rustls::client::ResolvesClientCert;

    let entry = Store::read(&file("client.p12", false, "milena", "")).unwrap().keys.remove(0);
    let provider = rustls::crypto::ring::default_provider().key_provider;
    let key = provider.load_private_key(entry.key).unwrap();
    let schemes = [
        rustls::SignatureScheme::RSA_PSS_SHA256,
        rustls::SignatureScheme::RSA_PKCS1_SHA256,
        rustls::SignatureScheme::ECDSA_NISTP256_SHA256,
    ];
    let (_, own) = x509_parser::parse_x509_certificate(&entry.chain[0]).unwrap();
    let issuer = own.issuer().as_raw().to_vec();
    // As another tool may write the same name: other letters, other kind of text.
    let mut shouted = issuer.clone();
    let written = super::client_key::text_of_first_name(&issuer).unwrap();
    let at = issuer.windows(written.len()).position(|window| window == written.as_bytes()).unwrap();
    shouted[at..at + written.len()].make_ascii_uppercase();
    shouted[at - 2] = if issuer[at - 2] == 0x0c { 0x13 } else { 0x0c };
    assert_ne!(shouted, issuer);
    let other = [0x30, 0x0e, 0x31, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x03, b'X', b'Y', b'Z'];
    let keys = super::client_key::ClientKeys(vec![std::sync::Arc::new(rustls::sign::CertifiedKey::new(
        entry.chain.clone(),
        key,
    ))]);
    for (authorities, shown) in [
        (vec![], true),
        (vec![issuer.as_slice()], true),
        (vec![&other, issuer.as_slice()], true),
        (vec![shouted.as_slice()], true),
        (vec![other.as_slice()], false),
        (vec![b"no name".as_slice()], false),
    ] {
        assert_eq!(keys.resolve(&authorities, &schemes).is_some(), shown, "{authorities:?}");
    }
    assert!(keys.resolve(&[], &[rustls::SignatureScheme::ED448]).is_none(), "a key that the broker cannot check");
}
