export type KeyType = 'ecdsa' | 'rsa'

export type ChallengeType = 'http-01' | 'tls-alpn-01' | 'dns-01'

/** A certificate authority that speaks ACME. */
export interface AuthoritySettings {
  /** What it is called in the log. */
  readonly name: string
  /** The URL of its directory. */
  readonly directory: string
  /** The certificates to trust for its API instead of the system's, as PEM. */
  readonly ca?: string
  readonly email?: string
  /** The customer's account to which the ACME account is tied; the key is in base64url. */
  readonly externalAccount?: { readonly kid: string; readonly key: string }
  /** The profile of its certificates. Absent: the authority's default. */
  readonly profile?: string
}
