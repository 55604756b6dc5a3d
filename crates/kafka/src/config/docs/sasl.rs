//! Properties of SASL.

use super::{Doc, JAVA_CODE, harmless, honoured, refused};

const KERBEROS: &str = "only the mechanism GSSAPI uses it, which sasl.mechanism refuses by name so far";
const OAUTH: &str = "only the mechanism OAUTHBEARER uses it, which sasl.mechanism refuses by name so far";
const LOGIN: &str = "only mechanisms that fetch tickets or tokens use it, which sasl.mechanism refuses by name so far";

pub(super) static DOCS: &[Doc] = &[
    honoured(
        "sasl.mechanism",
        "How to log in: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; GSSAPI and OAUTHBEARER are refused so far.",
    ),
    honoured("sasl.jaas.config", "User name and password in the form of a line of a JAAS file."),
    refused("sasl.client.callback.handler.class", "Class that answers a mechanism's questions.", &[], JAVA_CODE),
    refused("sasl.login.callback.handler.class", "Class that answers a login's questions.", &[], JAVA_CODE),
    refused("sasl.login.class", "Class that logs in.", &[], JAVA_CODE),
    harmless("sasl.kerberos.service.name", "Name of the Kerberos service that brokers run as.", KERBEROS),
    harmless("sasl.kerberos.kinit.cmd", "Path of kinit.", KERBEROS),
    harmless(
        "sasl.kerberos.ticket.renew.window.factor",
        "Share of a ticket's life after which it is renewed.",
        KERBEROS,
    ),
    harmless("sasl.kerberos.ticket.renew.jitter", "Share of the renewal time that is left to chance.", KERBEROS),
    harmless("sasl.kerberos.min.time.before.relogin", "Milliseconds between two renewals at least.", KERBEROS),
    harmless("sasl.login.refresh.window.factor", "Share of a credential's life after which it is renewed.", LOGIN),
    harmless("sasl.login.refresh.window.jitter", "Share of the renewal time that is left to chance.", LOGIN),
    harmless("sasl.login.refresh.min.period.seconds", "Seconds between two renewals at least.", LOGIN),
    harmless("sasl.login.refresh.buffer.seconds", "Seconds before its end by which a credential is renewed.", LOGIN),
    harmless("sasl.login.connect.timeout.ms", "Milliseconds that connecting to the identity provider may take.", OAUTH),
    harmless("sasl.login.read.timeout.ms", "Milliseconds that the identity provider may take to answer.", OAUTH),
    harmless("sasl.login.retry.backoff.ms", "Milliseconds before the identity provider is asked again.", OAUTH),
    harmless("sasl.login.retry.backoff.max.ms", "The longest wait that sasl.login.retry.backoff.ms grows to.", OAUTH),
    refused(
        "sasl.oauthbearer.jwt.retriever.class",
        "Class that fetches tokens.",
        &["org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever"],
        JAVA_CODE,
    ),
    refused(
        "sasl.oauthbearer.jwt.validator.class",
        "Class that checks tokens.",
        &["org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"],
        JAVA_CODE,
    ),
    harmless("sasl.oauthbearer.scope", "What the token is to allow.", OAUTH),
    harmless("sasl.oauthbearer.client.credentials.client.id", "Name of this client at the identity provider.", OAUTH),
    harmless(
        "sasl.oauthbearer.client.credentials.client.secret",
        "Secret of this client at the identity provider.",
        OAUTH,
    ),
    harmless(
        "sasl.oauthbearer.assertion.algorithm",
        "How the assertion that is exchanged for a token is signed.",
        OAUTH,
    ),
    harmless("sasl.oauthbearer.assertion.claim.aud", "Whom the assertion is for.", OAUTH),
    harmless("sasl.oauthbearer.assertion.claim.exp.seconds", "Seconds that the assertion is valid.", OAUTH),
    harmless("sasl.oauthbearer.assertion.claim.iss", "Who made the assertion.", OAUTH),
    harmless("sasl.oauthbearer.assertion.claim.jti.include", "Whether each assertion has a number of its own.", OAUTH),
    harmless(
        "sasl.oauthbearer.assertion.claim.nbf.seconds",
        "Seconds that the assertion is valid before it is made.",
        OAUTH,
    ),
    harmless("sasl.oauthbearer.assertion.claim.sub", "Whom the assertion is about.", OAUTH),
    harmless("sasl.oauthbearer.assertion.file", "File with a ready assertion.", OAUTH),
    harmless("sasl.oauthbearer.assertion.private.key.file", "File with the key that signs assertions.", OAUTH),
    harmless("sasl.oauthbearer.assertion.private.key.passphrase", "Password of that key.", OAUTH),
    harmless("sasl.oauthbearer.assertion.template.file", "File with further claims of assertions.", OAUTH),
    harmless("sasl.oauthbearer.scope.claim.name", "The token's claim that says what it allows.", OAUTH),
    harmless("sasl.oauthbearer.sub.claim.name", "The token's claim that says whom it is about.", OAUTH),
    harmless("sasl.oauthbearer.token.endpoint.url", "Where the identity provider gives tokens.", OAUTH),
    harmless("sasl.oauthbearer.jwks.endpoint.url", "Where the identity provider publishes its keys.", OAUTH),
    harmless(
        "sasl.oauthbearer.jwks.endpoint.refresh.ms",
        "Milliseconds after which those keys are fetched again.",
        OAUTH,
    ),
    harmless(
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms",
        "Milliseconds before those keys are asked for again.",
        OAUTH,
    ),
    harmless(
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
        "The longest wait that sasl.oauthbearer.jwks.endpoint.retry.backoff.ms grows to.",
        OAUTH,
    ),
    harmless("sasl.oauthbearer.clock.skew.seconds", "Seconds that clocks may differ by.", OAUTH),
    harmless("sasl.oauthbearer.expected.audience", "Whom a token must be for.", OAUTH),
    harmless("sasl.oauthbearer.expected.issuer", "Who must have made a token.", OAUTH),
    harmless(
        "sasl.oauthbearer.header.urlencode",
        "Whether name and secret are encoded for a URL before they are sent.",
        OAUTH,
    ),
];
