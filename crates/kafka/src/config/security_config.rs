//! How a client proves who it is and checks who it talks to.
//!
//! Counterpart: org.apache.kafka.common.config.SslConfigs and SaslConfigs.

use std::path::PathBuf;
use std::sync::Arc;

use milena_api::config::Secret;

use super::jaas;
use super::values::Values;
use crate::error::Result;
use crate::net::{Mechanism, SaslContext, StoreSource, TlsContext, TlsSettings, TlsVersions};

/// What `security.protocol` and the properties behind it come to. Equal ones are one for the whole process.
#[derive(Debug, Clone, Default)]
pub(crate) struct SecurityConfig {
    pub tls: Option<Arc<TlsContext>>,
    pub sasl: Option<Arc<SaslContext>>,
}

impl SecurityConfig {
    /// Reads the key stores too, so that a wrong password is known at once.
    pub(super) fn from_values(values: &Values<'_>) -> Result<Self> {
        let protocol = values.text("security.protocol").unwrap_or("PLAINTEXT").to_ascii_uppercase();
        let tls = match protocol.ends_with("SSL") {
            true => Some(TlsContext::shared(tls(values)?)?),
            false => None,
        };
        let sasl = match protocol.starts_with("SASL") {
            true => Some(sasl(values)?),
            false => None,
        };
        Ok(Self { tls, sasl })
    }
}

/// A property's text, if it has any.
fn filled<'a>(values: &'a Values<'_>, name: &str) -> Option<&'a str> {
    values.text(name).filter(|text| !text.is_empty())
}

fn secret(values: &Values<'_>, name: &str) -> Option<Secret> {
    filled(values, name).map(Secret::new)
}

fn tls(values: &Values<'_>) -> Result<TlsSettings> {
    for name in ["ssl.provider"] {
        if filled(values, name).is_some() {
            return values.refuse(
                name,
                "it names Java code, which cannot run in this worker; remove the property: TLS needs no provider here",
            );
        }
    }
    one_of(values, "ssl.keymanager.algorithm", &["SunX509", "NewSunX509", "PKIX"])?;
    one_of(values, "ssl.trustmanager.algorithm", &["PKIX", "SunX509", "X509"])?;
    let check_host = match values.text("ssl.endpoint.identification.algorithm").unwrap_or("") {
        "" => false,
        name if name.eq_ignore_ascii_case("https") => true,
        _ => {
            return values.refuse(
                "ssl.endpoint.identification.algorithm",
                "it must be https, or empty to accept a certificate of any host name",
            );
        }
    };
    Ok(TlsSettings {
        keystore: keystore(values)?,
        truststore: truststore(values)?,
        check_host,
        versions: versions(values)?,
        suites: suites(values)?,
    })
}

fn one_of(values: &Values<'_>, name: &str, known: &[&str]) -> Result<()> {
    match filled(values, name) {
        Some(text) if !known.iter().any(|known| known.eq_ignore_ascii_case(text)) => values.refuse(
            name,
            format!("only {} can be had without Java's providers; remove the property", known.join(", ")),
        ),
        _ => Ok(()),
    }
}

/// Whether the type is PEM; JKS and PKCS12 are told apart by what is in the file, as Java does.
fn is_pem(values: &Values<'_>, name: &str) -> Result<bool> {
    match values.text(name).unwrap_or("JKS").to_ascii_uppercase().as_str() {
        "PEM" => Ok(true),
        "JKS" | "PKCS12" => Ok(false),
        _ => values.refuse(name, "it must be JKS, PKCS12 or PEM; convert the store with keytool -importkeystore"),
    }
}

fn keystore(values: &Values<'_>) -> Result<Option<StoreSource>> {
    const LOCATION: &str = "ssl.keystore.location";
    const PASSWORD: &str = "ssl.keystore.password";
    const CHAIN: &str = "ssl.keystore.certificate.chain";
    const KEY: &str = "ssl.keystore.key";
    let pem = is_pem(values, "ssl.keystore.type")?;
    let (location, password) = (filled(values, LOCATION), secret(values, PASSWORD));
    let key_password = secret(values, "ssl.key.password");
    match (secret(values, CHAIN), secret(values, KEY)) {
        (None, None) => {}
        (Some(_), None) => {
            return values.refuse(
                CHAIN,
                "SSL certificate chain is specified, but private key is not specified; set ssl.keystore.key",
            );
        }
        (None, Some(_)) => return values.refuse(
            KEY,
            "SSL private key is specified, but certificate chain is not specified; set ssl.keystore.certificate.chain",
        ),
        _ if !pem => return values.refuse("ssl.keystore.type", "it must be PEM where ssl.keystore.key is set"),
        _ if location.is_some() => {
            return values.refuse(
                LOCATION,
                "Both SSL key store location and separate private key are specified; remove one of them",
            );
        }
        _ if password.is_some() => {
            return values.refuse(
                PASSWORD,
                "SSL key store password cannot be specified with PEM format, only ssl.key.password may be specified",
            );
        }
        (Some(certificates), key) => return Ok(Some(StoreSource::Inline { certificates, key, key_password })),
    }
    let Some(location) = location else {
        if password.is_some() {
            return values.refuse(
                PASSWORD,
                "SSL key store is not specified, but key store password is specified; set ssl.keystore.location",
            );
        }
        return Ok(None);
    };
    match (pem, &password) {
        (true, Some(_)) => values.refuse(
            PASSWORD,
            "SSL key store password cannot be specified with PEM format, only ssl.key.password may be specified",
        ),
        (false, None) => values.refuse(
            LOCATION,
            "SSL key store is specified, but key store password is not specified; set ssl.keystore.password",
        ),
        _ => Ok(Some(StoreSource::File { path: PathBuf::from(location), pem, password, key_password })),
    }
}

