import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Solver } from '../challenges/solver.ts'
import type { Directory, Resource } from '../protocol/acme-client.ts'
import type { ChallengeType, KeyType } from '../protocol/authority-settings.ts'
import { newKey, type PemPair, requestFor } from '../protocol/certificate-request.ts'
import { Problem } from '../protocol/problem.ts'
import type { Account } from './account.ts'
import type { AcmeStore, KeptOrder } from './acme-store.ts'

/** The shortest and the longest time between two looks at what the authority does, in ms. */
const SHORTEST_WAIT = 100
const LONGEST_WAIT = 10_000
/** How long the authority may take for each step, in ms. */
const PATIENCE = 180_000

/** What is ordered. */
export interface Wish {
  readonly host: string
  readonly keyType: KeyType
  readonly profile: string | undefined
  /** Identifies the certificate that this one replaces (RFC 9773 §5). */
  readonly replaces: string | undefined
}

/** The authority has found that a host does not lead here; `problem` says what it has found. */
export class ChallengeFailed extends Error {
  override readonly name = 'ChallengeFailed'
  readonly type: ChallengeType
  readonly problem: Problem

  constructor(type: ChallengeType, problem: Problem) {
    super(problem.message)
    this.type = type
    this.problem = problem
  }
}

interface OrderState {
  readonly status: 'pending' | 'ready' | 'processing' | 'valid' | 'invalid'
  readonly authorizations: readonly string[]
  readonly finalize: string
  readonly certificate?: string
  readonly error?: unknown
}

interface Authorization {
  readonly status: string
  readonly challenges: readonly Challenge[]
}

interface Challenge {
  readonly type: string
  readonly url: string
  readonly token: string
  readonly status: string
  readonly error?: unknown
}

/** One order of a certificate, from the request to the certificate (RFC 8555 §7.4). */
export class Order {
  readonly #account: Account
  readonly #directory: Directory
  readonly #solver: Solver
  readonly #store: AcmeStore
  readonly #wish: Wish
  readonly #signal: AbortSignal

  constructor(
    account: Account,
    directory: Directory,
    solver: Solver,
    store: AcmeStore,
    wish: Wish,
    signal: AbortSignal,
  ) {
    this.#account = account
    this.#directory = directory
    this.#solver = solver
    this.#store = store
    this.#wish = wish
    this.#signal = signal
  }

