/** What a listener with TLS offers. */
export interface ListenerTls {
  /**
   * The names of its certificates, in the file's order. The first one that has the client's server name serves, else the first one
   * with a wildcard that covers it, else the first one of all; ECDSA goes before RSA for a client that can use both.
   */
  readonly certificates: readonly string[]
  /** Whether a certificate is obtained first for a host that none covers, if the operator's program allows it. */
  readonly isOnDemand?: true
  /** What a client gets that names a host which no certificate covers: the first certificate, or an `unrecognized_name` alert. */
  readonly unknownNames: 'default' | 'refuse'
  /** The protocols that are offered by ALPN, in order of preference. */
  readonly protocols: readonly ApplicationProtocol[]
  readonly minVersion: TlsVersion
  /** OpenSSL's list of cipher suites, those of TLS 1.3 among them. */
  readonly ciphers: string
  /** Absent: clients are not asked for certificates. */
  readonly clientCertificates?: ClientCertificates
  /** From the connection's start to the end of the handshake, in ms; 0 for no limit. */
  readonly handshakeTimeout: number
  /** The value of Strict-Transport-Security in every response (RFC 6797). Absent: there is none. */
  readonly strictTransportSecurity?: string
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

export type ApplicationProtocol = 'h2' | 'http/1.1'

/** Which certificates of clients are accepted. */
export interface ClientCertificates {
  /** The certificates of authorities, as PEM. */
  readonly ca: string
  /** Whether a client without a valid one is refused. */
  readonly isRequired: boolean
}

/** A certificate with its key. */
export interface Certificate {
  /** Unique in the Snapshot: its file's path, or the host that it was obtained for. It stays the same when the certificate is renewed. */
  readonly name: string
  /** The hosts that it covers: lower case, `*.example.org` for every name one label below it, and IP addresses. */
  readonly hosts: readonly string[]
  /** The certificate and its chain, as PEM. */
  readonly chain: string
  /** As PEM. */
  readonly key: string
  readonly keyType: 'ecdsa' | 'rsa'
}

/** How connections to the servers of an upstream are encrypted. */
export interface UpstreamTls {
  /** The certificates of authorities that are trusted, as PEM. Absent: those of the system. */
  readonly ca?: string
  /** The name that is asked for, and that the server's certificate must cover. Absent: the host of its address. */
  readonly serverName?: string
  /** Whether a server whose certificate is not valid is refused. */
  readonly verify: boolean
  /** Limpet's own certificate with its chain, and its key, as PEM. */
  readonly client?: { readonly chain: string; readonly key: string }
}
