#!/usr/bin/env bash
# Makes the stores that the unit tests of TLS read: one key in every format. Needs openssl and keytool. All passwords: milena; the key's own: secret.
set -euo pipefail
cd "$(dirname "$0")"
rm -f ./*.pem ./*.jks ./*.p12
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj "/CN=test authority" -keyout ca.key -out ca.pem 2> /dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=client" -keyout client.key -out client.csr 2> /dev/null
printf 'subjectAltName=DNS:client\n' > ext
openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 36500 -extfile ext -out client.crt 2> /dev/null
cat client.crt ca.pem > chain.pem
# Version 1: what openssl made of a request without extensions, before 3.2 at the latest.
openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout old.key -out old.csr 2> /dev/null
openssl x509 -req -in old.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 36500 -out version1.pem 2> /dev/null
openssl x509 -in version1.pem -noout -text | grep -q 'Version: 1 ' || { echo "this openssl makes no certificates of version 1" >&2; exit 1; }
cp old.key version1-key.pem
# A certificate of itself, as many a test broker has.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj "/CN=localhost" -keyout self-signed-key.pem -out self-signed.pem 2> /dev/null
cp client.key key.pem
openssl pkcs8 -topk8 -v2 aes-256-cbc -in client.key -passout pass:secret -out key-encrypted.pem
openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -in client.key -passout pass:secret -out key-outdated.pem
openssl ec -in client.key -out key-sec1.pem 2> /dev/null
openssl pkcs12 -export -name client -in chain.pem -inkey client.key -passout pass:milena -out client.p12
openssl pkcs12 -export -legacy -name client -in chain.pem -inkey client.key -passout pass:milena -out client-old.p12
openssl pkcs12 -export -nokeys -in ca.pem -passout pass:milena -out trust-openssl.p12
kt() { keytool -J-Xmx64m -noprompt "$@" 2> /dev/null; }
kt -importkeystore -srckeystore client.p12 -srcstorepass milena -destkeystore client.jks -deststoretype JKS -deststorepass milena
cp client.jks client-own-password.jks
kt -keypasswd -alias client -keystore client-own-password.jks -storepass milena -keypass milena -new secret
kt -importcert -alias ca -file ca.pem -keystore trust.jks -storetype JKS -storepass milena
kt -importcert -alias ca -file ca.pem -keystore trust.p12 -storetype PKCS12 -storepass milena
rm -f ca.key client.key client.csr client.crt ext ca.srl old.key old.csr
