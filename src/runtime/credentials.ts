/** What filters verify users by, as it travels to workers. */

/** The users of a password file and the hashes of their passwords. */
export interface PasswordFile {
  /** The path of the file. */
  readonly name: string
  /** One line for each user, `USER:HASH\n`, in the order of the names' bytes. */
  readonly users: Uint8Array
}

/** The keys by which tokens are verified. */
export interface KeySet {
  /** The URL or the path that it comes from. */
  readonly name: string
  readonly keys: readonly TokenKey[]
}

/** A JSON Web Key (RFC 7517) with the members that matter here: a public key, or a secret. */
export interface TokenKey {
  readonly kty: 'RSA' | 'EC' | 'OKP' | 'oct'
  readonly kid?: string
  readonly alg?: string
  readonly use?: string
  readonly n?: string
  readonly e?: string
  readonly crv?: string
  readonly x?: string
  readonly y?: string
  readonly k?: string
}
