/** What an error of OpenSSL means for the operator, by its code. */
const meanings: Readonly<Record<string, string>> = {
  ECONNRESET: 'it was reset by the client',
  EPIPE: 'it was closed by the client',
  ERR_SSL_NO_SHARED_CIPHER: 'the client offers no cipher suite, or no kind of key, that is used here',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the client offers no version of TLS that is used here',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'the client offers no protocol (ALPN) that is spoken here',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'the client shows no certificate',
  ERR_SSL_NO_SUITABLE_KEY_SHARE: 'the client offers no way to exchange keys that is used here',
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: 'the client offers no kind of signature that fits the certificate',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the client does not trust the authority of the certificate',
  ERR_SSL_TLS_ALERT_UNKNOWN_CA: 'the client does not trust the authority of the certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'the client does not accept the certificate',
  ERR_SSL_SSL_TLS_ALERT_CERTIFICATE_UNKNOWN: 'the client does not accept the certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the client does not accept the certificate',
  ERR_SSL_SSL_TLS_ALERT_BAD_CERTIFICATE: 'the client does not accept the certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the certificate has expired, says the client',
  ERR_SSL_SSL_TLS_ALERT_CERTIFICATE_EXPIRED: 'the certificate has expired, says the client',
}

/** Why a handshake failed, in a few words for the log: OpenSSL's own where it is not among the usual errors. */
export function handshakeErrorText(error: NodeJS.ErrnoException & { reason?: string }): string {
  const known = meanings[error.code ?? '']
  return known ?? `its TLS handshake failed: ${error.reason ?? error.message}`
}
