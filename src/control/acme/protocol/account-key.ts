import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint, FlattenedSign, type JWK } from 'jose'

/** The key of an account, an ECDSA key on P-256: everything that is asked in its name is signed with it (RFC 8555 §6.2). */
export class AccountKey {
  readonly #key: KeyObject
  readonly #jwk: JWK

  private constructor(key: KeyObject) {
    this.#key = key
    this.#jwk = createPublicKey(key).export({ format: 'jwk' }) as JWK
  }

  static generate(): AccountKey {
    return new AccountKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  }

  /** @throws Error if it is none */
  static fromPem(pem: string): AccountKey {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error('not an ECDSA key on P-256')
    return new AccountKey(key)
  }

  get pem(): string {
    return this.#key.export({ type: 'pkcs8', format: 'pem' }) as string
  }

  /** What answers a challenge with that token (RFC 8555 §8.1). */
  async authorization(token: string): Promise<string> {
    return `${token}.${await calculateJwkThumbprint(this.#jwk)}`
  }

  /**
   * Signs a request (RFC 8555 §6.2).
   *
   * @param payload undefined for a POST-as-GET
   * @param account the account's URL; undefined before there is one
   * @returns the request's body
   */
  async sign(url: string, nonce: string, payload: unknown, account: string | undefined): Promise<string> {
    const bytes = new TextEncoder().encode(payload === undefined ? '' : JSON.stringify(payload))
    const signer = account === undefined ? { jwk: this.#jwk } : { kid: account }
    const signed = await new FlattenedSign(bytes)
      .setProtectedHeader({ alg: 'ES256', nonce, url, ...signer })
      .sign(this.#key)
    return JSON.stringify(signed)
  }

  /**
   * Ties this key to an account elsewhere (external account binding, RFC 8555 §7.3.4).
   *
   * @param key the shared key, in base64url
   */
  async bind(url: string, kid: string, key: string): Promise<unknown> {
    const payload = new TextEncoder().encode(JSON.stringify(this.#jwk))
    return new FlattenedSign(payload).setProtectedHeader({ alg: 'HS256', kid, url }).sign(Buffer.from(key, 'base64url'))
  }
}
