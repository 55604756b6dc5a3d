//! Properties of TLS.

use super::{Doc, JAVA_CODE, harmless, honoured, refused};

const PROVIDERS: &str = "other algorithms come from providers, which are Java code; remove the property";

pub(super) static DOCS: &[Doc] = &[
    honoured("security.protocol", "Whether connections use TLS (SSL, SASL_SSL) and log in (SASL_PLAINTEXT, SASL_SSL)."),
    refused("security.providers", "Classes that add algorithms to Java.", &[], JAVA_CODE),
    honoured("ssl.protocol", "The newest TLS version to use, TLSv1.3 or TLSv1.2."),
    refused(
        "ssl.provider",
        "Which of Java's TLS libraries is used.",
        &["SunJSSE"],
        "there is one TLS library here; remove the property",
    ),
    honoured("ssl.cipher.suites", "Cipher suites to offer, by Java's names; all that are safe if not given."),
    honoured("ssl.enabled.protocols", "TLS versions to offer."),
    honoured("ssl.keystore.type", "Format of the key store: JKS, PKCS12 or PEM."),
    honoured("ssl.keystore.location", "File with this client's certificate and key, where brokers ask for one."),
    honoured("ssl.keystore.password", "Password of the key store's file; a PEM file has none."),
    honoured("ssl.key.password", "Password of the private key."),
    honoured("ssl.keystore.key", "The private key itself as PEM text, instead of a file."),
    honoured(
        "ssl.keystore.certificate.chain",
        "This client's certificate and those above it as PEM text, instead of a file.",
    ),
    honoured("ssl.truststore.certificates", "Certificates to trust as PEM text, instead of a file."),
    honoured("ssl.truststore.type", "Format of the trust store: JKS, PKCS12 or PEM."),
    honoured(
        "ssl.truststore.location",
        "File with the certificates to trust; without one, those of the operating system are.",
    ),
    honoured("ssl.truststore.password", "Password of the trust store's file; a PEM file has none."),
    refused(
        "ssl.keymanager.algorithm",
        "How Java picks a key from the key store.",
        &["NewSunX509", "PKIX", "SunX509"],
        PROVIDERS,
    ),
    refused("ssl.trustmanager.algorithm", "How Java checks certificates.", &["PKIX", "SunX509", "X509"], PROVIDERS),
    honoured(
        "ssl.endpoint.identification.algorithm",
        "Whether the host name must be in the broker's certificate: https for yes, empty for no.",
    ),
    harmless(
        "ssl.secure.random.implementation",
        "Where Java gets random numbers for TLS from.",
        "the operating system's are used",
    ),
    refused(
        "ssl.engine.factory.class",
        "Class that makes TLS connections.",
        &["org.apache.kafka.common.security.ssl.DefaultSslEngineFactory"],
        JAVA_CODE,
    ),
];