  /**
   * Obtains the certificate. If this process or another began such an order with the same authority and did not end it, goes on with
   * that.
   *
   * @param directory the URL of the authority's directory
   * @throws ChallengeFailed, Problem, Unreachable
   */
  async run(directory: string, challenge: ChallengeType): Promise<PemPair> {
    const { host, keyType } = this.#wish
    const kept = this.#store.order(host)
    const { url, key, state } =
      (kept?.directory === directory ? await this.#resumed(kept, keyType) : undefined) ?? (await this.#begun(directory))
    try {
      const isOpen = state.status === 'pending'
      if (isOpen) for (const place of state.authorizations) await this.#authorize(place, challenge)
      const ready = isOpen ? await this.#once<OrderState>(url, isSettled) : state
      if (ready.status === 'ready') {
        await this.#post(state.finalize, { csr: await requestFor(host, key, keyType) })
      }
      const done = await this.#once<OrderState>(url, ({ status }) => status === 'valid' || status === 'invalid')
      if (done.certificate === undefined) throw Problem.of(done.error)
      const chain = String((await this.#post(done.certificate, undefined)).content)
      assertUsable(chain, key, host)
      this.#store.dropOrder(host)
      return { chain, key }
    } catch (error) {
      // Aborted, the next process goes on with it. Otherwise a new one is better.
      if (!this.#signal.aborted) this.#store.dropOrder(host)
      throw error
    }
  }

  async #resumed({ url, key }: KeptOrder, keyType: KeyType) {
    try {
      const { content } = await this.#post(url, undefined)
      const state = content as OrderState
      const isSame = createPrivateKey(key).asymmetricKeyType === (keyType === 'rsa' ? 'rsa' : 'ec')
      return isSame && state.status !== 'invalid' ? { url, key, state } : undefined
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      return undefined
    }
  }

  async #begun(directory: string) {
    const { host, keyType, profile, replaces } = this.#wish
    const identifiers = [{ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }]
    const order = (also: object) => this.#post(this.#directory.newOrder, { identifiers, ...also })
    const withProfile = profile === undefined ? {} : { profile }
    let begun: Resource<unknown>
    try {
      begun = await order({ ...withProfile, ...(replaces !== undefined && { replaces }) })
    } catch (error) {
      // The authority may not know the former certificate, have issued it to another account, or have replaced it (RFC 9773 §5):
      // that is no reason to have none.
      const isRefused = error instanceof Problem && error.type !== 'rateLimited'
      if (replaces === undefined || !isRefused) throw error
      begun = await order(withProfile)
    }
    const key = await newKey(keyType)
    const url = begun.location
    if (url === undefined) throw new Problem('malformed', 'it does not say where the new order is')
    await this.#store.keepOrder({ host, directory, url, key })
    return { url, key, state: begun.content as OrderState }
  }

  /** Proves that the host leads here. */
  async #authorize(place: string, type: ChallengeType): Promise<void> {
    const authorization = (await this.#post(place, undefined)).content as Authorization
    if (authorization.status === 'valid') return
    const challenge = authorization.challenges.find((each) => each.type === type)
    if (challenge === undefined) {
      const offered = authorization.challenges.map((each) => each.type).join(', ') || 'none'
      throw new ChallengeFailed(
        type,
        new Problem('unsupported', `it does not offer ${type} for this name, but ${offered}`),
      )
    }
    const proof = await this.#account.authorization(challenge.token)
    const end = await this.#solver.answer(type, this.#wish.host, challenge.token, proof, this.#signal)
    try {
      if (challenge.status === 'pending') await this.#post(challenge.url, {})
      const { status, challenges } = await this.#once<Authorization>(place, (each) => each.status !== 'pending')
      if (status === 'valid') return
      const { error } = challenges.find((each) => each.type === type) ?? {}
      throw new ChallengeFailed(type, Problem.of(error ?? { detail: `the authorization is ${status}` }))
    } finally {
      await end()
    }
  }

  /** Looks until it is so, at intervals that the authority may set. */
  async #once<Content>(url: string, isSo: (content: Content) => boolean): Promise<Content> {
    const until = performance.now() + PATIENCE
    for (let wait = SHORTEST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
      const { content, retryAfter = 0 } = await this.#post(url, undefined)
      if (isSo(content as Content)) return content as Content
      if (performance.now() > until) throw new Problem('timeout', `it does not decide within ${PATIENCE / 1000} s`)
      await sleep(Math.min(Math.max(wait, retryAfter), LONGEST_WAIT), undefined, { signal: this.#signal })
    }
  }

  #post(url: string, payload: unknown): Promise<Resource<unknown>> {
    return this.#account.post(url, payload, this.#signal)
  }
}

function isSettled({ status }: OrderState): boolean {
  return status !== 'pending'
}

/** @throws Problem if it is not a certificate of that host for that key that is valid now */
function assertUsable(chain: string, key: string, host: string): void {
  const fault = faultOf(chain, key, host)
  if (fault !== undefined) throw new Problem('unusable', `it has issued a certificate that ${fault}`)
}

function faultOf(chain: string, key: string, host: string): string | undefined {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(chain)
  } catch {
    return 'cannot be read'
  }
  if (!certificate.checkPrivateKey(createPrivateKey(key))) return 'belongs to another key'
  if (Date.parse(certificate.validTo) <= Date.now()) return `was valid until ${certificate.validTo}`
  const isCovered = isIP(host) === 0 ? certificate.checkHost(host.replace('*', 'any')) : certificate.checkIP(host)
  return isCovered === undefined ? `does not cover ${host}` : undefined
}
