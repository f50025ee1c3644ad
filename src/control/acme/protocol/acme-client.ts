import type { AccountKey } from './account-key.ts'
import { type Answer, HttpsClient } from './https-client.ts'
import { Problem, Unreachable } from './problem.ts'

/** What a server offers, and where (RFC 8555 §7.1.1). */
export interface Directory {
  readonly newNonce: string
  readonly newAccount: string
  readonly newOrder: string
  /** Absent: the server does not say when to renew (RFC 9773). */
  readonly renewalInfo?: string
  readonly meta?: {
    readonly termsOfService?: string
    readonly externalAccountRequired?: boolean
    /** The names of profiles, with a description of each (draft-ietf-acme-profiles). */
    readonly profiles?: Readonly<Record<string, string>>
  }
}

/** An answer of an ACME server. */
export interface Resource<Content> {
  readonly content: Content
  /** The value of Location. */
  readonly location: string | undefined
  /** For how long it need not be asked for again, in ms. */
  readonly retryAfter: number | undefined
}

/** How often a request is repeated whose nonce the server does not know any more. */
const MOST_NONCES = 8
/** How many nonces are kept. */
const MOST_KEPT = 10

/** Speaks ACME with one server (RFC 8555): what it asks is signed, with a nonce of the server's. */
export class AcmeClient {
  readonly url: string
  readonly #https: HttpsClient
  #directory: Directory | undefined
  #nonces: string[] = []

  /**
   * @param url the directory's
   * @param ca the certificates to trust instead of the system's, as PEM
   */
  constructor(url: string, ca: string | undefined) {
    this.url = url
    this.#https = new HttpsClient(ca)
  }

  /** @throws Unreachable */
  async directory(signal: AbortSignal): Promise<Directory> {
    this.#directory ??= directoryOf(await this.get(this.url, signal), this.url)
    return this.#directory
  }

  /**
   * Asks for what needs no signature.
   *
   * @throws Unreachable, Problem
   */
  async get(url: string, signal: AbortSignal): Promise<Resource<unknown>> {
    return resourceOf(await this.#https.send('GET', url, signal), url)
  }

  /**
   * Asks for something in an account's name.
   *
   * @param payload undefined to read what is at that URL
   * @param account the account's URL; undefined before there is one
   * @throws Unreachable, Problem
   */
  async post(
    url: string,
    payload: unknown,
    key: AccountKey,
    account: string | undefined,
    signal: AbortSignal,
  ): Promise<Resource<unknown>> {
    for (let tries = 1; ; tries++) {
      const body = await key.sign(url, await this.#nonce(signal), payload, account)
      const answer = await this.#https.send('POST', url, signal, body)
      this.#keepNonce(answer)
      try {
        return resourceOf(answer, url)
      } catch (error) {
        if (!(error instanceof Problem) || error.type !== 'badNonce' || tries === MOST_NONCES) throw error
      }
    }
  }

  async #nonce(signal: AbortSignal): Promise<string> {
    const kept = this.#nonces.pop()
    if (kept !== undefined) return kept
    const { newNonce } = await this.directory(signal)
    const nonce = (await this.#https.send('HEAD', newNonce, signal)).header('replay-nonce')
    if (nonce === undefined) throw new Unreachable(`${newNonce} gives no nonce`)
    return nonce
  }

  #keepNonce(answer: Answer): void {
    const nonce = answer.header('replay-nonce')
    if (nonce !== undefined) this.#nonces = [...this.#nonces.slice(1 - MOST_KEPT), nonce]
  }

  /** The server may have changed: its directory is read again. */
  forget(): void {
    this.#directory = undefined
    this.#nonces = []
  }

  close(): void {
    this.#https.close()
  }
}

function directoryOf({ content }: Resource<unknown>, url: string): Directory {
  const found = content as Partial<Directory> | null
  const isComplete = [found?.newNonce, found?.newAccount, found?.newOrder].every((place) => typeof place === 'string')
  if (!isComplete) throw new Unreachable(`${url} is not the directory of an ACME server`)
  return found as Directory
}

/** @throws Problem if it is one, Unreachable if it is not an answer of an ACME server */
function resourceOf(answer: Answer, url: string): Resource<unknown> {
  const { status, body } = answer
  const type = answer.header('content-type') ?? ''
  const retryAfter = retryDelay(answer.header('retry-after'))
  const isJson = type.includes('json')
  let content: unknown = body
  if (isJson && body !== '') {
    try {
      content = JSON.parse(body)
    } catch {
      throw new Unreachable(`${new URL(url).host} answers with invalid JSON`)
    }
  }
  if (status >= 200 && status < 300) return { content, location: answer.header('location'), retryAfter }
  if (isJson) throw Problem.of(content, status, retryAfter)
  throw new Unreachable(`${new URL(url).host} answers with status ${status}`, retryAfter)
}

/** What a Retry-After asks for (RFC 9110 §10.2.3), in ms. */
function retryDelay(value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const delay = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isFinite(delay) ? Math.max(delay, 0) : undefined
}
