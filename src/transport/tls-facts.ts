import type { ApplicationProtocol } from '../runtime/tls-settings.ts'

/** What the handshake of a client's TLS connection has settled. It never changes: there is no renegotiation. */
export interface TlsFacts {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly version: string
  /** The cipher suite's name, as OpenSSL writes it. */
  readonly cipher: string
  /** The host that the client named (SNI, RFC 6066 §3), in lower case, without a final dot; empty if it named none. */
  readonly serverName: string
  /** Whether the client continued an earlier TLS session. */
  readonly isResumed: boolean
  /** What was agreed by ALPN (RFC 7301); empty if the client offered nothing. */
  readonly protocol: ApplicationProtocol | ''
  /** The client's certificate, if the listener's authorities have issued it. */
  readonly clientCertificate: ClientCertificate | undefined
  /** Field lines that every response has, each with its line end; empty for none. */
  readonly responseFields: string
  /**
   * Whether a request for that host may be served on this connection (RFC 9110 §7.4); if not, it is answered with 421.
   *
   * @param host in normal form: see `normaliseHost`
   */
  covers(host: string): boolean
}

/** A client's certificate. All values are safe in a header. */
export interface ClientCertificate {
  /** Its subject, as in RFC 4514: the most specific attribute first, `CN=alice,O=Example`. */
  readonly subject: string
  /** Its issuer, in the same form. */
  readonly issuer: string
  /** SHA-256 of the certificate, in lower-case hexadecimal digits. */
  readonly fingerprint: string
  /** In lower-case hexadecimal digits. */
  readonly serial: string
  /** When it expires, as in `2027-01-31T12:00:00Z`. */
  readonly notAfter: string
}