fn truststore(values: &Values<'_>) -> Result<Option<StoreSource>> {
    const LOCATION: &str = "ssl.truststore.location";
    const PASSWORD: &str = "ssl.truststore.password";
    let pem = is_pem(values, "ssl.truststore.type")?;
    let (location, password) = (filled(values, LOCATION), secret(values, PASSWORD));
    if pem && password.is_some() {
        return values.refuse(PASSWORD, "SSL trust store password cannot be specified for PEM format; remove it");
    }
    if let Some(certificates) = secret(values, "ssl.truststore.certificates") {
        if !pem {
            return values.refuse("ssl.truststore.type", "it must be PEM where ssl.truststore.certificates is set");
        }
        if location.is_some() {
            return values.refuse(
                LOCATION,
                "Both SSL trust store location and separate trust certificates are specified; remove one of them",
            );
        }
        return Ok(Some(StoreSource::Inline { certificates, key: None, key_password: None }));
    }
    match location {
        None if password.is_some() => values.refuse(
            PASSWORD,
            "SSL trust store is not specified, but trust store password is specified; set ssl.truststore.location",
        ),
        None => Ok(None),
        Some(location) => {
            Ok(Some(StoreSource::File { path: PathBuf::from(location), pem, password, key_password: None }))
        }
    }
}

fn versions(values: &Values<'_>) -> Result<TlsVersions> {
    const PROTOCOL: &str = "ssl.protocol";
    const ENABLED: &str = "ssl.enabled.protocols";
    let protocol = values.text(PROTOCOL).unwrap_or("TLSv1.3");
    if !matches!(protocol, "" | "TLS" | "TLSv1.2" | "TLSv1.3") {
        return values
            .refuse(PROTOCOL, "only TLSv1.2 and TLSv1.3 are safe enough to be supported; use one of them, or TLS");
    }
    let enabled = values.list(ENABLED);
    if enabled.is_empty() {
        return Ok(TlsVersions { v12: true, v13: protocol != "TLSv1.2" });
    }
    let versions = TlsVersions { v12: enabled.contains(&"TLSv1.2"), v13: enabled.contains(&"TLSv1.3") };
    if !versions.v12 && !versions.v13 {
        return values.refuse(ENABLED, "only TLSv1.2 and TLSv1.3 are safe enough to be supported; name one of them");
    }
    Ok(versions)
}

fn suites(values: &Values<'_>) -> Result<Vec<String>> {
    const SUITES: &str = "ssl.cipher.suites";
    let named = values.list(SUITES);
    let (known, unknown): (Vec<&str>, Vec<&str>) = named.iter().partition(|name| TlsSettings::knows_suite(name));
    if known.is_empty() && !named.is_empty() {
        let all = TlsSettings::suites().join(", ");
        return values.refuse(SUITES, format!("none of them is supported; remove the property or name some of {all}"));
    }
    if !unknown.is_empty() {
        tracing::warn!(suites = ?unknown, "these of ssl.cipher.suites are not supported and are left out");
    }
    Ok(known.into_iter().map(str::to_owned).collect())
}

fn sasl(values: &Values<'_>) -> Result<Arc<SaslContext>> {
    const MECHANISM: &str = "sasl.mechanism";
    const JAAS: &str = "sasl.jaas.config";
    let mechanism = match values.text(MECHANISM).unwrap_or("GSSAPI") {
        "PLAIN" => Mechanism::Plain,
        "SCRAM-SHA-256" => Mechanism::ScramSha256,
        "SCRAM-SHA-512" => Mechanism::ScramSha512,
        "GSSAPI" | "OAUTHBEARER" => {
            return values.refuse(MECHANISM, "it is not supported yet; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512");
        }
        _ => return values.refuse(MECHANISM, "it must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
    };
    let hidden = |reason: String| values.refuse(JAAS, reason);
    let Some(text) = filled(values, JAAS) else {
        return hidden("it is not set; there is no JVM whose login configuration could be used instead".to_owned());
    };
    let modules = match jaas::parse(text) {
        Ok(modules) => modules,
        Err(reason) => return hidden(reason),
    };
    let [module] = modules.as_slice() else {
        return hidden(format!("JAAS config property contains {} login modules, should be 1 module", modules.len()));
    };
    let known = ["plain.PlainLoginModule", "scram.ScramLoginModule"];
    if !known.iter().any(|known| module.name.strip_prefix("org.apache.kafka.common.security.") == Some(known)) {
        return hidden(format!(
            "the login module {} is Java code, which cannot run in this worker; use org.apache.kafka.common.security.plain.PlainLoginModule or ...scram.ScramLoginModule",
            module.name
        ));
    }
    let (Some(username), Some(password)) = (module.option("username"), module.option("password")) else {
        return hidden("the login module needs the options username and password".to_owned());
    };
    let token = module.option("tokenauth").is_some_and(|value| value.reveal().eq_ignore_ascii_case("true"));
    if token && mechanism == Mechanism::Plain {
        return hidden("tokenauth needs a SCRAM mechanism".to_owned());
    }
    Ok(SaslContext::shared(mechanism, username.reveal(), password.clone(), token))
}
